"""A Gaussian process with one weight for each parameter (Rasmussen & Williams 2006, ch. 2 and 5).

The covariance of two points is ``signal · exp(-Σ weight_j · d_j)`` with d_j their squared distance
in parameter j. On choices, where d_j is 0 or 1, that is the exponential kernel on what differs;
on numbers it is the Gaussian one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

Array = np.ndarray

JITTER = 1e-8
TOTAL_WEIGHT = 2.5
"""Sum of the weights expected beforehand: two points with nothing in common correlate by 0.08."""
ORDERED = 5.0
"""A number's weight in units of a choice's: its squared distances are mostly small."""
WEIGHT_SPREAD, SIGNAL_SPREAD, NOISE_SPREAD = 1.5, 0.5, 1.0
"""Standard deviations of the logarithms beforehand: weak, to be overruled by some dozen trials."""
NOISE = 0.1
"""Noise variance expected beforehand, in units of the results' variance."""
LARGEST_MOVE = 6.0
"""How far the fit may move a logarithm."""
ITERATIONS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The covariance function.

    Args:
        weights: Weight of each parameter's squared distance, shape (parameters,).
        signal: Variance of the values.
        noise: Variance of an observation around its value.
    """

    weights: Array
    signal: float
    noise: float


def expected(ordered: Array) -> Kernel:
    """Return the kernel expected before anything is known.

    Args:
        ordered: Whether each parameter is a number, shape (parameters,).
    """
    share = TOTAL_WEIGHT / len(ordered)
    return Kernel(weights=np.where(ordered, ORDERED * share, share), signal=1.0, noise=NOISE)


def fit(points: Array, results: Array, *, owner: Array, prior: Kernel) -> Kernel:
    """Return the kernel of the largest posterior density, starting from the prior's middle.

    Args:
        points: Embedded points, shape (n, columns).
        results: Results of about unit variance, shape (n,).
        owner: Parameter of each column, shape (columns,).
        prior: The middle of the prior.
    """
    distances = np.stack(
        [_squared(points[:, owner == j], points[:, owner == j]) for j in range(len(prior.weights))]
    ).reshape(len(prior.weights), -1)
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

    Args:
        kernel: The kernel.
        distances: Squared distances by parameter, shape (parameters, n · n).
        results: Shape (n,).
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
    """What is believed of any point, given results.

    Args:
        points: Embedded points, shape (n, columns).
        results: Shape (n,).
        owner: Parameter of each column, shape (columns,).
        kernel: The kernel.
    """

    def __init__(self, points: Array, results: Array, *, owner: Array, kernel: Kernel) -> None:
        self._kernel = kernel
        self._scale = np.sqrt(kernel.weights)[owner]
        self._points = points * self._scale
        covariance = kernel.signal * np.exp(-_squared(self._points, self._points))
        covariance += (kernel.noise + JITTER) * np.eye(len(points))
        self._factor, _ = cho_factor(covariance, lower=True, check_finite=False)
        self._weighted = cho_solve((self._factor, True), results, check_finite=False)

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of the value at each point.

        Args:
            points: Embedded points, shape (m, columns).
        """
        cross = self._kernel.signal * np.exp(-_squared(points * self._scale, self._points))
        solved = solve_triangular(self._factor, cross.T, lower=True, check_finite=False)
        variance = self._kernel.signal - (solved**2).sum(axis=0)
        return cross @ self._weighted, np.sqrt(np.maximum(variance, 1e-12))


def _squared(a: Array, b: Array) -> Array:
    """Return the squared distances of rows, shape (rows of a, rows of b)."""
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.asarray(np.maximum(squares, 0.0))
