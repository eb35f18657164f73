"""``when``: which parameters are active, and which conditions are refused."""

from __future__ import annotations

from study.search_space.reading.loading import space_from_text
from study.search_space.space import Condition
from tests.search_space.refusals import problems_of

OPTIMIZER = "optimizer: {type: categorical, choices: [adam, sgd]}"


def _problems(*lines: str) -> list[str]:
    return problems_of("parameters:\n" + "".join(f"  {line}\n" for line in lines))


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


def test_a_condition_on_an_unknown_name_says_what_is_near() -> None:
    shift = "shift: {type: int, low: 0, high: 3, when: {optimzer: sgd}}"
    assert _problems(OPTIMIZER, shift) == [
        "3: shift.when.optimzer: 'optimzer' is no parameter of this space; did you mean"
        " 'optimizer'?"
    ]


def test_a_condition_on_a_later_parameter_is_refused() -> None:
    shift = "shift: {type: int, low: 0, high: 3, when: {optimizer: sgd}}"
    assert _problems(shift, OPTIMIZER) == [
        "2: shift.when.optimizer: optimizer is declared later; move it above this parameter"
    ]


def test_a_condition_on_the_parameter_itself_is_refused() -> None:
    assert _problems("shift: {type: int, low: 0, high: 3, when: {shift: 1}}") == [
        "2: shift.when.shift: the condition is on the parameter itself; name an earlier parameter"
    ]


def test_a_cycle_is_named_once() -> None:
    problems = _problems(
        "norm: {type: categorical, choices: [none, batch], when: {pool: none}}",
        "pool: {type: categorical, choices: [none, max], when: {activation: relu}}",
        "activation: {type: categorical, choices: [relu, gelu], when: {norm: batch}}",
    )
    assert problems == [
        "2: norm.when.pool: the conditions form a cycle, norm → pool → activation → norm; remove"
        " one of them"
    ]


def test_impossible_values_are_refused() -> None:
    problems = _problems(
        OPTIMIZER,
        "padding: same",
        "momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: adamw}}",
        "flip: {type: categorical, choices: [true, false], when: {padding: valid}}",
        "shift: {type: int, low: 0, high: 3, when: {optimizer: [sgd, sgd]}}",
        "epochs: {type: int, low: 1, high: 3, when: {optimizer: []}}",
        "batch_size: {type: int, low: 1, high: 3, when: {}}",
        "head: {type: categorical, choices: [flatten], when: optimizer}",
        "hidden_units: {type: int, low: 1, high: 3, when: {shift: 9}}",
    )
    assert problems == [
        "4: momentum.when.optimizer: it is never adamw, so this can never hold; its values:"
        " 'adam', 'sgd'",
        "5: flip.when.padding: it is never valid, so this can never hold; its values: 'same'",
        "6: shift.when.optimizer[2]: sgd stands here twice; remove one",
        "7: epochs.when.optimizer: found an empty list; write the values it may have",
        "8: batch_size.when: expected a mapping like {optimizer: sgd}, found an empty mapping",
        "9: head.when: expected a mapping like {optimizer: sgd}, found the text 'optimizer'",
        "10: hidden_units.when.shift: found 9; write 0 to 8 (largest random shift, in pixels)",
    ]


def test_a_condition_on_a_real_number_without_step_is_refused() -> None:
    problems = _problems(
        "dropout: {type: float, low: 0, high: 0.5}",
        "shift: {type: int, low: 0, high: 3, when: {dropout: 0.5}}",
    )
    assert problems == [
        "3: shift.when.dropout: a real number without step has no single values to ask for; give"
        " it a step"
    ]


def test_conditions_that_exclude_each_other_are_refused() -> None:
    problems = _problems(
        OPTIMIZER,
        "momentum: {type: categorical, choices: [0.5, 0.9], when: {optimizer: sgd}}",
        "shift: {type: int, low: 0, high: 3, when: {momentum: 0.5, optimizer: adam}}",
    )
    assert problems == [
        "4: shift.when: can never hold: its conditions ask optimizer for values that exclude each"
        " other; change one of them"
    ]
