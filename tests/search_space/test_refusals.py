"""Every mistake in a search space is named: line, key, what was found, what to write instead."""

from __future__ import annotations

import time

import pytest

from tests.search_space.refusals import problems_of, problems_with

FORM = {
    "an empty file": ("", [" the file is empty; write at least 'parameters:' with one parameter"]),
    "only a comment": (
        "# nothing\n",
        [" the file is empty; write at least 'parameters:' with one parameter"],
    ),
    "a list": (
        "- 1\n",
        [
            "1: expected a mapping with 'name', 'description', 'parameters', 'constraints',"
            " 'enqueue', found a list"
        ],
    ),
    "plain text": (
        "just text\n",
        [
            "1: expected a mapping with 'name', 'description', 'parameters', 'constraints',"
            " 'enqueue', found the text 'just text'"
        ],
    ),
    "two documents": (
        "name: a\n---\nname: b\n",
        [
            "2: a second document starts here; keep one search space in a file, without '---'",
        ],
    ),
    "a tab": (
        "parameters:\n\tconv_layers: 1\n",
        ["2: a tab stands here; indent with spaces, YAML allows no tabs"],
    ),
    "a bracket that is never closed": (
        "parameters: {conv_layers: {type: int, low: 1, high: 3}\n",
        [
            "2: not YAML: while parsing a flow mapping expected ',' or '}', but got"
            " '<stream end>' (from line 1); check colons, brackets, quotes and indentation"
        ],
    ),
    "an unprintable character": (
        "name: a\nx: \x07\n",
        ["2: the character U+0007 cannot stand in YAML; remove it"],
    ),
    "an escape that is no character": (
        'name: "\\UFFFFFFFF"\n',
        [" not YAML: an escape or number is out of range; write plain text"],
    ),
    "anchors and aliases": (
        "name: &a [x]\ndescription: *a\n",
        [
            "1: '&a': anchors are not used here; write the value out where it is needed",
            "2: '*a': anchors are not used here; write the value out where it is needed",
        ],
    ),
    "an alias inside its own anchor": (
        "name: &a [*a]\n",
        [
            "1: '&a': anchors are not used here; write the value out where it is needed",
            "1: '*a': anchors are not used here; write the value out where it is needed",
        ],
    ),
    "no parameters": (
        "name: a\n",
        ["1: parameters: the space is empty; write at least one parameter under 'parameters:'"],
    ),
    "empty parameters": (
        "name: a\nparameters: {}\n",
        ["2: parameters: the space is empty; write at least one parameter under 'parameters:'"],
    ),
    "fixed values only": (
        "name: a\nparameters: {channels: 32}\n",
        ["2: parameters: every parameter is fixed; give at least one a range or choices"],
    ),
    "a misspelt key of the file": (
        "parametres: {flip: {type: categorical, choices: [true, false]}}\n",
        [
            "1: unknown key 'parametres'; did you mean 'parameters'?",
            "1: parameters: the space is empty; write at least one parameter under 'parameters:'",
        ],
    ),
    "a name that is no text": (
        "name: 3\nparameters: {shift: {type: int, low: 0, high: 3}}\n",
        ["1: name: expected a text, found 3; write a line of text in quotes"],
    ),
}

