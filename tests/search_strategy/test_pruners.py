from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import SettingsError
from study.search_strategy.pruner import Curve, Decision, Pruner, promotable, short
from study.search_strategy.registry import PRUNERS, parse_pruner

EPOCHS = 9
Outcome = Literal["complete", "pruned", "running"]
OUTCOMES: tuple[Outcome, ...] = ("complete", "pruned", "running")
OPTUNA: dict[str, Callable[[], optuna.pruners.BasePruner]] = {
    "none": optuna.pruners.NopPruner,
    "median": lambda: optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    "median,startup=1,first_epoch=3": lambda: optuna.pruners.MedianPruner(1, 3),
    "asha": lambda: optuna.pruners.SuccessiveHalvingPruner(1, 3),
    "asha,min_resource=2,reduction_factor=2": lambda: optuna.pruners.SuccessiveHalvingPruner(2, 2),
    "hyperband": lambda: optuna.pruners.HyperbandPruner(1, EPOCHS, 3),
    "hyperband,reduction_factor=2": lambda: optuna.pruners.HyperbandPruner(1, EPOCHS, 2),
    "patient": lambda: optuna.pruners.PatientPruner(optuna.pruners.MedianPruner(), 2),
    "patient,patience=1,min_delta=0.01,startup=2": lambda: optuna.pruners.PatientPruner(
        optuna.pruners.MedianPruner(2), 1, 0.01
    ),
}

scores = st.floats(0, 1).map(lambda x: round(x, 3))


@st.composite
def populations(draw: st.DrawFn) -> tuple[Curve, ...]:
    """Curves of some candidates, the first of which is running."""
    curves: list[Curve] = []
    for sequence_index in draw(st.lists(st.integers(0, 60), min_size=1, max_size=14, unique=True)):
        outcome: Outcome = draw(st.sampled_from(OUTCOMES)) if curves else "running"
        steps = EPOCHS if outcome == "complete" else draw(st.integers(1, EPOCHS - 1))
        values = draw(st.lists(scores, min_size=steps, max_size=steps))
        curves.append(
            Curve(
                sequence_index=sequence_index,
                outcome=outcome,
                scores=dict(enumerate(values, start=1)),
            )
        )
    return tuple(curves)


def decide(pruner: Pruner, own: Curve, others: Sequence[Curve]) -> Decision:
    return pruner.decide(own, others, study_name="octmnist", epochs=EPOCHS)


def scaled(curve: Curve, transform: Callable[[float], float]) -> Curve:
    return replace(curve, scores={step: transform(s) for step, s in curve.scores.items()})


every_pruner = pytest.mark.parametrize("name", sorted(PRUNERS))


@every_pruner
@given(curves=populations())
def test_a_decision_is_a_function_of_the_curves_and_not_of_their_order(
    name: str, curves: tuple[Curve, ...]
) -> None:
    pruner = parse_pruner(name)
    own, *others = curves
    first = decide(pruner, own, others)
    again = decide(pruner, own, others[::-1])
    assert (first.stop, first.reason) == (again.stop, again.reason)
    assert first.facts == pytest.approx(again.facts)


@every_pruner
@given(curves=populations())
def test_the_best_at_its_epoch_is_never_stopped(name: str, curves: tuple[Curve, ...]) -> None:
    pruner = parse_pruner(name)
    own, *others = curves
    top = max(score for curve in curves for score in curve.scores.values())
    best = replace(own, scores={**own.scores, own.step: top})
    assert not decide(pruner, best, others).stop


@every_pruner
@given(curves=populations())
def test_nothing_is_stopped_at_the_last_epoch(name: str, curves: tuple[Curve, ...]) -> None:
    pruner = parse_pruner(name)
    own, *others = curves
    whole = replace(own, scores={**own.scores, EPOCHS: 0.0})
    assert not decide(pruner, whole, others).stop


@every_pruner
@given(curves=populations())
def test_every_decision_gives_its_epoch_and_reason_and_stops_below_the_cut_only(
    name: str, curves: tuple[Curve, ...]
) -> None:
    own, *others = curves
    decision = decide(parse_pruner(name), own, others)
    verdict = "pruned" if decision.stop else "kept"
    assert decision.reason.startswith(f"{verdict} at epoch {own.step}: ")
    assert all(math.isfinite(fact) for fact in decision.facts.values())
    assert decision.facts or not decision.stop
    if decision.stop and "cut" in decision.facts:
        assert decision.facts["score"] < decision.facts["cut"]


@pytest.mark.parametrize("name", ["asha", "hyperband", "one_epoch"])
@given(curves=populations())
def test_ranks_alone_decide_where_nothing_is_averaged(
    name: str, curves: tuple[Curve, ...]
) -> None:
    pruner = parse_pruner(name)
    own, *others = curves
    cubed = [scaled(curve, lambda s: 7 * s**3 - 4) for curve in curves]
    assert decide(pruner, own, others).stop == decide(pruner, cubed[0], cubed[1:]).stop


