"""Every mistake in a search space is reported with line, key, what was found and a remedy."""

from __future__ import annotations

import time

import pytest

from tests.search_space.refusals import (
    assert_declaration_refused,
    assert_refused,
    problems_of,
)

SHIFT = "shift: {type: int, low: 0, high: 3}"

FORM: dict[str, tuple[str, ...]] = {
    "": (" the file is empty … 'parameters:'",),
    "# nothing\n": (" the file is empty",),
    "- 1\n": ("1: … mapping … 'name' … 'enqueue' … found a list",),
    "just text\n": ("1: … mapping … 'parameters' … the text 'just text'",),
    "name: a\n---\nname: b\n": ("2: … second document … '---'",),
    "parameters:\n\tconv_layers: 1\n": ("2: … tab … spaces",),
    "parameters: {conv_layers: {type: int, low: 1, high: 3}\n": (
        "2: not YAML: … flow mapping … (from line 1) … brackets",
    ),
    "name: a\nx: \x07\n": ("2: … U+0007",),
    'name: "\\UFFFFFFFF"\n': (" not YAML: … escape",),
    f"parameters: {{{SHIFT}}}\nname: &a x\ndescription: *a\n": (
        "2: … '&a' … anchors",
        "3: … '*a' … anchors",
    ),
    "name: &a [*a]\n": ("1: … '&a' … anchors", "1: … '*a' … anchors"),
    "name: a\n": ("1: … 'parameters' is missing",),
    "name: a\nparameters:\n": ("2: parameters: … mapping … found nothing",),
    "name: a\nparameters: {}\n": ("2: parameters: … an empty mapping",),
    "name: a\nparameters: {channels: 32}\n": ("2: parameters: every parameter is fixed",),
    "parametres: {flip: {type: categorical, choices: [true, false]}}\n": (
        "1: unknown key 'parametres'; did you mean 'parameters'?",
    ),
    f"name: 3\nparameters: {{{SHIFT}}}\n": ("1: name: expected a text, found 3 … quotes",),
    f"name: ' '\nparameters: {{{SHIFT}}}\n": ("1: name: expected a text, found the text ' '",),
}


@pytest.mark.parametrize("text", FORM)
def test_a_file_of_the_wrong_form_is_refused(text: str) -> None:
    assert_refused(text, *FORM[text])


