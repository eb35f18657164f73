"""Tests of study/performance_estimation/synthetic.py."""

from __future__ import annotations

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.performance_estimation.estimator import EstimateFailed, Step
from study.performance_estimation.synthetic import SyntheticEstimator, SyntheticOptions
from study.search_space.candidate import Architecture, Candidate, Recipe


def made(**options: float) -> SyntheticEstimator:
    return SyntheticEstimator(options=SyntheticOptions(**options))  # type: ignore[arg-type]


def candidate(
    *, conv_layers: int = 2, hidden_units: int = 64, learning_rate: float = 1e-3
) -> Candidate:
    return Candidate(
        architecture=Architecture(conv_layers=conv_layers, hidden_units=hidden_units),
        recipe=Recipe(learning_rate=learning_rate, epochs=4),
    )


def accuracy(estimator: SyntheticEstimator, candidate: Candidate, *, seed: int = 0) -> float:
    estimate = estimator.estimate(candidate, seed=seed, report=lambda _: None)
    return estimate.metrics["val_accuracy"]


@given(
    conv_layers=st.integers(1, 20),
    hidden_units=st.integers(1, 4096),
    learning_rate=st.floats(1e-7, 10.0),
    seed=st.integers(-(2**70), 2**70),
)
def test_the_curve_rises_and_stays_a_share(
    conv_layers: int, hidden_units: int, learning_rate: float, seed: int
) -> None:
    steps: list[Step] = []
    made(noise=0.5).estimate(
        candidate(conv_layers=conv_layers, hidden_units=hidden_units, learning_rate=learning_rate),
        seed=seed,
        report=steps.append,
    )
    curve = [step.metrics["val_accuracy"] for step in steps]
    assert curve == sorted(curve)
    assert all(0.25 <= value < 1 for value in curve)
    assert [step.metrics["val_loss"] for step in steps] == sorted(
        (step.metrics["val_loss"] for step in steps), reverse=True
    )


def test_seeds_differ_by_the_noise_and_not_at_all_without() -> None:
    noisy, exact = made(noise=0.01), made(noise=0.0)
    draws = [accuracy(noisy, candidate(), seed=seed) for seed in range(200)]
    assert 0.005 < float(np.std(draws)) < 0.02
    assert accuracy(exact, candidate(), seed=0) == accuracy(exact, candidate(), seed=1)


def test_the_recipe_counts() -> None:
    estimator = made(noise=0.0)
    good, bad = candidate(learning_rate=3e-3), candidate(learning_rate=1e-6)
    assert accuracy(estimator, good) > accuracy(estimator, bad) + 0.1


def test_epochs_are_the_recipes_or_those_asked_for() -> None:
    own = made().estimate(candidate(), seed=0, report=lambda _: None)
    fewer = made(epochs=2).estimate(candidate(), seed=0, report=lambda _: None)
    assert (own.epochs, fewer.epochs) == (4.0, 2.0)
    assert fewer.metrics["val_accuracy"] < own.metrics["val_accuracy"]


def test_the_asked_share_of_candidates_fails_after_the_first_epoch() -> None:
    estimator = made(fail=0.3)
    lengths = []
    for units in range(1, 301):
        steps: list[Step] = []
        with contextlib.suppress(EstimateFailed):
            estimator.estimate(candidate(hidden_units=units), seed=0, report=steps.append)
        lengths.append(len(steps))
    assert set(lengths) == {1, 4}
    assert 60 < lengths.count(1) < 120


def test_a_candidate_fails_with_every_seed_or_with_none() -> None:
    estimator = made(fail=1.0)
    for seed in range(3):
        with pytest.raises(EstimateFailed, match="loss is nan in epoch 1"):
            accuracy(estimator, candidate(), seed=seed)


def test_an_epoch_takes_as_long_as_asked() -> None:
    start = time.perf_counter()
    estimate = made(delay=0.02).estimate(candidate(), seed=0, report=lambda _: None)
    assert time.perf_counter() - start >= 0.08
    assert estimate.seconds == pytest.approx(0.08)


def test_candidates_that_are_one_network_tie() -> None:
    deep, deeper = candidate(conv_layers=3), candidate(conv_layers=5)
    assert accuracy(made(), deep) == accuracy(made(), deeper)
