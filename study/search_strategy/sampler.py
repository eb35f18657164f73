"""A sampler: its options, what it can do, and the strategy that it makes for a study."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from study.common.errors import SettingsError
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace
from study.search_strategy.strategy import Strategy

Identity = Callable[[Values], str]
"""Returns the id of a point's candidate; points with equal ids are duplicates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyContext:
    """The study that a strategy is made for.

    Args:
        budget: Number of trials of the study, to which schedules are scaled; None for no limit.
        prunes: Whether trials may be stopped early.
        image: Format of the images, to check constraints and to find duplicates; None where the
            points of the space are not networks.
        identity: Returns the id of a point's candidate, in place of ``candidate_id``.
    """

    space: SearchSpace
    budget: int | None = None
    prunes: bool = False
    objectives: int = 1
    image: ImageFormat | None = None
    identity: Identity | None = None
    seed: int = 0

    def allows(self, values: Values) -> bool:
        """Tell whether a point satisfies the constraints."""
        return self.image is None or self.space.allows(values, self.image)

    def candidate_identity(self) -> Identity | None:
        """Return the function that gives a point's candidate id; None where there is none."""
        space, image = self.space, self.image
        if self.identity is not None or image is None:
            return self.identity
        return lambda values: candidate_id(space.candidate(values), image)


class Sampler:
    """Decides what to try next. A subclass is a frozen pydantic dataclass of its options.

    Attributes:
        implementation: ``module:Class`` of the strategy, called with the sampler and the context.
            Only a sampler that overrides ``build`` has none.
        multi_objective: Whether it works with more than one objective.
        learns_policy: Whether it learns a distribution from which candidates are drawn.
        fixed_sequence: Whether its next point is the same at every call, until it is tried.
        exhaustive: Whether it tries every point of a countable space.
    """

    name: ClassVar[str]
    implementation: ClassVar[str] = ""
    multi_objective: ClassVar[bool] = False
    learns_policy: ClassVar[bool] = False
    fixed_sequence: ClassVar[bool] = False
    exhaustive: ClassVar[bool] = False

    def validate(self, context: StrategyContext) -> None:
        """Raise a ``SettingsError`` if the sampler does not work in this study."""
        if context.objectives > 1 and not self.multi_objective:
            raise SettingsError(
                f"sampler {self.name}: works with one objective, not with {context.objectives};"
                " take another sampler, such as auto"
            )

    def warnings(self, context: StrategyContext) -> tuple[str, ...]:
        """Return what the user should know before the study starts."""
        return ()

    def make(self, context: StrategyContext) -> Strategy:
        """Return the strategy for a study in which the sampler works."""
        self.validate(context)
        return self.build(context)

    def build(self, context: StrategyContext) -> Strategy:
        """Return the strategy for a validated study. Callers use ``make``."""
        strategy: Strategy = pkgutil.resolve_name(self.implementation)(self, context)
        return strategy
