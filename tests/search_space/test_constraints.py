"""``constraints`` and ``enqueue``: bounds on the network, and candidates to try first."""

from __future__ import annotations

import subprocess
import sys

import pytest

from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.reading.loading import load_space, space_from_text
from study.search_space.space import Bound
from tests.search_space.refusals import assert_refused
from tests.studies import ROOT

DEPTH = "parameters: {conv_layers: {type: int, low: 1, high: 3}}\n"


def test_a_plain_number_is_the_largest_allowed() -> None:
    space = space_from_text(DEPTH + "constraints: {parameters: 500_000, macs: {low: 10}}\n")
    assert space.constraints == {"parameters": Bound(high=500_000), "macs": Bound(low=10)}


def test_mistakes_in_constraints_are_named() -> None:
    assert_refused(
        DEPTH
        + "constraints:\n  parameters: {high: 100, low: 200}\n  macs: {top: 3}\n  latency: 3\n",
        "3: constraints.parameters.high: low 200 is above high 100; swap",
        "4: constraints.macs: unknown key 'top'; known: low, high",
        "5: constraints: unknown key 'latency'; known: parameters, macs",
    )
    assert_refused(
        DEPTH + "constraints: {parameters: -1, macs: {}}\n",
        "2: constraints.parameters: found -1; … from 0",
        "2: constraints.macs: … empty mapping … {low: …, high: …}",
    )
    assert_refused(
        DEPTH + "constraints: {macs: 3e5, parameters: {low: }}\n",
        "2: constraints.macs: … the text '3e5'; write 300000",
        "2: constraints.parameters.low: expected a number, found nothing",
    )


def test_a_space_no_candidate_of_which_fits_is_refused_with_the_nearest_found() -> None:
    assert_refused(
        DEPTH + "constraints: {parameters: 1000, macs: {low: 1_000_000_000}}\n",
        "2: constraints: none of its 3 sizes … smallest has 23,556 parameters … at most 1,000; …"
        " largest has 1,412,736 MACs … at least 1,000,000,000; widen the bounds",
    )


def test_a_large_space_no_candidate_of_which_fits_is_refused_by_a_search() -> None:
    text = """\
parameters:
  stages:
    count: {type: int, low: 2, high: 6}
    each:
      operation: {type: categorical, choices: [conv, separable, residual]}
      channels: {type: int, low: 8, high: 64}
      kernel: {type: categorical, choices: [3, 5]}
  padding: same
  head: global_average
constraints: {parameters: 200}
"""
    # two separable stages of 8 channels by hand: 9 + 8 + 8, 72 + 64 + 8, and 8 · 4 + 4
    expected = "10: constraints: … search … smallest has 205 parameters … at most 200"
    assert_refused(text, expected)


def test_a_narrow_band_in_a_large_space_is_found() -> None:
    text = """\
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: {type: int, low: 16, high: 4096}
  channels: {type: int, low: 4, high: 256}
constraints: {parameters: {low: 100_000, high: 100_400}}
"""
    assert space_from_text(text).constraints["parameters"] == Bound(low=100_000, high=100_400)


def test_what_the_search_finds_is_the_same_in_every_process() -> None:
    script = """\
from dataclasses import replace
from study.search_space.candidate import OCTMNIST
from study.search_space.extremes import least
from study.search_space.reading.loading import load_space
from study.search_space.space import Bound
stages = load_space("stages")
for band in ((280_000, 300_000), (290_000, 292_000), (29_000, 30_000)):
    bounds = {"parameters": Bound(low=band[0], high=band[1]), "macs": Bound(low=19_500_000)}
    space = replace(stages, constraints=bounds)
    print(least(space, lambda values: space.excess(values, OCTMNIST), until=0.0))
"""
    found = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_constraints_depend_on_the_format_of_the_images() -> None:
    text = DEPTH + "constraints: {parameters: 30_000}\n"
    assert space_from_text(text, image=OCTMNIST).constraints
    large = ImageFormat(channels=3, size=224, classes=4)
    assert_refused(text, "2: constraints: … the smallest has", image=large)


ROWS = """\
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  head: {type: categorical, choices: [flatten, global_average]}
  hidden_units: {type: int, low: 8, high: 16, when: {head: flatten}}
  channels: 16
enqueue:
"""


def test_rows_are_complete_valid_and_in_the_order_of_the_space() -> None:
    space = space_from_text(ROWS + "  - {head: flatten, hidden_units: 8, conv_layers: 2}\n")
    assert space.enqueue == ({"conv_layers": 2, "head": "flatten", "hidden_units": 8},)
    assert list(space.enqueue[0]) == ["conv_layers", "head", "hidden_units"]


def test_a_fixed_value_may_be_repeated_in_a_row() -> None:
    space = space_from_text(ROWS + "  - {conv_layers: 1, head: global_average, channels: 16}\n")
    assert space.enqueue == ({"conv_layers": 1, "head": "global_average"},)


def test_mistakes_in_rows_are_named_all_at_once() -> None:
    rows = """\
  - {conv_layers: 4, head: flatten, hidden_units: 8}
  - {conv_layers: 1, head: global_average, hidden_units: 8}
  - {conv_layers: 1, head: flatten}
  - {conv_layer: 1, head: flatten, channels: 3}
  - {conv_layers: 1, head: global_average}
  - {conv_layers: 1, head: global_average}
  - 3
"""
    assert_refused(
        ROWS + rows,
        "7: enqueue[1].conv_layers: found 4; … 1 to 3",
        "8: enqueue[2].hidden_units: is not active here … remove it",
        "9: enqueue[3]: 'hidden_units' is missing",
        "10: enqueue[4].conv_layer: 'conv_layer' … did you mean 'conv_layers'?",
        "10: enqueue[4].channels: found 3; … fixed value 16",
        "12: enqueue[6]: repeats enqueue[5]",
        "13: enqueue[7]: expected a mapping, found 3",
    )


def test_a_row_outside_the_constraints_is_refused() -> None:
    text = DEPTH + "constraints: {parameters: 200_000}\nenqueue:\n  - {conv_layers: 1}\n"
    assert_refused(text, "4: enqueue[1]: … outside the constraints")


def test_rows_may_name_parameters_of_stages() -> None:
    space = space_from_text(
        "parameters:\n"
        "  stages:\n"
        "    count: {type: int, low: 1, high: 2}\n"
        "    each: {operation: {type: categorical, choices: [conv, residual]}}\n"
        "enqueue:\n"
        "  - {stages.count: 1, stage1.operation: residual}\n"
    )
    assert space.enqueue == ({"stages.count": 1, "stage1.operation": "residual"},)


def test_the_shipped_rows_are_fifteen_and_start_with_the_known_best() -> None:
    space = load_space("seed_rows")
    assert len(space.enqueue) == 15
    assert space.enqueue[0] == {"conv_layers": 2, "hidden_units": 219, "dropout": 0.2}
    assert space.parameters == load_space("seed").parameters


@pytest.mark.parametrize("found", ["3", "text", "{a: 1}"])
def test_rows_that_are_no_list_are_refused(found: str) -> None:
    assert_refused(DEPTH + f"enqueue: {found}\n", "2: enqueue: expected a list … found")
