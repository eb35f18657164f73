"""A Gaussian process with one weight per parameter (Rasmussen & Williams 2006, ch. 2 and 5).

The covariance of two points is ``signal · exp(-Σ weight_j · d_j)`` with d_j their squared distance
in parameter j. On choices, where d_j is 0 or 1, this is an exponential kernel; on numbers it is a
Gaussian kernel.

An ``Embedding`` turns points into vectors. Each parameter has its own block of columns, scaled so
that its squared distance is between 0 and about 1:

choices     one column per choice; two different choices are 1 apart
numbers     one column, 0 to 1 over the range, in the logarithm where the range is wide
conditional one more column: a point where the parameter is inactive is half a range away from
            the middle, equally unlike low and high numbers; two inactive ones are equal

Choices that are all numbers are ordered, so they count as numbers, evenly spaced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from study.search_space.candidate import Value, Values
from study.search_space.parameter import AnyParameter, CategoricalParameter
from study.search_space.space import SearchSpace
from study.search_strategy.samplers.discrete import in_logarithm

Array = np.ndarray

JITTER = 1e-8
TOTAL_WEIGHT = 2.5
"""Prior sum of the weights: two points with nothing in common have a correlation of 0.08."""
ORDERED = 5.0
"""Weight of a number relative to a choice: its squared distances are mostly small."""
WEIGHT_SPREAD, SIGNAL_SPREAD, NOISE_SPREAD = 1.5, 0.5, 1.0
"""Prior standard deviations of the logarithms: weak, a few dozen trials override them."""
NOISE = 0.1
"""Prior noise variance, in units of the results' variance."""
LARGEST_MOVE = 6.0
"""Bound on how far the fit moves a logarithm."""
ITERATIONS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The covariance function.

    Args:
        weights: Weight of each parameter's squared distance, shape (parameters,).
        signal: Variance of the values.
        noise: Variance of a result around its value.
    """

    weights: Array
    signal: float
    noise: float


def expected(embedding: Embedding) -> Kernel:
    """Return the centre of the prior."""
    share = TOTAL_WEIGHT / len(embedding.ordered)
    weights = np.where(embedding.ordered, ORDERED * share, share)
    return Kernel(weights=weights, signal=1.0, noise=NOISE)


def fit(embedding: Embedding, points: Sequence[Values], results: Array) -> Kernel:
    """Return the kernel with the largest posterior density, for results of unit variance."""
    matrix, prior, count = embedding.matrix(points), expected(embedding), len(embedding.ordered)
    blocks = [matrix[:, embedding.owner == j] for j in range(count)]
    distances = np.stack([_squared(block, block) for block in blocks]).reshape(count, -1)
    middle = np.log([*prior.weights, prior.signal, prior.noise])
    spread = np.full(len(middle), WEIGHT_SPREAD)
    spread[-2:] = SIGNAL_SPREAD, NOISE_SPREAD

    def loss(logarithms: Array) -> tuple[float, Array]:
        fitted, slope = _negative_likelihood(_kernel(logarithms), distances, results)
        offset = (logarithms - middle) / spread
        return fitted + 0.5 * float(offset @ offset), slope + offset / spread

    found = minimize(
        loss,
        middle,
        jac=True,
        method="L-BFGS-B",
        bounds=[(value - LARGEST_MOVE, value + LARGEST_MOVE) for value in middle],
        options={"maxiter": ITERATIONS},
    )
    return _kernel(found.x)


def _kernel(logarithms: Array) -> Kernel:
    *weights, signal, noise = np.exp(logarithms)
    return Kernel(weights=np.array(weights), signal=float(signal), noise=float(noise))


def _negative_likelihood(kernel: Kernel, distances: Array, results: Array) -> tuple[float, Array]:
    """Return the negative log marginal likelihood and its slope by each logarithm.

    ``distances`` are squared distances by parameter, shape (parameters, n · n).
    """
    count = len(results)
    correlation = np.exp(-(kernel.weights @ distances)).reshape(count, count)
    covariance = kernel.signal * correlation + (kernel.noise + JITTER) * np.eye(count)
    factor = cho_factor(covariance, lower=True, check_finite=False)
    inverse = cho_solve(factor, np.eye(count), check_finite=False)
    weighted = inverse @ results
    value = 0.5 * float(results @ weighted) + float(np.log(np.diag(factor[0])).sum())
    slope = 0.5 * (inverse - np.outer(weighted, weighted))  # by each entry of the covariance
    by_signal = kernel.signal * slope * correlation
    by_weights = -kernel.weights * (distances @ by_signal.ravel())
    by_noise = kernel.noise * float(np.trace(slope))
    return value, np.array([*by_weights, float(by_signal.sum()), by_noise])


class Posterior:
    """The distribution of the value at any point, given results at some points."""

    def __init__(
        self, embedding: Embedding, points: Sequence[Values], results: Array, kernel: Kernel
    ) -> None:
        self._embedding, self._kernel = embedding, kernel
        self._points = self._scaled(points)
        covariance = kernel.signal * np.exp(-_squared(self._points, self._points))
        covariance += (kernel.noise + JITTER) * np.eye(len(points))
        self._factor, _ = cho_factor(covariance, lower=True, check_finite=False)
        self._weighted = cho_solve((self._factor, True), results, check_finite=False)

    def _scaled(self, points: Sequence[Values]) -> Array:
        scale = np.sqrt(self._kernel.weights)[self._embedding.owner]
        return np.asarray(self._embedding.matrix(points) * scale)

    def predict(self, points: Sequence[Values]) -> tuple[Array, Array]:
        """Return mean and standard deviation of the value at each point."""
        cross = self._kernel.signal * np.exp(-_squared(self._scaled(points), self._points))
        solved = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = self._kernel.signal - (solved**2).sum(axis=0)
        return cross @ self._weighted, np.sqrt(np.maximum(variance, 1e-12))


def _squared(a: Array, b: Array) -> Array:
    """Return the squared distances of rows, shape (rows of a, rows of b)."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.asarray(np.maximum(squares, 0.0))


