"""What a search space holds, worked out before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

from study.search_space.candidate import OCTMNIST, ImageFormat, Value
from study.search_space.distinct import count_candidates, ungridded
from study.search_space.extremes import drawn_inside
from study.search_space.parameter import AnyParameter
from study.search_space.resolve import complexity, resolve
from study.search_space.space import Bound, SearchSpace
from study.search_space.summary.effects import idle_choices
from study.search_space.summary.survey import EXACT_LIMIT, Range, Survey, survey
from study.search_space.summary.timing import (
    ASSUMPTION,
    MEASURED,
    ImageCounts,
    epoch_seconds,
    measured_epoch_seconds,
)

TIMED = 200
"""Candidates drawn for the estimate of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """A number of things.

    Args:
        value: The number, or a lower bound; None where it cannot be counted.
        exact: Whether it is the number itself.
        note: Why not, in words.
    """

    value: int | None
    exact: bool = True
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSummary:
    """What a search space holds.

    Args:
        name: Name of the space.
        description: What it is for.
        image: Format of the images all counts are for.
        parameters: What varies, in order.
        fixed: What does not.
        constraints: Bounds on the network.
        enqueued: Candidates to try first.
        points: Combinations of values, constraints not looked at.
        grid: Points of the sampler ``grid``; None where a parameter has no grid.
        networks: Distinct networks inside the constraints.
        candidates: Distinct candidates inside the constraints.
        survey: The look at the networks; their ranges of parameters and MACs.
        idle: A line for every choice without an effect of its own.
        trials: Number of trainings that are timed.
        images: Size of the data set that is trained on.
        seconds: Estimated time of so many trainings, on one core.
        assumption: What the estimate of time rests on.
    """

    name: str
    description: str
    image: ImageFormat
    parameters: tuple[AnyParameter, ...]
    fixed: Mapping[str, Value]
    constraints: Mapping[str, Bound]
    enqueued: int
    points: Count
    grid: int | None
    networks: Count
    candidates: Count
    survey: Survey
    idle: tuple[str, ...]
    trials: int
    images: ImageCounts
    seconds: float
    assumption: str

    @property
    def network_parameters(self) -> Range:
        """Smallest and largest number of trainable parameters."""
        return self.survey.parameters

    @property
    def macs(self) -> Range:
        """Smallest and largest number of multiply-accumulates for one image."""
        return self.survey.macs


def summarise(
    space: SearchSpace,
    image: ImageFormat = OCTMNIST,
    *,
    trials: int = 15,
    images: ImageCounts | None = None,
    images_per_second: float | None = None,
) -> SpaceSummary:
    """Return what a space holds. Trains nothing, is deterministic, takes about a second.

    Args:
        space: The space.
        image: Format of the images.
        trials: Number of trainings to estimate the time of.
        images: Size of the data set; the default is the official OCTMNIST.
        images_per_second: Measured speed of training; None = guessed from the MACs.

    Raises:
        SearchSpaceError: No candidate satisfies the constraints on images of this format.
    """
    looked = survey(space, image)
    counts = images or ImageCounts()
    return SpaceSummary(
        name=space.name,
        description=space.description,
        image=image,
        parameters=space.parameters,
        fixed=space.fixed,
        constraints=space.constraints,
        enqueued=len(space.enqueue),
        points=_points(space),
        grid=space.size(),
        networks=_networks(looked),
        candidates=_candidates(space, image, looked),
        survey=looked,
        idle=idle_choices(space, image, looked),
        trials=trials,
        images=counts,
        seconds=trials * _candidate_seconds(space, image, counts, images_per_second),
        assumption=ASSUMPTION if images_per_second is None else MEASURED,
    )


def _points(space: SearchSpace) -> Count:
    size = ungridded(space).size()
    if size is not None:
        return Count(value=size)
    endless = [p.name for p in space.parameters if p.values() is None]
    verb = "has" if len(endless) == 1 else "have"
    return Count(value=None, note=f"uncountable: {', '.join(endless)} {verb} no step")


def _networks(looked: Survey) -> Count:
    if looked.exact:
        return Count(value=looked.networks)
    note = f"{looked.networks:,} different ones in {looked.allowed:,} draws"
    return Count(value=looked.networks, exact=False, note=note)


def _candidates(space: SearchSpace, image: ImageFormat, looked: Survey) -> Count:
    points = _points(space)
    if points.value is None:
        return Count(value=None, note=points.note)
    counted = count_candidates(space, image, EXACT_LIMIT)
    if counted is not None:
        return Count(value=counted)
    note = "at least one for every network"
    return Count(value=looked.networks, exact=False, note=note)


def _candidate_seconds(
    space: SearchSpace, image: ImageFormat, images: ImageCounts, images_per_second: float | None
) -> float:
    """Return the mean time of a full training over candidates drawn inside the constraints."""
    seconds = []
    for values in drawn_inside(space, image, TIMED):
        candidate = space.candidate(values)
        macs = complexity(resolve(candidate.architecture, image)).macs
        guess = epoch_seconds(macs, images)
        if images_per_second is not None:
            guess = measured_epoch_seconds(images_per_second, images)
        seconds.append(candidate.recipe.epochs * guess)
    return mean(seconds)
