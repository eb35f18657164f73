"""A surrogate model for a strong start, joined with local moves for late progress.

A Gaussian process on the choices themselves ranks the one-change neighbours of the best trials,
some points two changes away, random points, and what climbs from the best of these reach. The next
trial is the new candidate with the highest upper confidence bound (Srinivas et al., 0912.3995).
The constants were chosen on closed-form landscapes.

Results enter as normal scores of their ranks, so any metric works. Pruned trials rank below
complete ones, and failed trials last. Candidates in training count as if they had reached their
expected result, which keeps other workers away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from study.search_space.candidate import Value, Values, values_key
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace
from study.search_strategy.samplers.gaussian_process import (
    Embedding,
    Kernel,
    Posterior,
    expected,
    fit,
)
from study.search_strategy.samplers.model_based import Surrogate
from study.search_strategy.samplers.non_adaptive import FixedSequence, sobol_points
from study.search_strategy.strategy import (
    History,
    Observation,
    Proposal,
    SequenceEnded,
    merit,
    rank_quantiles,
    shared_prefix,
)

Array = np.ndarray
Point = dict[str, Value]

LEADERS = 5
"""Number of best trials whose neighbours are scored."""
DOUBLE_MOVES = 50
RANDOM_POINTS = 200
CLIMBS = 3
CLIMB_STEPS = 10
LARGEST_FIT = 300
"""Most trials on which the process is conditioned; its cost grows with their cube."""
DECIMALS = 9
"""Decimals of a bound. Bounds that differ by rounding errors are equal, and the first one wins."""


class Scored(NamedTuple):
    """A point and its upper confidence bound, in normal scores."""

    bound: float
    point: Point


Score = Callable[[Iterable[Point]], list[Scored]]


class SurrogateStrategy:
    """Proposes the new candidate with the highest upper confidence bound."""

    def __init__(self, options: Surrogate, context: StrategyContext) -> None:
        self._context, self._options = context, options
        self._space, self._embedding = DiscreteSpace(context.space), Embedding(context.space)
        self._identity = context.candidate_identity()
        self._opening = FixedSequence(sobol_points(context), self._identity)
        self._kernel = expected(self._embedding)
        self._fitted: Sequence[Observation] = ()

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        firsts = _first_trials(history.observations)
        if not firsts:
            return self._opening.propose(history, rng)
        if len(firsts) + len(history.running) < self._options.start:
            with contextlib.suppress(SequenceEnded):  # it may have fewer points than needed
                return self._opening.propose(history, rng)
        score = self._upper_bound(firsts, history.running)
        leaders = sorted(firsts, key=lambda o: (merit(o), -o.number), reverse=True)[:LEADERS]
        scored = score(self._pool([dict(o.values) for o in leaders], rng))
        for start in _best_first(scored)[:CLIMBS]:
            scored = [*scored, *self._climb(score, start, rng)]
        is_new = self._newness(history)
        for bound, point in _best_first(scored):
            if is_new(point):
                return Proposal(values=point, notes={"bound": round(bound, 6)})
        return Proposal(values=self._space.sample(rng))

    def _newness(self, history: History) -> Callable[[Values], bool]:
        """Return the function that tells whether a point is allowed and is no known candidate."""
        known = [o for o in history.observations if o.holds_here]
        tried = {values_key(values) for values in (*(o.values for o in known), *history.running)}
        names, identity = {o.candidate_id for o in known}, self._identity
        if identity is not None:
            names |= {identity(values) for values in history.running}

        def is_new(point: Values) -> bool:
            if values_key(point) in tried or not self._context.allows(point):
                return False
            return identity is None or identity(point) not in names

        return is_new

    def _upper_bound(self, firsts: Sequence[Observation], running: Sequence[Values]) -> Score:
        """Return the function that scores points, given the first trial of every candidate."""
        kernel, (points, results) = self._fit(firsts), _informative(firsts)
        posterior = Posterior(self._embedding, points, results, kernel)
        if running:
            believed, _ = posterior.predict(running)
            results = np.concatenate([results, believed])
            posterior = Posterior(self._embedding, [*points, *running], results, kernel)

        def score(points: Iterable[Point]) -> list[Scored]:
            listed = list(points)
            if not listed:
                return []
            mean, deviation = posterior.predict(listed)
            bounds = np.round(mean + self._options.bound * deviation, DECIMALS)
            return [Scored(float(b), point) for b, point in zip(bounds, listed, strict=True)]

        return score

    def _fit(self, firsts: Sequence[Observation]) -> Kernel:
        """Return the kernel fitted to the first trials, without at most a sixteenth of them.

        The fit starts from the prior each time, so it is a function of these trials alone.
        """
        fitted = firsts[: len(firsts) - len(firsts) % max(1, len(firsts) // 16)]
        if not len(self._fitted) == len(fitted) == shared_prefix(self._fitted, fitted):
            self._kernel = fit(self._embedding, *_informative(fitted))
            self._fitted = fitted
        return self._kernel

    def _pool(self, leaders: Sequence[Point], rng: np.random.Generator) -> Iterator[Point]:
        for leader in leaders:
            yield from self._around(leader, rng)
        for _ in range(DOUBLE_MOVES):
            leader = leaders[int(rng.integers(len(leaders)))]
            yield self._space.mutate(self._space.mutate(leader, rng), rng)
        for _ in range(RANDOM_POINTS):
            yield self._context.space.sample(rng)

    def _around(self, point: Point, rng: np.random.Generator) -> Iterator[Point]:
        yield from self._space.neighbours(point, rng)
        yield from self._space.nearby(point, rng)

    def _climb(self, score: Score, start: Scored, rng: np.random.Generator) -> list[Scored]:
        """Return the points around a climb along the steepest allowed changes."""
        here, scored = start, []
        for _ in range(CLIMB_STEPS):
            around = score(self._around(here.point, rng))
            scored += around
            better = _best_first(s for s in around if s.bound > here.bound)
            above = next((s for s in better if self._context.allows(s.point)), None)
            if above is None:
                break
            here = above
        return scored


def _best_first(scored: Iterable[Scored]) -> list[Scored]:
    return sorted(scored, key=lambda s: -s.bound)


def _first_trials(observations: Sequence[Observation]) -> list[Observation]:
    """Return the first trial of every candidate; duplicates are no new evidence."""
    firsts: dict[str, Observation] = {}
    for observation in observations:
        firsts.setdefault(observation.identity, observation)
    return list(firsts.values())


def _informative(firsts: Sequence[Observation]) -> tuple[list[Values], Array]:
    """Return the points of at most ``LARGEST_FIT`` trials, and their normal scores among all.

    If there are more, one half is the best trials, and the other half is spread evenly over the
    rest.
    """
    ranks = np.array(rank_quantiles(firsts)) * (len(firsts) - 1) + 0.5
    scores = np.asarray(ndtri(ranks / len(firsts)))
    if len(firsts) <= LARGEST_FIT:
        return [o.values for o in firsts], scores
    order = np.argsort(-scores, kind="stable")
    half = LARGEST_FIT // 2
    spaced = np.linspace(half, len(firsts) - 1, LARGEST_FIT - half).astype(int)
    kept = np.sort(np.concatenate([order[:half], order[spaced]]))
    return [firsts[int(i)].values for i in kept], scores[kept]
