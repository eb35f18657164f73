"""Which studies a trust report is made of: full trainings, and one study for each estimator.

All of them are ordinary studies of one list of candidates. That a training is shorter, or sees
fewer or smaller images, makes another candidate of the same point, so the studies are matched by
the place in the list.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass as options_dataclass

from study.common.choices import parse_choice, registry_of
from study.common.errors import SettingsError
from study.performance_estimation.registry import parse_estimator
from study.rank_estimators.stratified_sample import check_sample_size
from study.search_space.candidate import Values
from study.settings.study_settings import StudySettings, make_settings
from study.storage.records import TrialRecord

FEWEST_SEEDS = 2
YARDSTICKS = ("train", "synthetic")
"""What a full training may be: estimators that answer anew for every seed."""


@options_dataclass(frozen=True, kw_only=True)
class TrainFidelity:
    """A training at a lower fidelity; None stands for that of the full training."""

    name: ClassVar[str] = "train"

    epochs: Annotated[int | None, Field(ge=1, le=10_000, description="epochs to train")] = None
    fraction: Annotated[
        float | None, Field(ge=1e-6, le=1.0, description="share of training images")
    ] = None
    image_size: Annotated[
        int | None, Field(ge=8, le=512, description="side of the images, in pixels")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPlan:
    """What a trust report is asked of.

    Args:
        base: Settings of a full training with the first seed; its name is that of the report.
        estimators: As on the command line: ``synflow``, ``train,epochs=1``.
        sample: Candidates.
        seeds: Full trainings of each.
    """

    base: StudySettings
    estimators: tuple[str, ...]
    sample: int
    seeds: int = FEWEST_SEEDS

    def __post_init__(self) -> None:
        """Refuse what no report can be made of.

        Raises:
            SettingsError: Too few candidates or seeds, another yardstick than ``YARDSTICKS``, or
                an estimator named twice.
        """
        check_sample_size(self.sample)
        if self.base.estimator.partition(",")[0] not in YARDSTICKS:
            raise SettingsError(
                f"--reference {self.base.estimator}: not a full training; "
                f"write {' or '.join(YARDSTICKS)}"
            )
        if self.seeds < FEWEST_SEEDS:
            raise SettingsError(
                f"--seeds {self.seeds}: how well an estimator can rank at all is told by a second "
                f"full training; use at least {FEWEST_SEEDS}"
            )
        twice = [name for name in self.estimators if self.estimators.count(name) > 1]
        if twice:
            raise SettingsError(f"--estimators: '{twice[0]}' is named twice; leave one out")

    def full(self, points: Sequence[Values]) -> tuple[StudySettings, ...]:
        """Return the settings of the full trainings, one study for a seed."""
        seeds = (seed for seed in itertools.count(self.base.seed) if seed != self._cheap_seed)
        return tuple(
            _on(points, self.base, study=f"{self.base.study}.full-{number}", seed=seed)
            for number, seed in zip(range(1, self.seeds + 1), seeds, strict=False)
        )

    @property
    def _cheap_seed(self) -> int:
        return self.base.seed + FEWEST_SEEDS

    def cheap(self, points: Sequence[Values]) -> tuple[StudySettings, ...]:
        """Return the settings of the estimators' studies.

        Their seed is no full training's, so that none is ranked by weights it shares, and the
        same however many there are, so that another one may be added later.

        Raises:
            SettingsError: An unknown estimator or option, or one that does not fit.
        """
        name, seed = self.base.study, self._cheap_seed
        return tuple(
            _on(points, self.base, study=f"{name}.{text}", seed=seed, **_asked(text))
            for text in self.estimators
        )


def split_estimators(text: str) -> tuple[str, ...]:
    """Return the estimators of ``synflow,train,epochs=1,fraction=0.5,naswot``.

    Options follow the name they belong to, as they do elsewhere.

    Raises:
        SettingsError: A name is missing.
    """
    names: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if "=" in part and names:
            names[-1] += f",{part}"
        elif part and "=" not in part:
            names.append(part)
        else:
            raise SettingsError(
                f"--estimators {text}: a name is missing; write synflow,train,epochs=1"
            )
    return tuple(names)


def _asked(text: str) -> dict[str, Any]:
    """Return the settings by which an estimator's study differs from a full training.

    Raises:
        SettingsError: An unknown estimator or option.
    """
    if text.partition(",")[0] != "train":
        metric = parse_estimator(text).metric
        return {"estimator": text} | ({} if metric is None else {"objectives": (metric,)})
    fidelity = parse_choice(text, registry_of(TrainFidelity), what="estimator")
    given = {name: value for name, value in asdict(fidelity).items() if value is not None}
    return {"estimator": "train", **given}


def _on(points: Sequence[Values], base: StudySettings, **changes: Any) -> StudySettings:
    """Return the settings of one study of the list."""
    values = base.model_dump() | {
        "sampler": "random",
        "trials": len(points),
        "keep": "none",
        "candidates": tuple(dict(values) for values in points),
    }
    return make_settings(**(values | changes))


def by_point(records: Sequence[TrialRecord], names: Sequence[str]) -> list[TrialRecord]:
    """Return the trials under the names that their points have in a full training.

    Args:
        records: Trials of one of the studies.
        names: Candidate id by place, in a full training.
    """
    return [
        replace(record, candidate_id=names[record.sequence_index])
        for record in records
        if record.sequence_index is not None and record.sequence_index < len(names)
    ]
