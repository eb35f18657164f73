"""The settings of a study: validated once, stored with it, compared on resume."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from study.common.errors import SettingsError
from study.performance_estimation.estimator import EstimatorOptions
from study.performance_estimation.registry import parse_estimator
from study.performance_estimation.screen import ScreenSpec, parse_screen
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_estimator import TableOptions
from study.search_space.candidate import Values
from study.search_strategy.pruner import Pruner
from study.search_strategy.registry import parse_pruner, parse_sampler
from study.search_strategy.sampler import Sampler
from study.search_strategy.strategy import generator
from study.settings.budget import Budget
from study.settings.metrics import Measure, find_measures

FitOn = Literal["train", "train+val"]
"""The images a network is trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCandidate:
    """A candidate to train again.

    Args:
        candidate_id: Its identity when trained in full.
        number: Number of the trial that found it, in the study of origin.
        params: Active parameters.
        search_value: Its value in the study of origin; None where that was no full training.
    """

    candidate_id: str
    number: int
    params: Values
    search_value: float | None = None


class PlannedTraining(NamedTuple):
    """One training of a plan."""

    candidate: PlannedCandidate
    repeat: int
    """Index of the seed, from 0. All candidates share the seeds."""

    @property
    def key(self) -> tuple[str, int]:
        """Identity of the training within the plan."""
        return self.candidate.candidate_id, self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The trainings of a linked study.

    ``confirm`` and ``test`` train candidates of another study again. These trainings are a study
    with workers, interruptions and resume like any other. Its candidates are listed, not sampled.
    Each is trained with several seeds.

    Args:
        kind: The command that made the plan.
        origin: Name of the study that found the candidates.
        candidates: Best first.
        repeats: Number of seeds for each candidate.
    """

    kind: Literal["confirm", "test"]
    origin: str
    candidates: tuple[PlannedCandidate, ...]
    repeats: int
    fit_on: FitOn = "train"

    def trainings(self) -> list[PlannedTraining]:
        """Return every training, the first seed of all candidates first."""
        return [
            PlannedTraining(candidate=candidate, repeat=repeat)
            for repeat in range(self.repeats)
            for candidate in self.candidates
        ]

    def seed(self, study_seed: int, repeat: int) -> int:
        """Return the seed of a repeat. It is the same for all candidates, so results are paired.

        It depends on the name of the command, so that it differs from all seeds of the search.
        """
        return int(generator(study_seed, self.kind, repeat).integers(2**62))


class StudySettings(BaseModel):
    """Everything that decides what a study does. Hardware and paths are in ``RunContext``."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    study: str = Field(min_length=1, max_length=200)
    space_name: str
    space_text: str = Field(repr=False)
    dataset: str = "octmnist"
    split: Literal["official", "pooled"] = "official"
    size: int = Field(default=28, ge=8, le=512)
    drop_leaks: bool = False
    objectives: tuple[str, ...] = ("accuracy",)
    sampler: str = "tpe"
    estimator: str = "train"
    pruner: str = "none"
    screen: str | None = None
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    fraction: float = Field(default=1.0, gt=0.0, le=1.0)
    image_size: int | None = Field(default=None, ge=8, le=512)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: int = Field(default=0, ge=0, lt=2**63)
    trials: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    epochs_budget: float | None = Field(default=None, gt=0)
    retries: int = Field(default=3, ge=0, le=100)
    keep: Literal["best", "all", "none"] = "best"
    reuse: tuple[str, ...] = ()
    warm_start: str | None = None
    plan: Plan | None = None
    candidates: tuple[Values, ...] | None = None

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The measures that are optimised. Curves and pruners use the first one."""
        return find_measures(self.objectives)

    @cached_property
    def chosen_estimator(self) -> EstimatorOptions:
        """The estimator with its options."""
        return parse_estimator(self.estimator)

    @cached_property
    def chosen_sampler(self) -> Sampler:
        """The sampler with its options."""
        return parse_sampler(self.sampler)

    @cached_property
    def chosen_pruner(self) -> Pruner:
        """The pruner with its options."""
        return parse_pruner(self.pruner)

    @cached_property
    def chosen_screen(self) -> ScreenSpec | None:
        """The screen before the search; None where there is none."""
        return None if self.screen is None else parse_screen(self.screen)

    @cached_property
    def table(self) -> BenchmarkTable | None:
        """The table that the estimator reads results from; None for another estimator."""
        chosen = self.chosen_estimator
        return chosen.table if isinstance(chosen, TableOptions) else None

    @property
    def needs_data(self) -> bool:
        """Whether the estimator or the screen needs images."""
        screened = self.chosen_screen is not None and self.chosen_screen.score.needs_data
        return screened or self.chosen_estimator.needs_data

    @property
    def directions(self) -> tuple[Literal["maximize", "minimize"], ...]:
        """Optuna's direction of each objective."""
        return tuple(measure.direction for measure in self.measures)

    @property
    def budget(self) -> Budget:
        """The limits of the study."""
        return Budget(trials=self.trials, seconds=self.timeout, epochs=self.epochs_budget)

    def with_changes(self, **changes: Any) -> StudySettings:
        """Return settings with other values for these fields."""
        kept = {name: getattr(self, name) for name in StudySettings.model_fields}
        return make_settings(**{**kept, **changes})


LIMITS = frozenset({"trials", "timeout", "epochs_budget", "retries", "keep", "reuse"})
"""Settings that may differ between two runs, because they do not change what results mean."""


def make_settings(**values: Any) -> StudySettings:
    """Return validated settings.

    Raises:
        SettingsError: One line for each value that is out of range or unknown.
    """
    try:
        settings = StudySettings(**values)
    except ValidationError as error:
        problems = [
            f"--{'-'.join(map(str, problem['loc'])).replace('_', '-')}: {problem['msg']},"
            f" got {problem['input']!r}"
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(problems)) from None
    _ = (settings.measures, settings.chosen_sampler, settings.chosen_estimator)
    _ = (settings.chosen_pruner, settings.chosen_screen)  # parsed now, so that mistakes show early
    return settings
