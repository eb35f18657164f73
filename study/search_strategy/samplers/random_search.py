"""Random search: every active parameter drawn on its own (Bergstra & Bengio, JMLR 13, 2012)."""

from __future__ import annotations

import numpy as np

from study.search_strategy.strategy import History, Proposal


class RandomSearch:
    """Draws every point anew; the baseline that every other strategy has to beat."""

    def propose(self, history: History, rng: np.random.Generator) -> Proposal:
        """Return a random point of the space."""
        return Proposal(values=history.space.sample(rng))
