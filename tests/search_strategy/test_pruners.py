from __future__ import annotations

import itertools
import math
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import SettingsError
from study.search_strategy.pruner import Curve, Decision, promotable, short
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


def curve(index: int, scores: Sequence[float], outcome: Outcome = "running") -> Curve:
    return Curve(sequence_index=index, scores=dict(enumerate(scores, start=1)), outcome=outcome)


@st.composite
def populations(draw: st.DrawFn) -> tuple[Curve, ...]:
    """Curves of some candidates, the first of which is running."""
    scores = st.floats(0, 1).map(lambda x: round(x, 3))
    curves: list[Curve] = []
    for index in draw(st.lists(st.integers(0, 60), min_size=1, max_size=14, unique=True)):
        outcome: Outcome = draw(st.sampled_from(OUTCOMES)) if curves else "running"
        steps = EPOCHS if outcome == "complete" else draw(st.integers(1, EPOCHS - 1))
        curves.append(
            curve(index, draw(st.lists(scores, min_size=steps, max_size=steps)), outcome)
        )
    return tuple(curves)


def decide(text: str, own: Curve, others: Sequence[Curve]) -> Decision:
    return parse_pruner(text).decide(own, others, study="octmnist", epochs=EPOCHS)


every_pruner = pytest.mark.parametrize("name", sorted(PRUNERS))


@every_pruner
@given(curves=populations())
def test_a_decision_does_not_depend_on_the_order_and_gives_its_epoch_and_reason(
    name: str, curves: tuple[Curve, ...]
) -> None:
    own, *others = curves
    decision, again = decide(name, own, others), decide(name, own, others[::-1])
    assert (decision.stop, decision.reason) == (again.stop, again.reason)
    assert decision.facts == pytest.approx(again.facts)
    verdict = "pruned" if decision.stop else "kept"
    assert decision.reason.startswith(f"{verdict} at epoch {own.step}: ")
    assert all(math.isfinite(fact) for fact in decision.facts.values())
    assert decision.facts or not decision.stop
    if decision.stop and "cut" in decision.facts:
        assert decision.facts["score"] < decision.facts["cut"]


@every_pruner
@given(curves=populations())
def test_the_best_at_its_epoch_is_never_stopped_nor_is_any_at_the_last_epoch(
    name: str, curves: tuple[Curve, ...]
) -> None:
    own, *others = curves
    top = max(score for curve in curves for score in curve.scores.values())
    best = replace(own, scores={**own.scores, own.step: top})
    assert not decide(name, best, others).stop
    whole = replace(own, scores={**own.scores, EPOCHS: 0.0})
    assert not decide(name, whole, others).stop


@pytest.mark.parametrize(
    ("name", "transform"),
    [
        *((name, lambda s: 7 * s**3 - 4) for name in ("asha", "hyperband", "one_epoch")),
        *((name, lambda s: 4 * s - 2) for name in ("median", "patient")),
    ],
)
@given(curves=populations())
def test_ranks_alone_decide_or_where_scores_are_averaged_the_unit_does_not_matter(
    name: str, transform: Callable[[float], float], curves: tuple[Curve, ...]
) -> None:
    changed = [
        replace(c, scores={step: transform(s) for step, s in c.scores.items()}) for c in curves
    ]
    before, after = (decide(name, own, others) for own, *others in (curves, changed))
    assert before.stop == after.stop


@every_pruner
@given(curves=populations())
def test_a_minimised_metric_is_decided_the_same_way_and_shown_as_measured(
    name: str, curves: tuple[Curve, ...]
) -> None:
    own, *others = curves
    plain = decide(name, own, others)
    shown = decide(name, replace(own, minimised=True), others)
    assert shown.stop == plain.stop
    for fact, number in plain.facts.items():
        sign = -1 if fact in ("score", "cut", "forecast", "best") else 1
        assert shown.facts[fact] == sign * number


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
    disagreements, stops = _run_side_by_side(study, text, trials=60 if in_memory else 20)
    assert disagreements == []
    assert stops > 0 or text == "none" or not in_memory


def _run_side_by_side(study: optuna.Study, text: str, *, trials: int) -> tuple[list[str], int]:
    """Run trials three at a time; both pruners see every report of all of them."""
    rng = random.Random(3)
    live: list[tuple[optuna.Trial, float, Iterator[int]]] = []
    disagreements, stops = [], 0
    while live or len(study.trials) < trials:
        while len(live) < 3 and len(study.trials) < trials:
            live.append((study.ask(), rng.random(), itertools.count(1)))
        chosen = rng.choice(live)
        trial, quality, steps = chosen
        step = next(steps)
        trial.report(quality * (1 - step**-0.7 / 2) + 0.1 * rng.random(), step)
        if step == EPOCHS:
            study.tell(trial, quality)
            live.remove(chosen)
            continue
        ours, theirs = _decide_now(text, study, trial.number), trial.should_prune()
        if ours.stop != theirs:
            disagreements.append(f"trial {trial.number}: optuna {theirs}, {ours.reason}")
        if theirs:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            live.remove(chosen)
            stops += 1
    return disagreements, stops


