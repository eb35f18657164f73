from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.search_strategy.pruner import Curve
from study.search_strategy.pruners.learning_curve import (
    ForecastPruner,
    LastValue,
    LearningCurve,
)

EPOCHS = 20


def law(a: float, b: float, c: float, *, steps: int = EPOCHS, noise: float = 0.0) -> list[float]:
    rng = np.random.default_rng(int(1e4 * (a + b + c)))
    epochs = np.arange(1, steps + 1)
    return list(a - b * epochs**-c + noise * rng.standard_normal(steps))


def curve(values: list[float], *, sequence_index: int = 0) -> Curve:
    return Curve(
        sequence_index=sequence_index,
        scores=dict(enumerate(values, start=1)),
        outcome="complete" if len(values) == EPOCHS else "running",
    )


COMPLETE = [curve(law(0.9 + i / 100, 0.4, 0.8), sequence_index=i) for i in range(6)]
BEST = max(c.last for c in COMPLETE)


@given(a=st.floats(0.5, 0.95), b=st.floats(0.05, 0.5), c=st.floats(0.25, 1.9))
def test_a_power_law_without_noise_is_continued(a: float, b: float, c: float) -> None:
    own = curve(law(a, b, c, steps=8))
    forecast = LearningCurve().forecast(own, COMPLETE, epochs=EPOCHS, target=0.9)
    assert forecast is not None
    assert forecast.score == pytest.approx(min(law(a, b, c)[-1], 1.0), abs=0.005)


@given(st.lists(st.floats(0, 1), min_size=4, max_size=EPOCHS - 1), st.floats(0, 1))
def test_a_forecast_is_sane_whatever_the_curve(values: list[float], target: float) -> None:
    own = curve(values)
    forecast = LearningCurve().forecast(own, COMPLETE, epochs=EPOCHS, target=target)
    assert forecast is not None
    assert own.last <= forecast.score <= 1.0
    assert 0.0 <= forecast.probability <= 1.0


def test_a_negated_loss_is_not_forecast_above_zero() -> None:
    own = curve([-4.0, -2.0, -1.0, -0.1])
    forecast = LearningCurve().forecast(own, [], epochs=1000, target=-0.05)
    assert forecast is not None
    assert -0.1 <= forecast.score <= 0.0


def test_a_higher_target_is_less_likely() -> None:
    own = curve(law(0.8, 0.4, 0.8, steps=6, noise=0.01))
    chances = []
    for target in (0.6, 0.75, 0.8, 0.9):
        forecast = LearningCurve().forecast(own, [], epochs=EPOCHS, target=target)
        assert forecast is not None
        chances.append(forecast.probability)
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.9
    assert chances[-1] < 0.1


@pytest.mark.parametrize("points", [1, 2, 3])
def test_fewer_than_four_points_are_too_few(points: int) -> None:
    pruner = LearningCurve()
    own = curve([0.1] * points, sequence_index=9)
    decision = pruner.decide(own, COMPLETE, study_name="s", epochs=EPOCHS)
    assert decision.reason == f"kept at epoch {points}: too early for a forecast"


def test_a_hopeless_training_is_stopped_with_its_probability() -> None:
    pruner = LearningCurve()
    own = curve(law(0.6, 0.3, 1.0, steps=5, noise=0.002), sequence_index=9)
    decision = pruner.decide(own, COMPLETE, study_name="s", epochs=EPOCHS)
    assert decision.stop
    assert decision.facts["best"] == BEST
    assert decision.facts["probability"] < 0.05
    assert decision.reason.startswith("pruned at epoch 5: .5")
    assert decision.reason.endswith(
        f"expected at epoch 20, reaches .914 with probability "
        f".{round(1000 * decision.facts['probability']):03d}"
    )


def test_a_late_bloomer_is_kept() -> None:
    pruner = LearningCurve()
    own = curve([0.3, 0.45, 0.55, 0.63, 0.69], sequence_index=9)
    assert not pruner.decide(own, COMPLETE, study_name="s", epochs=EPOCHS).stop


def test_nothing_is_stopped_before_a_candidate_is_complete() -> None:
    pruner = LearningCurve()
    running = [curve(law(0.95, 0.1, 1.0, steps=9), sequence_index=i) for i in range(5)]
    own = curve([0.1] * 6, sequence_index=9)
    assert not pruner.decide(own, running, study_name="s", epochs=EPOCHS).stop


def test_the_baseline_adds_the_usual_gain_to_the_last_value() -> None:
    own = curve([0.1, 0.2, 0.3], sequence_index=9)
    forecast = LastValue().forecast(own, COMPLETE, epochs=EPOCHS, target=BEST)
    gains = [c.last - c.scores[3] for c in COMPLETE]
    assert forecast is not None
    assert forecast.score == pytest.approx(0.3 + np.mean(gains))
    assert forecast.probability < 1e-6
    assert LastValue().forecast(own, COMPLETE[:4], epochs=EPOCHS, target=BEST) is None


@pytest.mark.parametrize("pruner", [LearningCurve(), LastValue()])
def test_few_of_the_stopped_would_have_reached_the_best(pruner: ForecastPruner) -> None:
    rng = np.random.default_rng(0)
    stopped = missed = 0
    for trial in range(300):
        a, b, c = rng.uniform(0.7, 0.95), rng.uniform(0.1, 0.5), rng.uniform(0.4, 1.5)
        whole = law(a, b, c, noise=0.005)
        decision = pruner.decide(
            curve(whole[:6], sequence_index=50 + trial),
            COMPLETE[:5],
            study_name="s",
            epochs=EPOCHS,
        )
        stopped += decision.stop
        missed += decision.stop and whole[-1] >= max(c.last for c in COMPLETE[:5])
    assert stopped > 100
    assert missed <= 0.05 * stopped
