"""What a pruner sees and what it answers: curves in, a decision with its reason out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The scores of one candidate as its training went.

    Args:
        sequence_index: The trial's position in the study's sequence of candidates. A repeat of
            a lost trial keeps the index, and so falls into the same bracket.
        scores: Score by step (epoch, from 1), finite, larger is better: the metric, negated
            where it is minimised.
        outcome: How the training ended, if it did.
        minimised: Whether scores are negated; reasons and facts show the metric as it is.
        ends: Last step of the training when nothing stops it; None for that of the longest.
    """

    sequence_index: int
    scores: Mapping[int, float]
    outcome: Literal["complete", "pruned", "running"] = "running"
    minimised: bool = False
    ends: int | None = None

    @property
    def step(self) -> int:
        """Last step reported; 0 before the first."""
        return max(self.scores, default=0)

    @property
    def last(self) -> float:
        """Score at the last step."""
        return self.scores[self.step]

    def last_step(self, longest: int) -> int:
        """Return the last step when nothing stops it, where the longest training's is known."""
        return longest if self.ends is None else self.ends

    def is_over(self, longest: int) -> bool:
        """Tell whether there is no step left that stopping would save."""
        return self.step >= self.last_step(longest)

    def at(self, step: int) -> float | None:
        """Return the score at the first reported step from ``step`` on, or None."""
        reached = min((s for s in self.scores if s >= step), default=None)
        return None if reached is None else self.scores[reached]

    def as_measured(self, score: float) -> float:
        """Return the metric that a score stands for."""
        return 0.0 - score if self.minimised else score


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to stop a training, and why.

    Args:
        stop: True to prune.
        reason: In words, as ``pruned at epoch 2: .742, cut .781 of 9``.
        facts: The numbers behind it, to be stored with the trial.
    """

    stop: bool
    reason: str
    facts: Mapping[str, float] = field(default_factory=dict)


class Pruner(Protocol):
    """Decides after a step whether a training goes on. A pure function of its arguments."""

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        """Return the decision for ``own`` after its last step.

        Args:
            own: The training in question, with at least one score.
            others: All other candidates, one curve for a place, in any order. Trials that
                failed or were lost are not among them.
            study_name: Name of the study; Hyperband's brackets depend on it.
            epochs: Steps of the longest training, from which rungs and brackets follow. At the
                last step of ``own`` there is nothing left to save and the decision is to keep.
        """


def keep(reason: str, **facts: float) -> Decision:
    """Return the decision to go on."""
    return Decision(stop=False, reason=reason, facts=facts)


def against_cut(
    own: Curve, *, stop: bool, score: float, cut: float, of: int, **more: float
) -> Decision:
    """Return a decision that compared a score with a cut.

    Args:
        own: The training in question, after the step the decision is made at.
        stop: True to prune.
        score: What was compared.
        cut: What it was compared with.
        of: Number of candidates that the cut comes from.
        more: Further facts.
    """
    verdict, step = "pruned" if stop else "kept", own.step
    measured, limit = own.as_measured(score), own.as_measured(cut)
    return Decision(
        stop=stop,
        reason=f"{verdict} at epoch {step}: {short(measured)}, cut {short(limit)} of {of}",
        facts={"epoch": step, "score": measured, "cut": limit, "of": of, **more},
    )


def short(number: float) -> str:
    """Return a number with three decimals and no leading zero: ``.742``."""
    text = f"{number:.3f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text