@pytest.mark.parametrize("name", ["median", "patient"])
@given(curves=populations())
def test_a_change_of_unit_leaves_the_median_rule_alone(
    name: str, curves: tuple[Curve, ...]
) -> None:
    pruner = parse_pruner(name)
    own, *others = curves
    moved = [scaled(curve, lambda s: 4 * s - 2) for curve in curves]
    assert decide(pruner, own, others).stop == decide(pruner, moved[0], moved[1:]).stop


@pytest.mark.parametrize("text", sorted(OPTUNA))
@pytest.mark.parametrize(
    "in_memory",
    [True, pytest.param(False, marks=pytest.mark.slow)],
    ids=["memory", "sqlite"],
)
def test_decisions_are_those_of_optuna_in_a_real_study(
    text: str, in_memory: bool, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        reference = OPTUNA[text]()
    storage = None if in_memory else f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(
        study_name="octmnist", direction="maximize", pruner=reference, storage=storage
    )
    disagreements, stops = _run_side_by_side(
        study, parse_pruner(text), trials=60 if in_memory else 20
    )
    assert disagreements == []
    assert stops > 0 or text == "none" or not in_memory


def _run_side_by_side(
    study: optuna.Study, pruner: Pruner, *, trials: int
) -> tuple[list[str], int]:
    """Run trials three at a time; both pruners see every report of all of them."""
    rng = random.Random(3)
    live: dict[int, tuple[optuna.Trial, float]] = {}
    steps: dict[int, int] = {}
    disagreements, stops = [], 0
    while live or len(study.trials) < trials:
        while len(live) < 3 and len(study.trials) < trials:
            trial = study.ask()
            live[trial.number], steps[trial.number] = (trial, rng.random()), 0
        trial, quality = live[rng.choice(sorted(live))]
        steps[trial.number] += 1
        step = steps[trial.number]
        trial.report(quality * (1 - step**-0.7 / 2) + 0.1 * rng.random(), step)
        if step == EPOCHS:
            study.tell(trial, quality)
            del live[trial.number]
            continue
        ours, theirs = _decide_now(pruner, study, trial.number), trial.should_prune()
        if ours.stop != theirs:
            disagreements.append(f"trial {trial.number}: optuna {theirs}, {ours.reason}")
        if theirs:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            del live[trial.number]
            stops += 1
    return disagreements, stops


def _decide_now(pruner: Pruner, study: optuna.Study, number: int) -> Decision:
    curves = {
        trial.number: Curve(
            sequence_index=trial.number,
            scores=trial.intermediate_values,
            outcome=trial.state.name.lower(),  # type: ignore[arg-type]
        )
        for trial in study.get_trials(deepcopy=True)
    }
    own = curves.pop(number)
    return decide(pruner, own, list(curves.values()))


def test_a_repeated_trial_skips_no_comparison_and_competes_once() -> None:
    asha = parse_pruner("asha")
    others = [
        Curve(sequence_index=p, scores={1: 0.5 + p / 100}, outcome="pruned") for p in range(8)
    ]
    restored = Curve(sequence_index=8, scores={1: 0.4})
    decision = decide(asha, restored, others)
    assert decision.reason == "pruned at epoch 1: .400, cut .550 of 9"
    assert decision.facts == {"epoch": 1, "score": 0.4, "cut": 0.55, "of": 9, "rung": 1}


def test_one_epoch_keeps_the_best_share() -> None:
    pruner = parse_pruner("one_epoch,share=0.5")
    others = [Curve(sequence_index=p, scores={1: p / 10}) for p in range(1, 4)]
    assert decide(pruner, Curve(sequence_index=9, scores={1: 0.19}), others).reason == (
        "pruned at epoch 1: .190, cut .200 of 4"
    )
    assert not decide(pruner, Curve(sequence_index=9, scores={1: 0.2}), others).stop
    assert not decide(pruner, Curve(sequence_index=9, scores={1: 0.2, 2: 0.0}), others).stop


@pytest.mark.parametrize(
    "text",
    ["median", "patient,patience=0", "asha", "hyperband", "one_epoch,epoch=3", "learning_curve"],
)
def test_nothing_is_stopped_at_its_own_last_epoch(text: str) -> None:
    pruner = parse_pruner(text)
    step = 5 if text == "learning_curve" else 3
    steps = range(1, EPOCHS + 1)
    others = [
        Curve(sequence_index=p, scores={s: 0.9 + s / 1000 for s in steps}, outcome="complete")
        for p in range(20)
    ]
    worse = {s: 0.1 - s / 1000 for s in range(1, step + 1)}
    indices = range(20, 60)  # in more than one bracket
    went_on = [
        Curve(sequence_index=sequence_index, scores=worse, ends=EPOCHS)
        for sequence_index in indices
    ]
    ended = [
        Curve(sequence_index=sequence_index, scores=worse, ends=step) for sequence_index in indices
    ]
    assert any(decide(pruner, own, others).stop for own in went_on)
    assert not any(decide(pruner, own, others).stop for own in ended)


def test_a_forecast_looks_ahead_to_the_candidate_s_own_last_epoch() -> None:
    pruner = parse_pruner("learning_curve")
    best = Curve(
        sequence_index=0, scores={s: 0.9 for s in range(1, EPOCHS + 1)}, outcome="complete"
    )
    scores = {s: 0.5 + 0.01 * s for s in range(1, 5)}
    for ends in (6, EPOCHS):
        assert (
            f"at epoch {ends}"
            in decide(pruner, Curve(sequence_index=1, scores=scores, ends=ends), [best]).reason
        )


def test_the_sequence_index_and_the_name_alone_choose_the_bracket() -> None:
    pruner = parse_pruner("hyperband")
    brackets = [
        decide(pruner, Curve(sequence_index=p, scores={1: 0.5}), []).facts["bracket"]
        for p in range(300)
    ]
    shares = [brackets.count(bracket) / 300 for bracket in (0, 1, 2)]
    assert shares == pytest.approx([0.49, 0.32, 0.19], abs=0.06)


def promoted(pruner: Pruner, curves: Sequence[Curve], among: Sequence[int]) -> list[int]:
    return list(
        promotable(pruner, curves, among=frozenset(among), study_name="octmnist", epochs=EPOCHS)
    )


def test_a_pruned_candidate_is_promotable_once_the_cut_has_moved() -> None:
    asha = parse_pruner("asha")
    curves = [
        Curve(sequence_index=0, scores=dict.fromkeys(range(1, 10), 0.9), outcome="complete"),
        Curve(sequence_index=1, scores={1: 0.8}, outcome="pruned"),
        Curve(sequence_index=2, scores={1: 0.2}, outcome="pruned"),
    ]
    assert promoted(asha, curves, range(3)) == []
    curves += [Curve(sequence_index=p, scores={1: 0.1}, outcome="pruned") for p in range(3, 6)]
    assert promoted(asha, curves, range(6)) == [1]
    assert promoted(asha, curves, [0, 2, 3]) == []


@pytest.mark.parametrize("name", ["asha", "hyperband"])
@given(curves=populations())
def test_every_candidate_that_the_pruner_would_keep_now_is_promotable_and_no_other(
    name: str, curves: tuple[Curve, ...]
) -> None:
    pruner = parse_pruner(name)
    keeps = {
        own.sequence_index
        for own in curves
        if own.outcome == "pruned"
        and not decide(
            pruner, own, [c for c in curves if c.sequence_index != own.sequence_index]
        ).stop
    }
    found = promoted(pruner, curves, [curve.sequence_index for curve in curves])
    assert set(found) == keeps
    assert len(found) == len(keeps)


@pytest.mark.parametrize(
    ("text", "epochs", "message"),
    [
        ("asha,min_resource=3", 3, "pruner asha: first compares at epoch 3, but trainings end"),
        ("learning_curve", 4, "pruner learning_curve: first compares at epoch 4"),
        ("patient", 4, "pruner patient: first compares at epoch 4"),
        ("median", 0, "pruner median: the estimator trains no candidate"),
        ("one_epoch", 1, "pruner one_epoch: first compares at epoch 1"),
        (
            "asha,reduction_factor=1",
            9,
            "reduction_factor: Input should be greater than or equal to 2",
        ),
        ("media", 9, "unknown pruner 'media'; did you mean 'median'?"),
    ],
)
def test_a_pruner_that_cannot_stop_anything_is_an_error(
    text: str, epochs: int, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_pruner(text).validate(epochs=epochs)


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.742, ".742"), (-0.31, "-.310"), (10.5, "10.500"), (0.0, ".000"), (1.0, "1.000")],
)
def test_numbers_are_written_short(number: float, text: str) -> None:
    assert short(number) == text


@every_pruner
@given(curves=populations())
def test_a_minimised_metric_is_judged_alike_and_shown_as_it_is(
    name: str, curves: tuple[Curve, ...]
) -> None:
    pruner = parse_pruner(name)
    own, *others = curves
    plain = decide(pruner, own, others)
    shown = decide(pruner, replace(own, minimised=True), others)
    assert shown.stop == plain.stop
    for fact, number in plain.facts.items():
        sign = -1 if fact in ("score", "cut", "forecast", "best") else 1
        assert shown.facts[fact] == sign * number


def test_the_reason_of_a_pruned_loss_has_no_minus_sign() -> None:
    others = [Curve(sequence_index=p, scores={1: -0.5 - p / 10}, minimised=True) for p in range(8)]
    own = Curve(sequence_index=8, scores={1: -1.25}, minimised=True)
    decision = decide(parse_pruner("asha"), own, others)
    assert decision.reason == "pruned at epoch 1: 1.250, cut .700 of 9"