class Embedding:
    """Turns points of a space into vectors.

    Attributes:
        owner: Index of the parameter that each column belongs to, shape (columns,).
        ordered: Whether each parameter is a number, shape (parameters,).
    """

    def __init__(self, space: SearchSpace) -> None:
        self._parameters = space.parameters
        widths = [block.shape[1] for block in self._blocks([])]
        self.owner = np.repeat(np.arange(len(widths)), widths)
        self.ordered = np.array([not _is_choice(parameter) for parameter in space.parameters])

    def matrix(self, points: Sequence[Values]) -> Array:
        """Return one row for each point, shape (points, columns)."""
        return np.concatenate(self._blocks(points), axis=1)

    def _blocks(self, points: Sequence[Values]) -> list[Array]:
        blocks = []
        for parameter in self._parameters:
            values = [point.get(parameter.name) for point in points]
            blocks.append(
                _choices(parameter, values)
                if _is_choice(parameter)
                else _numbers(parameter, values)
            )
        return blocks


def _is_choice(parameter: AnyParameter) -> TypeGuard[CategoricalParameter]:
    """Tell whether the values have no order."""
    return isinstance(parameter, CategoricalParameter) and not all(
        isinstance(c, int | float) and not isinstance(c, bool) for c in parameter.choices
    )


def _choices(parameter: CategoricalParameter, values: Sequence[Value | None]) -> Array:
    """Return shape (points, choices): the square root of a half where the choice is made."""
    known = [*parameter.choices, None] if parameter.when else parameter.choices
    index = {_choice_key(choice): i for i, choice in enumerate(known)}
    chosen = [index[_choice_key(value)] for value in values]
    return np.asarray(np.eye(len(index))[chosen] * math.sqrt(0.5))


def _choice_key(value: Value | None) -> tuple[bool, Value | None]:
    """Return a key for which ``True`` is not ``1``."""
    return isinstance(value, bool), value


def _numbers(parameter: AnyParameter, values: Sequence[Value | None]) -> Array:
    """Return shape (points, 1 or 2): position in the range, and half where it is inactive."""
    numbers = np.array([math.nan if value is None else float(value) for value in values])
    inactive = np.isnan(numbers)
    if isinstance(parameter, CategoricalParameter):
        knots = sorted(float(choice) for choice in parameter.choices)
    else:
        knots = [float(parameter.low), float(parameter.high)]
        if in_logarithm(parameter):
            knots, numbers = [math.log(knot) for knot in knots], np.log(numbers)
    found = np.interp(numbers, knots, np.linspace(0.0, 1.0, len(knots)))
    positions = np.where(inactive, 0.5, found)
    columns = [positions, inactive * 0.5] if parameter.when else [positions]
    return np.stack(columns, axis=1)
