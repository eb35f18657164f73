"""Keep the best share by one early epoch, and train those to the end: the bar for every pruner.

Egele et al. (arXiv 2307.15422) found this as good as multi-fidelity methods with more machinery.
They wait for all candidates and keep a number of them; here the share is taken of the candidates
so far, so that nobody waits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from study.search_strategy.pruners.pruner import Curve, Decision, against_cut, keep


@dataclass(frozen=True, slots=True, kw_only=True)
class OneEpoch:
    """Stop at one epoch what is not in the best share of all that have reached it.

    Args:
        epoch: When the only comparison is made.
        share: Share of the candidates so far that goes on, rounded up; equals go on together.
    """

    epoch: int = 1
    share: float = 0.25

    def decide(
        self,
        own: Curve,
        others: Sequence[Curve],
        *,
        study_name: str,
        epochs: int,
    ) -> Decision:
        """See ``Pruner``."""
        if own.step != self.epoch or own.is_over(epochs):
            return keep(f"kept at epoch {own.step}: compared at epoch {self.epoch} only")
        reached = [score for curve in others if (score := curve.at(self.epoch)) is not None]
        competing = sorted([*reached, own.last], reverse=True)
        cut = competing[math.ceil(self.share * len(competing)) - 1]
        return against_cut(own, stop=own.last < cut, score=own.last, cut=cut, of=len(competing))
