"""A pruner decides from learning curves whether a training continues, and gives the reason."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from study.common.errors import SettingsError

Startup = Annotated[
    int, Field(ge=1, le=10_000, description="complete candidates before the first comparison")
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The scores of one candidate during its training.

    Args:
        sequence_index: A repeat of a lost trial keeps it, and so stays in the same bracket.
        scores: Score by epoch, from 1. Finite, larger is better: a minimised metric is negated.
        minimised: Whether scores are negated. Reasons and facts show the metric as measured.
        ends: Last epoch if nothing stops the training; None: as in the longest training.
    """

    sequence_index: int
    scores: Mapping[int, float]
    outcome: Literal["complete", "pruned", "running"] = "running"
    minimised: bool = False
    ends: int | None = None

    @property
    def step(self) -> int:
        """Last epoch reported; 0 before the first."""
        return max(self.scores, default=0)

    @property
    def last(self) -> float:
        """Score at the last epoch reported."""
        return self.scores[self.step]

    def last_step(self, longest: int) -> int:
        """Return the last epoch if nothing stops the training."""
        return longest if self.ends is None else self.ends

    def is_over(self, longest: int) -> bool:
        """Tell whether no epoch is left that stopping would save."""
        return self.step >= self.last_step(longest)

    def first_step_from(self, step: int) -> int | None:
        """Return the first reported epoch that is not before ``step``."""
        return min((s for s in self.scores if s >= step), default=None)

    def as_measured(self, score: float) -> float:
        """Return the metric value of a score."""
        return 0.0 - score if self.minimised else score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to stop a training, and why.

    Args:
        reason: For example ``pruned at epoch 2: .742, cut .781 of 9``.
        facts: The numbers behind the reason, which are stored with the trial.
    """

    stop: bool
    reason: str
    facts: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Pruner(ABC):
    """Decides which trainings stop early. A subclass is a pydantic dataclass of its options.

    Attributes:
        stops: Whether it stops anything; False only for ``none``.
        promotes: Whether a pruned candidate continues once the threshold has moved below it.
    """

    name: ClassVar[str]
    stops: ClassVar[bool] = True
    promotes: ClassVar[bool] = False

    @property
    def starts_at(self) -> int:
        """Earliest epoch at which it stops a training."""
        return 1

    @abstractmethod
    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        """Return the decision for ``own`` after its last epoch. A pure function.

        Args:
            own: The training in question, with at least one score.
            others: The curves of all other candidates, in any order, without failed and lost
                trials.
            study: Hyperband's brackets depend on it.
            epochs: Epochs of the longest training, from which rungs and brackets follow. At the
                last epoch of ``own`` nothing is left to save, so the decision is to keep.
        """

    def validate(self, *, epochs: int) -> None:
        """Check that the pruner can stop a training before it ends.

        Args:
            epochs: Epochs of the longest training; 0 if candidates are not trained.
        """
        if self.stops and not epochs:
            raise SettingsError(
                f"pruner {self.name}: the estimator trains no candidate, so there is nothing to"
                " stop; use --pruner none"
            )
        if self.stops and self.starts_at >= epochs:
            raise SettingsError(
                f"pruner {self.name}: first compares at epoch {self.starts_at}, but trainings end"
                f" at epoch {epochs}, so it would never stop one; train longer or use"
                " --pruner none"
            )

    def bracket(self, sequence_index: int, *, study: str, epochs: int) -> int:
        """Return the group in which a candidate competes; 0 if there is one group."""
        return 0


@dataclass(frozen=True, kw_only=True)
class NoPruner(Pruner):
    """Trains every candidate to the end."""

    name: ClassVar[str] = "none"
    stops: ClassVar[bool] = False

    def decide(self, own: Curve, others: Sequence[Curve], *, study: str, epochs: int) -> Decision:
        return keep(own, "no pruner")


def keep(own: Curve, why: str) -> Decision:
    """Return the decision to continue a training."""
    return Decision(stop=False, reason=f"kept at epoch {own.step}: {why}")


def against_cut(
    own: Curve, *, stop: bool, score: float, cut: float, of: int, **more: float
) -> Decision:
    """Return a decision from a comparison of a score with a threshold.

    Args:
        of: Number of candidates from which the threshold is computed.
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


def promotable(
    pruner: Pruner,
    curves: Sequence[Curve],
    *,
    among: Container[int | None],
    study: str,
    epochs: int,
) -> Iterator[int]:
    """Yield the sequence indices of pruned candidates that the pruner would keep by now.

    A threshold moves as candidates are added: the best third of three holds one, that of nine
    holds three. The candidate that was trained longest comes first, then the one with the best
    score.

    Args:
        among: Sequence indices of the candidates that can be continued.
        epochs: Epochs of the longest training.
    """
    missed: set[tuple[int, int]] = set()
    waiting = [
        c for c in curves if c.sequence_index in among and c.outcome == "pruned" and c.scores
    ]
    for curve in sorted(waiting, key=lambda c: (-c.step, -c.last, c.sequence_index)):
        bracket = pruner.bracket(curve.sequence_index, study=study, epochs=epochs)
        if (curve.step, bracket) in missed:  # a better candidate at this rung does not continue
            continue
        others = [other for other in curves if other.sequence_index != curve.sequence_index]
        if not pruner.decide(curve, others, study=study, epochs=epochs).stop:
            yield curve.sequence_index
        else:
            missed.add((curve.step, bracket))
