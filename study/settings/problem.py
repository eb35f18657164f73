"""A study's settings for images of one format, and everything that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from study.common.errors import ResumeError, SettingsError
from study.performance_estimation.estimator import EstimatorOptions
from study.performance_estimation.screen import ScreenSpec
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_estimator import distinct_points
from study.performance_estimation.tabular.table_space import OwnSpace, table_space_from_text
from study.search_space.candidate import (
    LENGTHS,
    Candidate,
    ImageCounts,
    ImageFormat,
    Value,
    Values,
)
from study.search_space.describe import describe_bound
from study.search_space.differences import space_differences
from study.search_space.distinct import distinct_candidates, ungridded
from study.search_space.reading.loading import space_from_text
from study.search_space.resolve import candidate_id, complexity, resolve
from study.search_space.space import SearchSpace
from study.search_strategy.pruner import Pruner
from study.search_strategy.sampler import Sampler, StrategyContext
from study.settings.study_settings import LIMITS, StudySettings


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What a study searches, with which strategy, estimator and pruner.

    Each part is computed once, at its first use. A part that does not fit the settings then raises
    its ``StudyError``; ``validation.validate`` uses all of them.
    """

    settings: StudySettings
    image: ImageFormat
    """Format of the images that enter the networks."""
    train_images: int = ImageCounts().train
    """Number of training images of the data set."""

    @classmethod
    def for_data(cls, settings: StudySettings, data: Mapping[str, Any]) -> Problem:
        """Return the problem for the data that a study stores: ``image`` and ``train_images``."""
        return cls(
            settings=settings,
            image=ImageFormat(**data["image"]),
            train_images=data["train_images"],
        )

    @cached_property
    def declared(self) -> SearchSpace:
        """The search space as its YAML declares it."""
        text, source = self.settings.space_text, self.settings.space_name
        if self.estimator.name == "table":  # its rows do not depend on the data set
            return table_space_from_text(text, source=source, image=self.image)
        space = space_from_text(text, source=source, image=self.image)
        return replace(space, train_images=self.train_images)

    @cached_property
    def space(self) -> SearchSpace:
        """The search space, with epochs and the list of candidates from the settings."""
        space, epochs = self.declared, self.settings.epochs
        if self.settings.candidates is not None:
            space = replace(space, enqueue=self.settings.candidates)
        if epochs is None:
            return space
        varying = space.varying_length
        if varying in LENGTHS:
            raise SettingsError(
                f"--epochs {epochs}: the space '{space.name}' lets {varying} vary;"
                f" leave the flag out, or fix {varying} in the space"
            )
        return space.with_epochs(epochs)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters of the space, in order."""
        return tuple(self.space.by_name)

    @cached_property
    def sampled_space(self) -> SearchSpace:
        """The space that the sampler draws from. Only ``grid`` is limited to ``grid_points``."""
        return self.space if self.sampler.exhaustive else ungridded(self.space)

    @property
    def table(self) -> BenchmarkTable | None:
        """The table that the estimator reads results from; None for another estimator."""
        return self.settings.table

    @cached_property
    def networks(self) -> bool:
        """Whether the points are networks, and not rows of a table only."""
        return not isinstance(self.space, OwnSpace)

    def candidate(self, values: Values) -> Candidate:
        """Return the candidate of a point."""
        return self.space.candidate(values)

    def identify(self, values: Values) -> str:
        """Return the candidate id of a point. Points with equal ids are duplicates."""
        return self._ids(tuple(values.items()))

    @cached_property
    def _ids(self) -> Callable[[tuple[tuple[str, Value], ...]], str]:
        return lru_cache(maxsize=65536)(self._id)

    def _id(self, items: tuple[tuple[str, Value], ...]) -> str:
        if not self.networks and self.table is not None:
            return self.table.identity(dict(items))
        return candidate_id(self.candidate(dict(items)), self.image)

    def describe(self, values: Values) -> Mapping[str, Any]:
        """Return the facts that are stored before a candidate is scored: network and costs."""
        if not self.networks and self.table is not None:
            row = self.table.row(values)
            return {n: int(column[row]) for n, column in self.table.sizes.items()}
        stack = resolve(self.candidate(values).architecture, self.image)
        counts = complexity(stack)
        return {
            "architecture": asdict(stack),
            "parameters": counts.parameters,
            "macs": counts.macs,
            "conv_macs": counts.conv_macs,
        }

    def allows(self, values: Values) -> bool:
        """Return whether a point satisfies the constraints of the space."""
        return self.space.allows(values, self.image)

    def violation(self, values: Values) -> str | None:
        """Return which constraints the network of a point breaks, or None.

        Strategies sample inside the constraints. Listed candidates and those of a study on other
        images may lie outside.
        """
        broken = self.space.broken_bounds(self.candidate(values), self.image)
        if not broken:
            return None
        bounds = self.space.constraints
        listed = (
            f"{n:,} {name}, allowed: {describe_bound(bounds[name])}" for name, n in broken.items()
        )
        return f"the network lies outside the constraints: {'; '.join(listed)}"

    @cached_property
    def distinct(self) -> Mapping[str, Values] | None:
        """The first point of every distinct candidate, by id; None if there are too many."""
        if not self.networks and self.table is not None:
            return distinct_points(self.table, self.space)
        return distinct_candidates(self.space, self.image)

    @cached_property
    def epochs(self) -> int:
        """Epochs that the estimator trains a candidate for at most; 0 where it trains none."""
        return self.estimator.candidate_epochs(self.space.longest_training)

    def epochs_of(self, values: Values) -> int | None:
        """Return the epochs of a point's training; None for those of the longest training."""
        if self.table is not None:
            return None
        return self.estimator.candidate_epochs(self.candidate(values).recipe.epochs)

    @property
    def estimator(self) -> EstimatorOptions:
        """The estimator with its options."""
        return self.settings.chosen_estimator

    @property
    def sampler(self) -> Sampler:
        """The sampler with its options."""
        return self.settings.chosen_sampler

    @cached_property
    def strategy_context(self) -> StrategyContext:
        """What a strategy needs to know about the study."""
        return StrategyContext(
            space=self.sampled_space,
            budget=self.settings.trials,
            prunes=self.pruner.stops,
            objectives=len(self.settings.objectives),
            image=self.image if self.networks else None,
            identity=None if self.networks else self.identify,
            seed=self.settings.seed,
        )

    @property
    def pruner(self) -> Pruner:
        """The pruner with its options."""
        return self.settings.chosen_pruner

    @property
    def screen(self) -> ScreenSpec | None:
        """The screen before the search; None where there is none."""
        return self.settings.chosen_screen


def differences(stored: Problem, asked: Problem) -> list[str]:
    """Return a line for each setting whose change would change the meaning of results."""
    lines = []
    for name in StudySettings.model_fields:
        old, new = getattr(stored.settings, name), getattr(asked.settings, name)
        if name in LIMITS or name in ("study", "space_name", "space_text") or old == new:
            continue
        if name in ("plan", "candidates"):
            lines.append(f"{name}: the study trains another list of candidates")
            continue
        lines.append(f"{name.replace('_', ' ')}: stored {_show(old)}, asked for {_show(new)}")
    if stored.settings.space_text == asked.settings.space_text:
        return lines
    return lines + space_differences(stored.declared, asked.declared)


def _show(value: object) -> str:
    if value is None or value == ():
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def validate_unchanged(name: str, lines: list[str]) -> None:
    """Raise a ``ResumeError`` that lists the changed settings of a stored study, if any."""
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise ResumeError(
            f"study '{name}' was made with other settings:\n{listed}\n"
            f"continue it as it was with 'resume {name}', take another name with --study, or start"
            f" a new study from what stays valid with --study {name} --fork NEW"
        )