DECLARATION = {
    "conv_layer: 3": [
        "2: parameters: unknown key 'conv_layer'; did you mean 'conv_layers'?",
    ],
    "dropout: {type: categorical, choises: [0, 0.2]}": [
        "2: dropout: unknown key 'choises'; did you mean 'choices'?"
    ],
    "conv_layers: {type: int, low: 1, hihg: 5}": [
        "2: conv_layers: unknown key 'hihg'; did you mean 'high'?"
    ],
    "conv_layers: {type: int, low: 1}": [
        "2: conv_layers: the key 'high' is missing; write 'high: …'"
    ],
    "conv_layers: {low: 1, high: 3}": [
        "2: conv_layers: the key 'type' is missing; write 'type:' with one of"
        " 'int', 'float', 'categorical'"
    ],
    "conv_layers: {type: integer, low: 1, high: 3}": [
        "2: conv_layers.type: unknown type, found the text 'integer'; did you mean 'int'?"
    ],
    "conv_layers: {type: int, low: 5, high: 1}": [
        "2: conv_layers: low 5 is above high 1; swap them"
    ],
    "conv_layers: [1, 2]": [
        "2: conv_layers: found a list; write {type: categorical, choices: [...]} around it"
    ],
    "conv_layers: 2.0": ["2: conv_layers: expected a whole number, found 2.0; write 2"],
    'hidden_units: "64"': [
        "2: hidden_units: expected a whole number, found the text '64'; write 64"
        " (YAML 1.1 reads 64 as text)"
    ],
    "hidden_units:": [
        "2: hidden_units: expected a whole number, found nothing; write a whole number, 1 to 4096"
    ],
    "hidden_units: 4097": [
        "2: hidden_units: found 4097; write 1 to 4096 (width of the hidden layer of a flatten"
        " head)"
    ],
    "hidden_units: 010": [
        "2: hidden_units: YAML reads '010' as an octal, binary, hexadecimal or base-60 number;"
        " write a plain decimal number, or put text in quotes"
    ],
    "batch_size: 1:30": [
        "2: batch_size: YAML reads '1:30' as an octal, binary, hexadecimal or base-60 number;"
        " write a plain decimal number, or put text in quotes"
    ],
    "hidden_units: !!int yes": [
        "2: hidden_units: YAML reads 'yes' as an octal, binary,"
        " hexadecimal or base-60 number; write a plain decimal number, or put text in quotes"
    ],
    "learning_rate: 1e-4": [
        "2: learning_rate: expected a number, found the text '1e-4'; write 1.0e-4"
        " (YAML 1.1 reads 1e-4 as text)"
    ],
    "learning_rate: .inf": [
        "2: learning_rate: YAML reads '.inf' as a number that is not finite or in base 60; write"
        " a plain decimal number, or put text in quotes"
    ],
    "learning_rate: {type: float, low: 0, high: 0.1, log: true}": [
        "2: learning_rate.low: found 0; write 1.0e-7 to 10 (peak learning rate)"
    ],
    "weight_decay: {type: float, low: 0, high: 0.1, log: true}": [
        "2: weight_decay.low: log: true needs low above 0, found 0; write a small positive"
        " number, or log: false"
    ],
    "weight_decay: {type: float, low: 0.1, high: 0.2, step: 0.1, log: true}": [
        "2: weight_decay.step: found together with log: true; remove one, they contradict each"
        " other"
    ],
    "weight_decay: {type: float, low: 0.1, high: 0.2, log: 1}": [
        "2: weight_decay.log: expected true or false, found 1; write it without quotes"
    ],
    "shift: {type: int, low: 0, high: 8, step: 0}": [
        "2: shift.step: found 0; write a number above 0"
    ],
    "epochs: {type: int, low: 1, high: 10, step: 4}": [
        "2: epochs.step: from 1 it does not reach high 10: the values are 1, 5, 9; write high: 9"
        " or high: 13"
    ],
    "dropout: {type: float, low: 0, high: 0.9, step: 0.00001}": [
        "2: dropout.step: gives more than 10,000 values; write a larger step"
    ],
    "dropout: {type: float, low: 0, high: 0.9, grid_points: 0}": [
        "2: dropout.grid_points: found 0; write how many values a grid tries, 1 to 10000"
    ],
    "norm: no": [
        "2: norm: found no, which YAML reads as False; write one of 'none', 'batch'"
        " (normalisation after every convolution)"
    ],
    "norm: batchnorm": [
        "2: norm: found the text 'batchnorm'; write one of 'none', 'batch'; did you mean"
        " 'batch'? (normalisation after every convolution)"
    ],
    'flip: "true"': [
        "2: flip: expected true or false, found the text 'true'; write it without quotes"
    ],
    "flip: {type: categorical, choices: [true, 1]}": [
        "2: flip.choices[2]: expected true or false, found 1; write it without quotes"
    ],
    "dropout: {type: categorical, choices: [0, 0.2, 0.0]}": [
        "2: dropout.choices[3]: the choice 0.0 stands here twice; remove one"
    ],
    "pool: {type: categorical, choices: []}": [
        "2: pool.choices: expected a list of values in [brackets], found an empty list"
    ],
    "pool: {type: categorical, choices: max}": [
        "2: pool.choices: expected a list of values in [brackets], found the text 'max'"
    ],
    "epochs: {type: float, low: 1, high: 3}": [
        "2: epochs.type: found float, but its values are whole numbers; write type: int"
    ],
    "dropout: {type: int, low: 0, high: 0}": [
        "2: dropout.type: found int, but its values are real numbers; write type: float"
    ],
    "padding: {type: int, low: 1, high: 2}": [
        "2: padding.type: found int, but its values are 'valid', 'same'; write type:"
        " categorical, with choices"
    ],
    "kernel: {type: int, low: 3, high: 6}": [
        "2: kernel: the range holds 4, 6, possible are only 1, 3, 5, 7; write type: categorical,"
        " with choices"
    ],
    "conv_layers: !!python/object:os.system {}": [
        "2: conv_layers: the tag 'tag:yaml.org,2002:python/object:os.system' is not used here;"
        " remove it"
    ],
    "<<: {conv_layers: 1}": [
        "2: parameters: merge keys, <<, are not used here; write the entries out",
        "1: parameters: the space is empty; write at least one parameter under 'parameters:'",
    ],
}


@pytest.mark.parametrize("name", FORM)
def test_a_file_of_the_wrong_form_is_refused(name: str) -> None:
    text, expected = FORM[name]
    assert problems_of(text) == expected


@pytest.mark.parametrize("declaration", DECLARATION)
def test_a_wrong_declaration_is_refused(declaration: str) -> None:
    assert problems_with(declaration) == sorted(DECLARATION[declaration])


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
    assert problems_of(text) == [
        "3: conv_layers: low 5 is above high 1; swap them",
        "4: dropout: unknown key 'choises'; did you mean 'choices'?",
        "5: learning_rate: expected a number, found the text '1e-3'; write 0.001"
        " (YAML 1.1 reads 1e-3 as text)",
        "6: conv_layers: stands here again, first in line 3; remove one of them",
        "7: constraints: unknown key 'params'; did you mean 'parameters'?",
        "8: enqueue: expected a list of candidates, found 3; start lines with '-'",
    ]


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
