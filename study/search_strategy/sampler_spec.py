"""What an entry of ``SAMPLERS`` is, and what a sampler is built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from study.common.choices import Options, OptionValue
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace
from study.search_strategy.strategy import Strategy

NO_PRUNER = "none"

Chosen = Mapping[str, OptionValue]
"""A value for every option of a sampler."""

Identity = Callable[[Values], str]
"""Names the candidate of a point; equal names are twins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyContext:
    """The study that a strategy is built for.

    Args:
        space: The search space.
        budget: Trials the study shall have; schedules are scaled to it. None where there is no
            limit.
        pruner: The pruner as given, options and all; ``none`` where nothing is stopped early.
        objectives: Number of objectives.
        image: Format of the images, to check constraints and to tell twins; None where the
            points of the space are not networks.
        identity: Names the candidate of a point, in place of ``candidate_id``.
        seed: The study's seed.
    """

    space: SearchSpace
    budget: int | None = None
    pruner: str = NO_PRUNER
    objectives: int = 1
    image: ImageFormat | None = None
    identity: Identity | None = None
    seed: int = 0

    def allows(self, values: Values) -> bool:
        """Tell whether the constraints admit this point."""
        return self.image is None or self.space.allows(values, self.image)

    def naming(self) -> Identity | None:
        """Return what names the candidate of a point; None where nothing is known of twins."""
        space, image = self.space, self.image
        if self.identity is not None or image is None:
            return self.identity
        return lambda values: candidate_id(space.candidate(values), image)

    def prunes(self) -> bool:
        """Tell whether trials may be stopped early."""
        return self.pruner.partition(",")[0].strip() != NO_PRUNER

    def conditional(self) -> bool:
        """Tell whether a parameter of the space depends on others."""
        return any(parameter.when for parameter in self.space.parameters)


Build = Callable[[StrategyContext, Chosen], Strategy]
Remark = Callable[[StrategyContext], str | None]


def _nothing(_: StrategyContext) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec:
    """An entry of ``SAMPLERS``.

    Args:
        meaning: One line for the help text: what it does, when to take it.
        build: Makes the strategy; imports what is heavy itself.
        options: What may be given after the name.
        countable: Whether it needs a space of countably many points.
        multi_objective: Whether it can have more than one objective.
        refuse: Returns why this study cannot have this sampler, or None.
        warn: Returns what the user should know before the study starts, or None.
    """

    meaning: str
    build: Build
    options: Options = field(default_factory=dict)
    countable: bool = False
    multi_objective: bool = False
    refuse: Remark = _nothing
    warn: Remark = _nothing
