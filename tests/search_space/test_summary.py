"""What ``check`` says about a space before anything is trained."""

from __future__ import annotations

from functools import cache

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageCounts, ImageFormat
from study.search_space.distinct import distinct_candidates
from study.search_space.reading.loading import load_space, shipped_spaces, space_from_text
from study.search_space.resolve import candidate_id
from study.search_space.summary import (
    SpaceSummary,
    describe_space,
    epoch_seconds,
    summarise_space,
)

GRID = """\
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  channels: {type: categorical, choices: [8, 16]}
  optimizer: {type: categorical, choices: [adam, adamw, sgd]}
  momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}
  epochs: 3
"""


@cache
def _shipped(name: str) -> SpaceSummary:
    return summarise_space(load_space(name))


@pytest.mark.parametrize("constraints", ["", "constraints: {parameters: 60_000}\n"])
def test_every_distinct_candidate_is_named_by_its_first_allowed_point(constraints: str) -> None:
    space = space_from_text(GRID + constraints)
    first: dict[str, object] = {}
    for values in space.points():
        if space.allows(values, OCTMNIST):
            first.setdefault(candidate_id(space.candidate(values), OCTMNIST), values)
    found = distinct_candidates(space, OCTMNIST)
    assert found is not None
    assert dict(found) == first
    assert summarise_space(space).candidates == len(found)


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        (GRID, 6 * 3),  # networks times recipes; adamw decays nothing
        (
            "parameters:\n"
            "  conv_layers: {type: int, low: 1, high: 2}\n"
            "  flip: {type: categorical, choices: [false, true], when: {conv_layers: 2}}\n",
            3,  # a condition connects recipe and architecture
        ),
        ("parameters: {hidden_units: {type: int, low: 1, high: 40, grid_points: 3}}\n", 40),
    ],
)
def test_distinct_candidates_are_counted(text: str, candidates: int) -> None:
    assert summarise_space(space_from_text(text)).candidates == candidates


def test_candidates_that_cannot_be_counted_are_none() -> None:
    assert distinct_candidates(load_space("small"), OCTMNIST) is None
    assert distinct_candidates(load_space("seed"), OCTMNIST, limit=9_939) is None


def test_the_summary_of_the_seed_is_exact() -> None:
    summary = _shipped("seed")
    assert (summary.points, summary.survey.networks, summary.candidates) == (9_940, 5_964, 5_964)
    assert summary.survey.exact
    assert summary.survey.parameters == (19_412, 2_771_780)
    assert summary.survey.macs == (281_280, 2_965_632)
    assert summary.idle == ("conv_layers 4 and 5: the same network as 3",)


def test_a_sampled_summary_says_that_it_is_one_and_stays_inside_the_constraints() -> None:
    summary = _shipped("stages")
    survey = summary.survey
    assert not survey.exact
    assert survey.networks > 500
    assert summary.candidates is None
    assert 1_000 <= survey.parameters[0] <= 1_050
    assert 290_000 <= survey.parameters[1] <= 300_000
    assert 19_000_000 <= survey.macs[1] <= 20_000_000
    text = describe_space(summary)
    for words in ("(found by a search)", "stage1-6.kernel", "learning_rate, weight_decay have no"):
        assert words in text


IDLE = {
    GRID + "constraints: {parameters: 30_000}\n": (
        "conv_layers 1: no candidate inside the constraints",
        "conv_layers 4 and 5: the same network as 3",
        "optimizer adamw: the same candidate as adam",
    ),
    """\
parameters:
  momentum: {type: categorical, choices: [0.5, 0.9]}
  head: global_average
  hidden_units: {type: int, low: 8, high: 9}
""": ("momentum 0.9: the same candidate as 0.5", "hidden_units 9: the same network as 8"),
    """\
parameters:
  hidden_units: {type: int, low: 16, high: 512}
  optimizer: sgd
  momentum: {type: categorical, choices: [0.5, 0.9], when: {hidden_units: 302}}
""": (),  # no draw has a momentum
}


@pytest.mark.parametrize("text", IDLE)
def test_choices_without_an_effect_are_named(text: str) -> None:
    assert summarise_space(space_from_text(text)).idle == IDLE[text]


def test_every_depth_has_an_effect_on_larger_images() -> None:
    space = space_from_text("parameters: {conv_layers: {type: int, low: 1, high: 5}}\n")
    assert summarise_space(space).idle
    assert summarise_space(space, ImageFormat(size=224)).idle == ()


def test_a_format_that_leaves_no_candidate_is_an_error() -> None:
    space = space_from_text(GRID + "constraints: {macs: 1_000_000}\n")
    with pytest.raises(SearchSpaceError, match="no candidate satisfies the constraints"):
        summarise_space(space, ImageFormat(size=224))


def test_the_time_rises_with_the_trials_and_the_images() -> None:
    space = space_from_text(GRID)
    one, two = (summarise_space(space, trials=n) for n in (1, 2))
    assert two.seconds == pytest.approx(2 * one.seconds)
    assert "for 97,477 training and 10,832 validation images\n" in describe_space(one)
    few = summarise_space(space, trials=1, images=ImageCounts(train=1_000, validation=30))
    assert few.seconds < one.seconds / 50
    assert "for 1,000 training and 30 validation images\n" in describe_space(few)


def test_a_measured_speed_replaces_the_estimate() -> None:
    images = ImageCounts(train=5_000, validation=3_000)
    space = space_from_text(GRID)
    summary = summarise_space(space, trials=10, images=images, images_per_second=1_000)
    assert summary.seconds == pytest.approx(10 * 3 * 6_000 / 1_000)
    assert "at the measured speed" in describe_space(summary)


def test_the_estimated_speed_of_the_plain_network_is_about_the_measured_one() -> None:
    step = epoch_seconds(1_412_736, ImageCounts(train=1, validation=0))
    assert 5_300 < 1 / step < 8_200


@pytest.mark.parametrize("name", shipped_spaces())
def test_the_text_names_every_parameter_and_count(name: str) -> None:
    summary = _shipped(name)
    text = describe_space(summary)
    assert text.startswith(f"{name}: {summary.space.description}\n")
    for word in ("points", "distinct networks", "network parameters", "MACs", "time of 15"):
        assert word in text
    assert all(fixed in text for fixed in summary.space.fixed)
