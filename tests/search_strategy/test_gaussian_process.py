from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from study.search_space.candidate import Values
from study.search_space.parameter import (
    CategoricalParameter,
    Condition,
    FloatParameter,
    IntParameter,
)
from study.search_space.space import SearchSpace
from study.search_strategy.samplers.gaussian_process import (
    Embedding,
    Kernel,
    Posterior,
    _negative_likelihood,
    expected,
    fit,
)
from tests.search_strategy.landscapes import CONDITIONAL, FLAT, all_of

SPACE = SearchSpace(
    name="s",
    parameters=(
        CategoricalParameter(name="flip", choices=(True, False)),
        CategoricalParameter(name="channels", choices=(8, 16, 64)),
        FloatParameter(name="learning_rate", low=1e-4, high=1e-2, log=True),
        IntParameter(name="shift", low=0, high=4),
        CategoricalParameter(
            name="kind",
            choices=("x", "y"),
            when=(Condition(parameter="flip", values=(True,)),),
        ),
        IntParameter(
            name="depth", low=0, high=10, when=(Condition(parameter="flip", values=(True,)),)
        ),
    ),
)
BASE: Values = {
    "flip": True,
    "channels": 8,
    "learning_rate": 1e-4,
    "shift": 0,
    "kind": "x",
    "depth": 0,
}
WITHOUT: Values = {k: v for k, v in BASE.items() if k not in ("kind", "depth")} | {"flip": False}


def squared_distance(a: Values, b: Values, *, parameter: str) -> float:
    embedding = Embedding(SPACE)
    rows = embedding.matrix([a, b])
    columns = embedding.owner == [p.name for p in SPACE.parameters].index(parameter)
    return float(((rows[0] - rows[1])[columns] ** 2).sum())


@pytest.mark.parametrize(
    ("parameter", "value", "expected"),
    [
        ("flip", False, 1.0),  # choices: equal or not
        ("channels", 16, 0.25),  # numbers among choices: evenly spaced
        ("channels", 64, 1.0),
        ("learning_rate", 1e-3, 0.25),  # in the logarithm
        ("learning_rate", 1e-2, 1.0),
        ("shift", 1, 0.0625),
        ("kind", "y", 1.0),
        ("depth", 10, 1.0),
    ],
)
def test_the_distance_of_two_values_is_as_documented(
    parameter: str, value: object, expected: float
) -> None:
    other = {**BASE, parameter: value}
    assert squared_distance(BASE, other, parameter=parameter) == pytest.approx(expected)  # type: ignore[arg-type]


def test_an_inactive_parameter_is_equally_far_from_low_and_high_and_equal_to_itself() -> None:
    low, high = BASE, {**BASE, "depth": 10}
    assert squared_distance(low, WITHOUT, parameter="depth") == pytest.approx(0.5)
    assert squared_distance(high, WITHOUT, parameter="depth") == pytest.approx(0.5)
    assert squared_distance({**BASE, "kind": "y"}, WITHOUT, parameter="kind") == pytest.approx(1)
    assert squared_distance(WITHOUT, {**WITHOUT, "shift": 3}, parameter="depth") == 0.0


def drawn(space: SearchSpace, count: int) -> tuple[Embedding, list[Values]]:
    rng = np.random.default_rng(0)
    return Embedding(space), [space.sample(rng) for _ in range(count)]


def kernel_of(numbers: Iterable[float]) -> Kernel:
    *weights, signal, noise = numbers
    return Kernel(weights=np.array(weights), signal=signal, noise=noise)


def test_the_slope_of_the_likelihood_is_that_of_finite_differences() -> None:
    embedding, points = drawn(CONDITIONAL, 25)
    results, rows = np.random.default_rng(1).normal(size=25), embedding.matrix(points)
    squares, owner = (rows[:, None] - rows[None]) ** 2, embedding.owner
    distances = np.stack([squares[..., owner == j].sum(axis=-1).ravel() for j in range(6)])
    at = np.log([*expected(embedding).weights, 1.3, 0.2])

    def value(logarithms: np.ndarray) -> float:
        return _negative_likelihood(kernel_of(np.exp(logarithms)), distances, results)[0]

    _, slope = _negative_likelihood(kernel_of(np.exp(at)), distances, results)
    steps = np.eye(len(at)) * 1e-5
    numeric = [(value(at + step) - value(at - step)) / 2e-5 for step in steps]
    assert slope == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_the_posterior_meets_noiseless_results_and_returns_to_the_prior_far_away() -> None:
    embedding, points = drawn(FLAT, 12)
    results = np.linspace(-1, 1, 12)
    near, wide = (kernel_of([weight] * 6 + [1.0, 1e-6]) for weight in (1.0, 50.0))
    mean, deviation = Posterior(embedding, points, results, near).predict(points)
    assert mean == pytest.approx(results, abs=1e-3)
    assert deviation.max() < 0.01
    mean, deviation = Posterior(embedding, points, results, wide).predict([all_of("a")])
    assert mean == pytest.approx([0.0], abs=1e-6)
    assert deviation == pytest.approx([1.0])


def test_the_fit_finds_which_parameters_matter() -> None:
    embedding, points = drawn(FLAT, 80)
    worth = {"a": -1.2, "b": -0.4, "c": 0.4, "d": 1.2}
    results = np.array([worth[str(v["choice2"])] for v in points])
    weights = fit(embedding, points, results).weights
    assert weights[2] > 4 * np.delete(weights, 2).max()
