"""``when``: which parameters are active, and which conditions are refused."""

from __future__ import annotations

import pytest

from study.search_space.parameter import Condition
from study.search_space.reading.loading import space_from_text
from tests.search_space.refusals import assert_refused

OPTIMIZER = "optimizer: {type: categorical, choices: [adam, sgd]}"


def _parameters(*lines: str) -> str:
    return "parameters:\n" + "".join(f"  {line}\n" for line in lines)


def test_a_value_and_a_list_of_values_are_both_conditions() -> None:
    space = space_from_text(
        "parameters:\n"
        "  optimizer: {type: categorical, choices: [adam, adamw, sgd]}\n"
        "  momentum: {type: float, low: 0.5, high: 0.9, when: {optimizer: sgd}}\n"
        "  weight_decay: {type: float, low: 0, high: 0.1, when: {optimizer: [adamw, sgd]}}\n"
    )
    assert space.by_name["momentum"].when == (Condition(parameter="optimizer", values=("sgd",)),)
    decay = space.by_name["weight_decay"].when
    assert decay == (Condition(parameter="optimizer", values=("adamw", "sgd")),)


def test_a_condition_on_a_fixed_value_that_holds_is_allowed_and_always_true() -> None:
    space = space_from_text(
        "parameters:\n"
        "  momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}\n"
        "  optimizer: sgd\n"
    )
    assert list(space.points()) == [{"momentum": 0.5}, {"momentum": 0.9}]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            (OPTIMIZER, "shift: {type: int, low: 0, high: 3, when: {optimzer: sgd}}"),
            "3: shift.when.optimzer: 'optimzer' … did you mean 'optimizer'?",
        ),
        (
            ("shift: {type: int, low: 0, high: 3, when: {optimizer: sgd}}", OPTIMIZER),
            "2: shift.when.optimizer: optimizer is declared later; move it above",
        ),
        (
            ("shift: {type: int, low: 0, high: 3, when: {shift: 1}}",),
            "2: shift.when.shift: … its own parameter",
        ),
        (
            (
                "norm: {type: categorical, choices: [none, batch], when: {pool: none}}",
                "pool: {type: categorical, choices: [none, max], when: {activation: relu}}",
                "activation: {type: categorical, choices: [relu, gelu], when: {norm: batch}}",
            ),
            "2: norm.when.pool: … cycle, norm → pool → activation → norm; remove one",
        ),
        (
            (
                "dropout: {type: float, low: 0, high: 0.5}",
                "shift: {type: int, low: 0, high: 3, when: {dropout: 0.5}}",
            ),
            "3: shift.when.dropout: … without step",
        ),
        (
            (
                OPTIMIZER,
                "momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}",
                "shift: {type: int, low: 0, high: 3, when: {momentum: 0.5, optimizer: adam}}",
            ),
            "4: shift.when: never holds … optimizer … exclude each other",
        ),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_refused(
    lines: tuple[str, ...], expected: str
) -> None:
    assert_refused(_parameters(*lines), expected)


def test_impossible_values_are_refused() -> None:
    assert_refused(
        _parameters(
            OPTIMIZER,
            "padding: same",
            "momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: adamw}}",
            "flip: {type: categorical, choices: [true, false], when: {padding: valid}}",
            "shift: {type: int, low: 0, high: 3, when: {optimizer: [sgd, sgd]}}",
            "epochs: {type: int, low: 1, high: 3, when: {optimizer: []}}",
            "batch_size: {type: int, low: 1, high: 3, when: {}}",
            "head: {type: categorical, choices: [flatten], when: optimizer}",
            "hidden_units: {type: int, low: 1, high: 3, when: {shift: 9}}",
            "conv_layers: {type: int, low: 1, high: 3, when:}",
        ),
        "4: momentum.when.optimizer: it is never adamw … 'adam', 'sgd'",
        "5: flip.when.padding: it is never valid … 'same'",
        "6: shift.when.optimizer[2]: sgd … twice",
        "7: epochs.when.optimizer: … empty list",
        "8: batch_size.when: … an empty mapping",
        "9: head.when: expected a mapping, found the text 'optimizer'",
        "10: hidden_units.when.shift: found 9; write 0 to 8",
        "11: conv_layers.when: expected a mapping, found nothing",
    )