def _decide_now(text: str, study: optuna.Study, number: int) -> Decision:
    curves = {
        trial.number: Curve(
            sequence_index=trial.number,
            scores=trial.intermediate_values,
            outcome=trial.state.name.lower(),  # type: ignore[arg-type]
        )
        for trial in study.get_trials(deepcopy=True)
    }
    own = curves.pop(number)
    return decide(text, own, list(curves.values()))


def test_a_repeated_trial_skips_no_comparison_and_competes_once() -> None:
    others = [curve(p, [0.5 + p / 100], "pruned") for p in range(8)]
    decision = decide("asha", curve(8, [0.4]), others)
    assert decision.reason == "pruned at epoch 1: .400, cut .550 of 9"
    assert decision.facts == {"epoch": 1, "score": 0.4, "cut": 0.55, "of": 9, "rung": 1}


def test_the_reason_of_a_pruned_loss_has_no_minus_sign() -> None:
    others = [replace(curve(p, [-0.5 - p / 10]), minimised=True) for p in range(8)]
    decision = decide("asha", replace(curve(8, [-1.25]), minimised=True), others)
    assert decision.reason == "pruned at epoch 1: 1.250, cut .700 of 9"


def test_one_epoch_keeps_the_best_share() -> None:
    others = [curve(p, [p / 10]) for p in range(1, 4)]
    below, at, later = (
        decide("one_epoch,share=0.5", curve(9, scores), others)
        for scores in ([0.19], [0.2], [0.2, 0.0])
    )
    assert below.reason == "pruned at epoch 1: .190, cut .200 of 4"
    assert not at.stop
    assert not later.stop


@pytest.mark.parametrize(
    "text",
    ["median", "patient,patience=0", "asha", "hyperband", "one_epoch,epoch=3", "learning_curve"],
)
def test_nothing_is_stopped_at_its_own_last_epoch(text: str) -> None:
    step = 5 if text == "learning_curve" else 3
    others = [curve(p, [0.9 + s / 1000 for s in range(1, 10)], "complete") for p in range(20)]
    worse = [  # in more than one bracket
        curve(index, [0.1 - s / 1000 for s in range(1, step + 1)]) for index in range(20, 60)
    ]
    assert any(decide(text, replace(own, ends=EPOCHS), others).stop for own in worse)
    assert not any(decide(text, replace(own, ends=step), others).stop for own in worse)


def test_a_forecast_is_for_the_candidate_s_own_last_epoch() -> None:
    own, best = curve(1, [0.51, 0.52, 0.53, 0.54]), curve(0, [0.9] * EPOCHS, "complete")
    for ends in (6, EPOCHS):
        decision = decide("learning_curve", replace(own, ends=ends), [best])
        assert f"at epoch {ends}" in decision.reason


def test_the_sequence_index_and_the_name_alone_choose_the_bracket() -> None:
    brackets = [decide("hyperband", curve(p, [0.5]), []).facts["bracket"] for p in range(300)]
    shares = [brackets.count(bracket) / 300 for bracket in (0, 1, 2)]
    assert shares == pytest.approx([0.49, 0.32, 0.19], abs=0.06)


def promoted(text: str, curves: Sequence[Curve], among: Sequence[int]) -> list[int]:
    found = promotable(
        parse_pruner(text), curves, among=frozenset(among), study="octmnist", epochs=EPOCHS
    )
    return list(found)


def test_a_pruned_candidate_is_promotable_once_the_threshold_has_moved() -> None:
    curves = [
        curve(0, [0.9] * 9, "complete"),
        curve(1, [0.8], "pruned"),
        curve(2, [0.2], "pruned"),
    ]
    assert promoted("asha", curves, range(3)) == []
    curves += [curve(p, [0.1], "pruned") for p in range(3, 6)]
    assert promoted("asha", curves, range(6)) == [1]
    assert promoted("asha", curves, [0, 2, 3]) == []


@pytest.mark.parametrize("name", ["asha", "hyperband"])
@given(curves=populations())
def test_every_candidate_that_the_pruner_would_keep_now_is_promotable_and_no_other(
    name: str, curves: tuple[Curve, ...]
) -> None:
    keeps = [
        own.sequence_index
        for own in curves
        if own.outcome == "pruned"
        and not decide(name, own, [other for other in curves if other is not own]).stop
    ]
    found = promoted(name, curves, [curve.sequence_index for curve in curves])
    assert sorted(found) == sorted(keeps)


@pytest.mark.parametrize(
    ("text", "epochs", "message"),
    [
        ("asha,min_resource=3", 3, "pruner asha: first compares at epoch 3, but trainings end"),
        ("learning_curve", 4, "pruner learning_curve: first compares at epoch 4"),
        ("patient", 4, "pruner patient: first compares at epoch 4"),
        ("median", 0, "pruner median: the estimator trains no candidate"),
        ("one_epoch", 1, "pruner one_epoch: first compares at epoch 1"),
        ("asha,reduction_factor=1", 9, "reduction_factor: .* greater than or equal to 2"),
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
