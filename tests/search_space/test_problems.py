"""Every mistake in a search space is reported with line, key, what was found and a remedy."""

from __future__ import annotations

import re
import time

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.reading.loading import space_from_text


def problems_of(text: str, image: ImageFormat = OCTMNIST) -> list[str]:
    """Return the problems of an invalid text, without the name of the source."""
    with pytest.raises(SearchSpaceError) as caught:
        space_from_text(text, source="s.yaml", image=image)
    return [problem.removeprefix("s.yaml:") for problem in caught.value.problems]


def assert_problems(annotated: str, image: ImageFormat = OCTMNIST) -> None:
    """Assert the problems of a text, in the order of the file.

    A line that starts with ``!`` is not in the text. It expects a problem in the line above it,
    or without a line if it is the first: the location, then key words in their order, with ``…``
    between them.
    """
    text: list[str] = []
    expected: list[str] = []
    for line in annotated.splitlines():
        if line.startswith("! "):
            number = f"{len(text)}: " if text else " "
            expected.append(number + line.removeprefix("! "))
        else:
            text.append(line)
    problems = problems_of("".join(line + "\n" for line in text), image)
    assert len(problems) == len(expected), problems
    for problem, pattern in zip(problems, expected, strict=True):
        location, *words = pattern.split(" … ")
        assert problem.startswith(location), f"{location!r} is not the start of: {problem}"
        rest = problem.removeprefix(location)
        for word in words:
            assert word in rest, f"{word!r} is not in its order in: {problem}"
            rest = rest.partition(word)[2]


DECLARATIONS = """\
conv_layer: 3
! parameters: unknown key 'conv_layer'; did you mean 'conv_layers'?
dropout: {type: categorical, choises: [0, 0.2]}
! dropout: unknown key 'choises'; did you mean 'choices'?
shift: {type: int, low: 0, hihg: 99, step: yes}
! shift.step: … whole number … found yes, which YAML reads as True
! shift: unknown key 'hihg'; did you mean 'high'?
conv_layers: {type: int, low: 1}
! conv_layers: … 'high' is missing
conv_layers: {low: 1, high: 3}
! conv_layers: … 'type' is missing … 'int', 'float', 'categorical'
shift: {typ: int, low: 1, high: 3}
! shift: unknown key 'typ'; did you mean 'type'?
! shift: … 'type' is missing
conv_layers: {type: integer, low: 1, high: 3}
! conv_layers.type: unknown type, found the text 'integer'; did you mean 'int'?
conv_layers: {type: int, low: 5, high: 1}
! conv_layers.high: low 5 is above high 1; swap
conv_layers: [1, 2]
! conv_layers: found a list … categorical
conv_layers: 2.0
! conv_layers: expected a whole number, found 2.0; write 2
hidden_units: "64"
! hidden_units: … found the text '64'; write 64 … is text
hidden_units:
! hidden_units: … whole number … found nothing
hidden_units: true
! hidden_units: … whole number … found true
hidden_units: 4097
! hidden_units: found 4097; write 1 to 4096 … width of the hidden
hidden_units: 010
! hidden_units: … '010' … octal
batch_size: 1:30
! batch_size: … '1:30' … base-60
hidden_units: !!int yes
! hidden_units: … 'yes' … octal
learning_rate: "1e-4"
! learning_rate: expected a number, found the text '1e-4'; write 1.0e-4 … is text
learning_rate: .inf
! learning_rate: … '.inf' … not finite
learning_rate: 2020-01-01
! learning_rate: … a date
learning_rate: {type: float, low: 0, high: 0.1, log: true}
! learning_rate.low: found 0; write 1.0e-7 to 10 (peak learning rate)
weight_decay: {type: float, low: 0, high: 0.1, log: true}
! weight_decay.log: … low above 0, found 0; … log: false
weight_decay: {type: float, low: 0.1, high: 0.2, step: 0.1, log: true}
! weight_decay.step: … log: true; remove one
weight_decay: {type: float, low: 0.1, high: 0.2, log: 1}
! weight_decay.log: … true or false, found 1
shift: {type: int, low: 0, high: 8, step: 0}
! shift.step: found 0; … above 0
shift: {type: int, low: 0, high: 8, step:}
! shift.step: … found nothing
epochs: {type: int, low: 1, high: 10, step: 4}
! epochs.step: … high 10 … 1, 5, 9; write high: 9 or high: 13
dropout: {type: float, low: 0, high: 0.9, step: 0.00001}
! dropout.step: … more than 10,000 values
dropout: {type: float, low: 0, high: 0.9, grid_points: 0}
! dropout.grid_points: found 0; … from 1
dropout: {type: float, low: 0, high: 0.9, grid_points: 10001}
! dropout.grid_points: found 10001; … up to 10000
norm: no
! norm: found no, which YAML reads as False; write one of 'none', 'batch'
norm: batchnorm
! norm: found the text 'batchnorm'; … did you mean 'batch'?
flip: "true"
! flip: … true or false, found the text 'true'; … without quotes
flip: {type: categorical, choices: [true, 1]}
! flip.choices[2]: … true or false, found 1
dropout: {type: categorical, choices: [0, 0.2, 0.0]}
! dropout.choices: 0.0 … twice; remove one
pool: {type: categorical, choices: []}
! pool.choices: found an empty list
pool: {type: categorical, choices: max}
! pool.choices: … list … the text 'max'
epochs: {type: float, low: 1, high: 3}
! epochs.type: found float … whole numbers; write type: int
dropout: {type: int, low: 0, high: 0}
! dropout.type: found int … real numbers; write type: float
padding: {type: int, low: 1, high: 2}
! padding.type: found int … 'valid', 'same'; write type: categorical
flip: {type: int, low: 0}
! flip.type: found int … true and false
kernel: {type: int, low: 3, high: 6}
! kernel: … 4, 6 … 1, 3, 5, 7; … categorical
conv_layers: !!python/object:os.system {}
! conv_layers: … python/object:os.system' … remove it
"""


