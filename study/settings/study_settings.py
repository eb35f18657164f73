"""The settings of a study: checked once, stored with it, compared on resume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from study.common.errors import ResumeError, SettingsError
from study.performance_estimation.registry import is_table
from study.performance_estimation.screen import parse_screen
from study.performance_estimation.tabular.table_space import table_space_from_text
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.differences import space_differences
from study.search_space.reading.loading import space_from_text
from study.search_space.space import SearchSpace
from study.settings.budget import Budget
from study.settings.metrics import Measure, find_measures
from study.settings.plan import Plan, plan_of

CANDIDATES = "candidates"
"""Key of ``purpose`` for the points that a study made by another command tries."""


class StudySettings(BaseModel):
    """Everything that decides what a study does. Hardware and places on disk are not in it."""

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
    purpose: Mapping[str, Any] = Field(default_factory=dict)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """What is optimised, first the one that curves and pruners look at."""
        return find_measures(self.objectives)

    @property
    def directions(self) -> tuple[Literal["maximize", "minimize"], ...]:
        """Optuna's direction of each objective."""
        return tuple("maximize" if m.maximise else "minimize" for m in self.measures)

    @property
    def closed(self) -> bool:
        """Whether the study tries the candidates its purpose lists, in order, and no other."""
        return CANDIDATES in self.purpose

    @cached_property
    def plan(self) -> Plan | None:
        """The trainings that the study consists of, where it trains another study's candidates."""
        return plan_of(self.purpose)

    @property
    def budget(self) -> Budget:
        """The limits of the study."""
        return Budget(trials=self.trials, seconds=self.timeout, epochs=self.epochs_budget)

    def space(self, image: ImageFormat = OCTMNIST) -> SearchSpace:
        """Return the search space, with ``epochs`` fixed where the settings say so.

        Raises:
            SearchSpaceError: The space does not fit images of this format.
            SettingsError: The space lets ``epochs`` vary and the settings fix it.
        """
        space = self._declared(image)
        if self.closed:
            space = replace(space, enqueue=tuple(self.purpose[CANDIDATES]))
        if self.epochs is None:
            return space
        if "epochs" in space.by_name:
            raise SettingsError(
                f"--epochs {self.epochs}: the space '{space.name}' lets epochs vary;"
                " leave the flag out, or fix epochs in the space"
            )
        return space.with_fixed(epochs=self.epochs)

    def _declared(self, image: ImageFormat = OCTMNIST) -> SearchSpace:
        """Return the space as its text has it; that of a table may be one of own names."""
        read = table_space_from_text if is_table(self.estimator) else space_from_text
        return read(self.space_text, source=self.space_name, image=image)


LIMITS = frozenset({"trials", "timeout", "epochs_budget", "retries", "keep", "reuse"})
"""Settings that may change from one run to the next without changing what results mean."""


def make_settings(**values: Any) -> StudySettings:
    """Return validated settings.

    Raises:
        SettingsError: A value is out of range or contradicts another; all problems at once.
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
    if settings.screen is not None:
        parse_screen(settings.screen)
    if len(settings.measures) > 1 and settings.pruner.partition(",")[0] != "none":
        raise SettingsError(
            f"--pruner {settings.pruner} with {len(settings.objectives)} objectives: Optuna prunes"
            " one objective only; leave the pruner out, or bound the second objective with"
            " 'constraints:' in the space (or Optuna's trial.set_constraint in code of your own)"
            " and search for the first"
        )
    return settings


def differences(
    stored: StudySettings,
    asked: StudySettings,
    *,
    stored_image: ImageFormat = OCTMNIST,
    asked_image: ImageFormat = OCTMNIST,
) -> list[str]:
    """Return a line for each setting whose change would change what results mean.

    Args:
        stored: What the study was made with.
        asked: What is asked for now.
        stored_image: Format of the images that enter the study's networks.
        asked_image: The same, as asked for; a space is read for a format.
    """
    lines = []
    for name in StudySettings.model_fields:
        old, new = getattr(stored, name), getattr(asked, name)
        if name in LIMITS or name in ("study", "space_name", "space_text") or old == new:
            continue
        if name == "purpose":
            lines.append("purpose: what the study is for, or its list of candidates, differs")
            continue
        lines.append(f"{name.replace('_', ' ')}: stored {_show(old)}, asked for {_show(new)}")
    if stored.space_text == asked.space_text:
        return lines
    old_space = space_from_text(stored.space_text, source=stored.space_name, image=stored_image)
    new_space = space_from_text(asked.space_text, source=asked.space_name, image=asked_image)
    return lines + space_differences(old_space, new_space)


def _show(value: object) -> str:
    if value is None or value == ():
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def refuse_changes(name: str, lines: list[str]) -> None:
    """Refuse to go on with a study whose results would not mean the same any more.

    Raises:
        ResumeError: There is a difference.
    """
    if lines:
        listed = "\n".join(f"  {line}" for line in lines)
        raise ResumeError(
            f"study '{name}' was made with other settings:\n{listed}\n"
            f"go on as it was with 'resume {name}', take another name with --study, or start a"
            f" new study from what stays valid with --study {name} --fork NEW"
        )
