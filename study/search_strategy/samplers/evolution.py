"""Regularised evolution (Real et al., 1802.01548): the oldest dies, not the worst.

The population is the last trials to finish, so a lucky result cannot stay for ever: what is good
must be found good again. The paper has 100 members and samples of 25 for 20,000 networks; the
defaults, 20 and 5, are the same shape for a hundred.
"""

from __future__ import annotations

import numpy as np

from study.search_strategy.sampler_spec import Chosen, StrategyContext
from study.search_strategy.samplers.discrete import DiscreteSpace
from study.search_strategy.strategy import History, Proposal, merit


class Evolution:
    """Mutates the best of a few members of the youngest generation.

    Args:
        context: The study it is for.
        population: Members alive, and random points at the start.
        sample: Members drawn, with replacement, of which the best becomes a parent.
    """

    def __init__(self, context: StrategyContext, *, population: int, sample: int) -> None:
        self._space = DiscreteSpace(context.space)
        self._population, self._sample = population, sample

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return a random point while the population fills, then a mutated parent."""
        if len(history.observations) < self._population:
            return Proposal(values=self._space.sample(rng))
        alive = history.observations[-self._population :]
        drawn = [alive[int(i)] for i in rng.integers(len(alive), size=self._sample)]
        parent = max(drawn, key=lambda o: (merit(o), o.number))
        return Proposal(
            values=self._space.mutate(parent.values, rng), notes={"parent": parent.number}
        )


def evolution(context: StrategyContext, chosen: Chosen) -> Evolution:
    """Return regularised evolution."""
    return Evolution(context, population=int(chosen["population"]), sample=int(chosen["sample"]))