@pytest.mark.parametrize("declaration", re.findall(r"^[^!].*\n(?:! .*\n)+", DECLARATIONS, re.M))
def test_a_wrong_declaration_is_reported(declaration: str) -> None:
    assert_problems(f"parameters:\n  {declaration}")


FILES = """\
! the file is empty … 'parameters:'

! the file is empty
# nothing

- 1
! … mapping … 'name' … 'enqueue' … found a list

just text
! … mapping … 'parameters' … the text 'just text'

name: a
---
! … second document … '---'
name: b

parameters:
\tconv_layers: 1
! … tab … spaces

parameters: {conv_layers: {type: int, low: 1, high: 3}
name: a
! not YAML: … flow mapping … (from line 1) … brackets

name: a
x: \x07
! … U+0007

! not YAML: … escape
name: "\\UFFFFFFFF"

parameters: {shift: {type: int, low: 0, high: 3}}
name: &a x
! … '&a' … anchors
description: *a
! … '*a' … anchors

name: &a [*a]
! … '&a' … anchors
! … '*a' … anchors

name: a
! … 'parameters' is missing

parameters:
! parameters: … mapping … found nothing

parameters: {}
! parameters: … an empty mapping

parameters: {channels: 32}
! parameters: every parameter is fixed

parametres: {flip: {type: categorical, choices: [true, false]}}
! unknown key 'parametres'; did you mean 'parameters'?

name: 3
! name: expected a text, found 3 … quotes
description: ' '
! description: expected a text, found the text ' '
parameters: {shift: {type: int, low: 0, high: 3}}

parameters:
! parameters: … empty
  <<: {conv_layers: 1}
! parameters: merge keys, <<
  [a, b]: 1
! parameters: … list or mapping
  1: 1
! parameters: … '1' is not text

name: all at once
parameters:
  conv_layers: {type: int, low: 5, high: 1}
! conv_layers.high: … above
  dropout: {type: categorical, choises: [0]}
! dropout: unknown key 'choises'
  learning_rate: '1e-3'
! learning_rate: … write 0.001
  conv_layers: 2
! conv_layers: … first in line 3
constraints: {params: 3}
! constraints: unknown key 'params'; did you mean 'parameters'?
enqueue: 3
! enqueue: expected a list … found 3

parameters:
  shift: {type: int, low: 0, high: 3, when: {optimizer: sgd}}
! shift.when.optimizer: optimizer is declared later; move it above
  optimizer: {type: categorical, choices: [adam, sgd]}
  dropout: {type: float, low: 0, high: 0.5, when: {optimzer: sgd}}
! dropout.when.optimzer: 'optimzer' … did you mean 'optimizer'?
  epochs: {type: int, low: 1, high: 3, when: {epochs: 1}}
! epochs.when.epochs: … its own parameter
  flip: {type: categorical, choices: [true, false], when: {dropout: 0.5}}
! flip.when.dropout: … without step

parameters:
  norm: {type: categorical, choices: [none, batch], when: {pool: none}}
! norm.when.pool: … cycle, norm → pool → activation → norm; remove one
  pool: {type: categorical, choices: [none, max], when: {activation: relu}}
  activation: {type: categorical, choices: [relu, gelu], when: {norm: batch}}

parameters:
  optimizer: {type: categorical, choices: [adam, sgd]}
  momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}
  shift: {type: int, low: 0, high: 3, when: {momentum: 0.5, optimizer: adam}}
! shift.when: never holds … optimizer … exclude each other

parameters:
  optimizer: {type: categorical, choices: [adam, sgd]}
  padding: same
  momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: adamw}}
! momentum.when.optimizer: it is never adamw … 'adam', 'sgd'
  flip: {type: categorical, choices: [true, false], when: {padding: valid}}
! flip.when.padding: it is never valid … 'same'
  shift: {type: int, low: 0, high: 3, when: {optimizer: [sgd, sgd]}}
! shift.when.optimizer[2]: sgd … twice
  epochs: {type: int, low: 1, high: 3, when: {optimizer: []}}
! epochs.when.optimizer: … empty list
  batch_size: {type: int, low: 1, high: 3, when: {}}
! batch_size.when: … an empty mapping
  head: {type: categorical, choices: [flatten], when: optimizer}
! head.when: expected a mapping, found the text 'optimizer'
  hidden_units: {type: int, low: 1, high: 3, when: {shift: 9}}
! hidden_units.when.shift: found 9; write 0 to 8
  conv_layers: {type: int, low: 1, high: 3, when:}
! conv_layers.when: expected a mapping, found nothing

parameters:
  conv_layers: 3
! conv_layers: has no effect … 'stages' … stages.count
  channels: {type: int, low: 1, high: 9}
! channels: has no effect … into each
  kernel: 3
! kernel: has no effect … into each
  pool: max
! pool: has no effect … into each
  stages: {count: 2, each: {operation: conv}}

parameters:
  stages:
    count: 13
! stages.count: found 13; write 1 to 12
    each:
      oeration: conv
! stages.each: unknown key 'oeration'; did you mean 'operation'?
      kernel: {type: categorical, choices: [3, 5], when: {pool: max}}
! stages.each.kernel.when.pool: pool is declared later
      pool: {type: categorical, choices: [none, max], when: {norm: batch}}
! stages.each.pool.when.norm: norm is declared later
  norm: {type: categorical, choices: [none, batch]}
  shift: {type: int, low: 0, high: 3, when: {stage1.kernel: 3}}
! shift.when.stage1.kernel: 'stage1.kernel' … known: stages.count, norm

parameters:
  stages: {count: 0, each: {}}
! stages.each: … empty mapping
! stages.count: found 0; write 1 to 12

parameters:
  stages: {}
! stages: … 'count' is missing
! stages: … 'each' is missing

parameters:
  stages: 3
! stages: … mapping … 'count', 'each', found 3

parameters: {conv_layers: {type: int, low: 1, high: 3}}
constraints:
  parameters: {high: 100, low: 200}
! constraints.parameters.high: low 200 is above high 100; swap
  macs: {top: 3}
! constraints.macs: unknown key 'top'; known: low, high
  latency: 3
! constraints: unknown key 'latency'; known: parameters, macs

parameters: {conv_layers: {type: int, low: 1, high: 3}}
constraints:
  parameters: -1
! constraints.parameters: found -1; … from 0
  macs: {}
! constraints.macs: … empty mapping … {low: …, high: …}

parameters: {conv_layers: {type: int, low: 1, high: 3}}
constraints:
  macs: '3e5'
! constraints.macs: … the text '3e5'; write 300000
  parameters: {low: }
! constraints.parameters.low: expected a number, found nothing

parameters: {conv_layers: {type: int, low: 1, high: 3}}
constraints: {parameters: 1000, macs: {low: 1_000_000_000}}
! constraints: none of its 3 sizes … 23,556 parameters … 1,000; … 1,412,736 MACs … 1,000,000,000

parameters: {conv_layers: {type: int, low: 1, high: 3}}
constraints: {parameters: 200_000}
enqueue:
  - {conv_layers: 1}
! enqueue[1]: … outside the constraints

parameters: {conv_layers: {type: int, low: 1, high: 3}}
enqueue: text
! enqueue: expected a list … found the text 'text'

parameters:
  conv_layers: {type: int, low: 1, high: 3}
  head: {type: categorical, choices: [flatten, global_average]}
  hidden_units: {type: int, low: 8, high: 16, when: {head: flatten}}
  channels: 16
enqueue:
  - {conv_layers: 4, head: flatten, hidden_units: 8}
! enqueue[1].conv_layers: found 4; … 1 to 3
  - {conv_layers: 1, head: global_average, hidden_units: 8}
! enqueue[2].hidden_units: is not active here … remove it
  - {conv_layers: 1, head: flatten}
! enqueue[3]: 'hidden_units' is missing
  - {conv_layer: 1, head: flatten, channels: 3}
! enqueue[4].conv_layer: 'conv_layer' … did you mean 'conv_layers'?
! enqueue[4].channels: found 3; … fixed value 16
  - {conv_layers: 1, head: global_average}
  - {conv_layers: 1, head: global_average}
! enqueue[6]: repeats enqueue[5]
  - 3
! enqueue[7]: expected a mapping, found 3

parameters:
  stages:
    count: {type: int, low: 2, high: 6}
    each:
      operation: {type: categorical, choices: [conv, separable, residual]}
      channels: {type: int, low: 8, high: 64}
      kernel: {type: categorical, choices: [3, 5]}
  padding: same
  head: global_average
constraints: {parameters: 200} # by hand: 9 + 8 + 8, 72 + 64 + 8, and 8 · 4 + 4
! constraints: … search … smallest has 205 parameters … at most 200
"""


