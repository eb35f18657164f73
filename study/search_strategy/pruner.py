"""A pruner decides from learning curves whether a training goes on, and gives the reason."""

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
        sequence_index: The trial's position in the study's sequence of candidates. A repeat of
            a lost trial keeps the index, and so stays in the same bracket.
        scores: Score by step (epoch, from 1), finite, larger is better: the metric, negated if it
            is minimised.
        outcome: How the training ended, or ``running``.
        minimised: Whether scores are negated. Reasons and facts show the metric as measured.
        ends: Last step of the training if nothing stops it; None: as in the longest training.
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
        """Return the last step if nothing stops the training.

        Args:
            longest: Last step of the study's longest training.
        """
        return longest if self.ends is None else self.ends

    def is_over(self, longest: int) -> bool:
        """Tell whether no step is left that stopping would save."""
        return self.step >= self.last_step(longest)

    def at(self, step: int) -> float | None:
        """Return the score at the first reported step from ``step`` on, or None."""
        reached = self.first_step_from(step)
        return None if reached is None else self.scores[reached]

    def first_step_from(self, step: int) -> int | None:
        """Return the first reported step that is not before ``step``, or None."""
        return min((s for s in self.scores if s >= step), default=None)

    def as_measured(self, score: float) -> float:
        """Return the metric value of a score."""
        return 0.0 - score if self.minimised else score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether to stop a training, and why.

    Args:
        stop: True to prune.
        reason: For example ``pruned at epoch 2: .742, cut .781 of 9``.
        facts: The numbers behind the reason, which are stored with the trial.
    """

    stop: bool
    reason: str
    facts: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Pruner(ABC):
    """Decides which trainings stop early. A subclass is a pydantic dataclass of its options.

    Attributes:
        name: Name on the command line.
        stops: Whether it stops anything; False only for ``none``.
        promotes: Whether a pruned candidate goes on once the cut has moved below it.
    """

    name: ClassVar[str]
    stops: ClassVar[bool] = True
    promotes: ClassVar[bool] = False

    @property
    @abstractmethod
    def starts_at(self) -> int:
        """Earliest epoch at which it stops a training."""

    @abstractmethod
    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        """Return the decision for ``own`` after its last step. A pure function.

        Args:
            own: The training in question, with at least one score.
            others: The curves of all other candidates, in any order, without failed and lost
                trials.
            study_name: Name of the study; Hyperband's brackets depend on it.
            epochs: Steps of the longest training, from which rungs and brackets follow. At the
                last step of ``own`` the decision is to keep, because no step is left to save.
        """

    def validate(self, *, epochs: int) -> None:
        """Check that the pruner can stop a training before it ends.

        Args:
            epochs: Epochs of the longest training; 0 if candidates are not trained.

        Raises:
            SettingsError: It cannot.
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

    def bracket(self, sequence_index: int, *, study_name: str, epochs: int) -> int:
        """Return the group in which a candidate competes; 0 if there is one group."""
        return 0


@dataclass(frozen=True, kw_only=True)
class NoPruner(Pruner):
    """Trains every candidate to the end."""

    name: ClassVar[str] = "none"
    stops: ClassVar[bool] = False

    @property
    def starts_at(self) -> int:
        return 0

    def decide(
        self, own: Curve, others: Sequence[Curve], *, study_name: str, epochs: int
    ) -> Decision:
        return keep(f"kept at epoch {own.step}: no pruner")


def keep(reason: str, **facts: float) -> Decision:
    """Return the decision to go on."""
    return Decision(stop=False, reason=reason, facts=facts)


def against_cut(
    own: Curve, *, stop: bool, score: float, cut: float, of: int, **more: float
) -> Decision:
    """Return a decision from a comparison of a score with a cut.

    Args:
        own: The training in question, up to the step of the decision.
        stop: True to prune.
        score: The score.
        cut: The cut.
        of: Number of candidates from which the cut is computed.
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
    study_name: str,
    epochs: int,
) -> Iterator[int]:
    """Yield the sequence indices of pruned candidates that the pruner would keep by now.

    A cut moves as candidates are added: the best third of three holds one, that of nine holds
    three. The candidate that was trained longest comes first, then the one with the best score.

    Args:
        pruner: A pruner that ``promotes``.
        curves: The curves of all candidates.
        among: Sequence indices of the candidates that can be continued.
        study_name: Name of the study.
        epochs: Steps of the longest training.
    """
    missed: set[tuple[int, int]] = set()
    waiting = [
        c for c in curves if c.sequence_index in among and c.outcome == "pruned" and c.scores
    ]
    for curve in sorted(waiting, key=lambda c: (-c.step, -c.last, c.sequence_index)):
        bracket = pruner.bracket(curve.sequence_index, study_name=study_name, epochs=epochs)
        if (curve.step, bracket) in missed:  # a better candidate at this rung does not go on
            continue
        others = [other for other in curves if other.sequence_index != curve.sequence_index]
        if not pruner.decide(curve, others, study_name=study_name, epochs=epochs).stop:
            yield curve.sequence_index
        else:
            missed.add((curve.step, bracket))
