from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.search_strategy.pruner import Curve, Decision
from study.search_strategy.pruners.learning_curve import Forecast, LastValue, LearningCurve

EPOCHS = 20


def law(a: float, b: float, c: float, *, steps: int = EPOCHS, noise: float = 0.0) -> list[float]:
    rng = np.random.default_rng(int(1e4 * (a + b + c)))
    epochs = np.arange(1, steps + 1)
    return list(a - b * epochs**-c + noise * rng.standard_normal(steps))


def curve(values: Sequence[float], *, sequence_index: int = 9) -> Curve:
    return Curve(
        sequence_index=sequence_index,
        scores=dict(enumerate(values, start=1)),
        outcome="complete" if len(values) == EPOCHS else "running",
    )


COMPLETE = [curve(law(0.9 + i / 100, 0.4, 0.8), sequence_index=i) for i in range(6)]
BEST = max(c.last for c in COMPLETE)


def forecast(
    values: Sequence[float], target: float, *, known: Sequence[Curve] = (), epochs: int = EPOCHS
) -> Forecast:
    found = LearningCurve().forecast(curve(values), known, epochs=epochs, target=target)
    assert found is not None
    return found


def decide(values: Sequence[float], others: Sequence[Curve] = COMPLETE) -> Decision:
    return LearningCurve().decide(curve(values), others, study="s", epochs=EPOCHS)


@given(a=st.floats(0.5, 0.95), b=st.floats(0.05, 0.5), c=st.floats(0.25, 1.9))
def test_a_power_law_without_noise_is_continued(a: float, b: float, c: float) -> None:
    found = forecast(law(a, b, c, steps=8), 0.9, known=COMPLETE)
    assert found.score == pytest.approx(min(law(a, b, c)[-1], 1.0), abs=0.005)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=EPOCHS - 1), st.floats(0, 1))
def test_a_forecast_is_from_the_last_score_to_the_largest_possible_one(
    values: list[float], target: float
) -> None:
    found = forecast(values, target, known=COMPLETE)
    assert values[-1] <= found.score <= 1.0
    assert 0.0 <= found.probability <= 1.0


def test_a_negated_loss_is_not_forecast_above_zero() -> None:
    found = forecast([-4.0, -2.0, -1.0, -0.1], -0.05, epochs=1000)
    assert -0.1 <= found.score <= 0.0


def test_a_higher_target_is_less_likely() -> None:
    own = law(0.8, 0.4, 0.8, steps=6, noise=0.01)
    chances = [forecast(own, target).probability for target in (0.6, 0.75, 0.8, 0.9)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert chances[-1] < 0.1


@pytest.mark.parametrize("points", [1, 2, 3])
def test_fewer_than_four_points_are_too_few(points: int) -> None:
    reason = decide([0.1] * points).reason
    assert reason == f"kept at epoch {points}: too early for a forecast"


def test_a_hopeless_training_is_stopped_with_its_probability() -> None:
    decision = decide(law(0.6, 0.3, 1.0, steps=5, noise=0.002))
    assert decision.stop
    assert decision.facts["best"] == BEST
    assert decision.facts["probability"] < 0.05
    assert decision.reason.startswith("pruned at epoch 5: .5")
    assert decision.reason.endswith(
        f"expected at epoch 20, reaches .914 with probability "
        f".{round(1000 * decision.facts['probability']):03d}"
    )


def test_a_training_with_a_slow_start_is_kept() -> None:
    assert not decide([0.3, 0.45, 0.55, 0.63, 0.69]).stop


def test_nothing_is_stopped_before_a_candidate_is_complete() -> None:
    running = [curve(law(0.95, 0.1, 1.0, steps=9), sequence_index=i) for i in range(5)]
    assert not decide([0.1] * 6, running).stop


def test_the_baseline_adds_the_usual_gain_to_the_last_value() -> None:
    own = curve([0.1, 0.2, 0.3])
    found = LastValue().forecast(own, COMPLETE, epochs=EPOCHS, target=BEST)
    gains = [c.last - c.scores[3] for c in COMPLETE]
    assert found is not None
    assert found.score == pytest.approx(0.3 + np.mean(gains))
    assert found.probability < 1e-6
    assert LastValue().forecast(own, COMPLETE[:4], epochs=EPOCHS, target=BEST) is None


@pytest.mark.parametrize("pruner", [LearningCurve(), LastValue()])
def test_few_of_the_stopped_would_have_reached_the_best(
    pruner: LearningCurve | LastValue,
) -> None:
    rng, known = np.random.default_rng(0), COMPLETE[:5]
    stopped = missed = 0
    for _ in range(300):
        a, b, c = rng.uniform(0.7, 0.95), rng.uniform(0.1, 0.5), rng.uniform(0.4, 1.5)
        whole = law(a, b, c, noise=0.005)
        stop = pruner.decide(curve(whole[:6]), known, study="s", epochs=EPOCHS).stop
        stopped += stop
        missed += stop and whole[-1] >= max(c.last for c in known)
    assert stopped > 100
    assert missed <= 0.05 * stopped