@pytest.mark.parametrize("text", FILES.split("\n\n"))
def test_a_wrong_file_is_reported(text: str) -> None:
    assert_problems(text)


def test_constraints_depend_on_the_format_of_the_images() -> None:
    text = """\
parameters: {conv_layers: {type: int, low: 1, high: 3}}
constraints: {parameters: 30_000}
! constraints: … the smallest has
"""
    assert_problems(text, image=ImageFormat(channels=3, size=224, classes=4))


def test_very_many_problems_are_cut() -> None:
    rows = "\n".join(f"  x{i}: 1" for i in range(150))
    problems = problems_of(f"parameters:\n{rows}\n")
    assert len(problems) == 101
    assert problems[-1] == " and 50 more problems"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[" * 100_000, "more than 16 levels"),
        ("{a: " * 100_000, "more than 16 levels"),
        ("- " * 100_000 + "1", "more than 16 levels"),
        ("? " * 5_000, "more than 16 levels"),
        ("a: [" + "1," * 30_000 + "]", "more than 20000 values"),
        ("x" * 1_000_001, "1,000,001 characters"),
        ("shift: " + "9" * 5_000, "a number too large"),
        ("shift: 0x" + "f" * 50_000, "hexadecimal"),
        ("%YAML 1." + "1" * 5_000 + "\n---\na: 1", "out of range"),
    ],
    ids=range(9),
)
def test_a_hostile_text_is_rejected_soon(text: str, part: str) -> None:
    start = time.perf_counter()
    assert any(part in problem for problem in problems_of(text))
    assert time.perf_counter() - start < 10