DECLARATION: dict[str, tuple[str, ...]] = {
    "conv_layer: 3": ("2: parameters: unknown key 'conv_layer'; did you mean 'conv_layers'?",),
    "dropout: {type: categorical, choises: [0, 0.2]}": (
        "2: dropout: unknown key 'choises'; did you mean 'choices'?",
    ),
    "shift: {type: int, low: 0, hihg: 99, step: yes}": (
        "2: shift.step: … whole number … found yes, which YAML reads as True",
        "2: shift: unknown key 'hihg'; did you mean 'high'?",
    ),
    "conv_layers: {type: int, low: 1}": ("2: conv_layers: … 'high' is missing",),
    "conv_layers: {low: 1, high: 3}": (
        "2: conv_layers: … 'type' is missing … 'int', 'float', 'categorical'",
    ),
    "shift: {typ: int, low: 1, high: 3}": (
        "2: shift: unknown key 'typ'; did you mean 'type'?",
        "2: shift: … 'type' is missing",
    ),
    "conv_layers: {type: integer, low: 1, high: 3}": (
        "2: conv_layers.type: unknown type, found the text 'integer'; did you mean 'int'?",
    ),
    "conv_layers: {type: int, low: 5, high: 1}": (
        "2: conv_layers.high: low 5 is above high 1; swap",
    ),
    "conv_layers: [1, 2]": ("2: conv_layers: found a list … categorical",),
    "conv_layers: 2.0": ("2: conv_layers: expected a whole number, found 2.0; write 2",),
    'hidden_units: "64"': ("2: hidden_units: … found the text '64'; write 64 … as text",),
    "hidden_units:": ("2: hidden_units: … whole number … found nothing",),
    "hidden_units: true": ("2: hidden_units: … whole number … found true",),
    "hidden_units: 4097": ("2: hidden_units: found 4097; write 1 to 4096 … width of the hidden",),
    "hidden_units: 010": ("2: hidden_units: … '010' … octal",),
    "batch_size: 1:30": ("2: batch_size: … '1:30' … base-60",),
    "hidden_units: !!int yes": ("2: hidden_units: … 'yes' … octal",),
    "learning_rate: 1e-4": (
        "2: learning_rate: expected a number, found the text '1e-4'; write 1.0e-4 … reads 1e-4",
    ),
    "learning_rate: .inf": ("2: learning_rate: … '.inf' … not finite",),
    "learning_rate: 2020-01-01": ("2: learning_rate: … a date",),
    "learning_rate: {type: float, low: 0, high: 0.1, log: true}": (
        "2: learning_rate.low: found 0; write 1.0e-7 to 10 (peak learning rate)",
    ),
    "weight_decay: {type: float, low: 0, high: 0.1, log: true}": (
        "2: weight_decay.log: … low above 0, found 0; … log: false",
    ),
    "weight_decay: {type: float, low: 0.1, high: 0.2, step: 0.1, log: true}": (
        "2: weight_decay.step: … log: true; remove one",
    ),
    "weight_decay: {type: float, low: 0.1, high: 0.2, log: 1}": (
        "2: weight_decay.log: … true or false, found 1",
    ),
    "shift: {type: int, low: 0, high: 8, step: 0}": ("2: shift.step: found 0; … above 0",),
    "shift: {type: int, low: 0, high: 8, step:}": ("2: shift.step: … found nothing",),
    "epochs: {type: int, low: 1, high: 10, step: 4}": (
        "2: epochs.step: … high 10 … 1, 5, 9; write high: 9 or high: 13",
    ),
    "dropout: {type: float, low: 0, high: 0.9, step: 0.00001}": (
        "2: dropout.step: … more than 10,000 values",
    ),
    "dropout: {type: float, low: 0, high: 0.9, grid_points: 0}": (
        "2: dropout.grid_points: found 0; … from 1",
    ),
    "dropout: {type: float, low: 0, high: 0.9, grid_points: 10001}": (
        "2: dropout.grid_points: found 10001; … up to 10000",
    ),
    "norm: no": ("2: norm: found no, which YAML reads as False; write one of 'none', 'batch'",),
    "norm: batchnorm": ("2: norm: found the text 'batchnorm'; … did you mean 'batch'?",),
    'flip: "true"': ("2: flip: … true or false, found the text 'true'; … without quotes",),
    "flip: {type: categorical, choices: [true, 1]}": (
        "2: flip.choices[2]: … true or false, found 1",
    ),
    "dropout: {type: categorical, choices: [0, 0.2, 0.0]}": (
        "2: dropout.choices: 0.0 … twice; remove one",
    ),
    "pool: {type: categorical, choices: []}": ("2: pool.choices: found an empty list",),
    "pool: {type: categorical, choices: max}": ("2: pool.choices: … list … the text 'max'",),
    "epochs: {type: float, low: 1, high: 3}": (
        "2: epochs.type: found float … whole numbers; write type: int",
    ),
    "dropout: {type: int, low: 0, high: 0}": (
        "2: dropout.type: found int … real numbers; write type: float",
    ),
    "padding: {type: int, low: 1, high: 2}": (
        "2: padding.type: found int … 'valid', 'same'; write type: categorical",
    ),
    "flip: {type: int, low: 0}": ("2: flip.type: found int … true and false",),
    "kernel: {type: int, low: 3, high: 6}": ("2: kernel: … 4, 6 … 1, 3, 5, 7; … categorical",),
    "conv_layers: !!python/object:os.system {}": (
        "2: conv_layers: … python/object:os.system' … remove it",
    ),
    "<<: {conv_layers: 1}": ("1: parameters: … empty", "2: parameters: merge keys, <<"),
    "[a, b]: 1": ("1: parameters: … empty", "2: parameters: … list or mapping"),
    "1: 1": ("1: parameters: … empty", "2: parameters: … '1' is not text"),
}


@pytest.mark.parametrize("declaration", DECLARATION)
def test_a_wrong_declaration_is_refused(declaration: str) -> None:
    assert_declaration_refused(declaration, *DECLARATION[declaration])


def test_all_problems_come_at_once_and_in_the_order_of_the_file() -> None:
    text = """\
name: many
parameters:
  conv_layers: {type: int, low: 5, high: 1}
  dropout: {type: categorical, choises: [0]}
  learning_rate: 1e-3
  conv_layers: 2
constraints: {params: 3}
enqueue: 3
"""
    assert_refused(
        text,
        "3: conv_layers.high: … above",
        "4: dropout: unknown key 'choises'",
        "5: learning_rate: … write 0.001",
        "6: conv_layers: … first in line 3",
        "7: constraints: unknown key 'params'; did you mean 'parameters'?",
        "8: enqueue: expected a list … found 3",
    )


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
)
def test_a_hostile_text_is_refused_soon(text: str, part: str) -> None:
    start = time.perf_counter()
    assert any(part in problem for problem in problems_of(text))
    assert time.perf_counter() - start < 10
