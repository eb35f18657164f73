"""What ``check`` says about a search space. Nothing is trained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import mean

from study.common.formats import duration
from study.search_space.candidate import OCTMNIST, ImageCounts, ImageFormat
from study.search_space.describe import (
    STAGE_PREFIX,
    describe_bound,
    describe_condition,
    describe_value,
    describe_values,
)
from study.search_space.distinct import (
    architecture_space,
    distinct_candidates,
    distinct_recipes,
    recipe_space,
    ungridded,
)
from study.search_space.extremes import EXACT_LIMIT, drawn_inside
from study.search_space.parameter import AnyParameter
from study.search_space.resolve import complexity, resolve
from study.search_space.space import SearchSpace
from study.search_space.summary.survey import (
    NetworkSurvey,
    idle_choices,
    survey_networks,
)

TIMED = 200
"""Candidates drawn for the estimate of time."""
OVERHEAD = 25e-6
"""Seconds per image and training step, regardless of the network's size."""
MACS_PER_SECOND = 13e9
"""Multiply-accumulates of the forward pass per second of training on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSummary:
    """What a search space contains.

    Args:
        image: Format of the images that all counts are for.
        points: Combinations of values without regard to constraints; None if uncountable.
        candidates: Distinct candidates inside the constraints; None if not counted.
        survey: The networks.
        idle: A line for every parameter with choices that have no effect of their own.
        trials: Number of trainings for the estimate of time.
        images: Size of the data set.
        measured: Whether the speed was measured on this machine.
        seconds: Estimated time of the trainings, one after the other on one core.
    """

    space: SearchSpace
    image: ImageFormat
    points: int | None
    candidates: int | None
    survey: NetworkSurvey
    idle: tuple[str, ...]
    trials: int
    images: ImageCounts
    measured: bool
    seconds: float


def summarise_space(
    space: SearchSpace,
    image: ImageFormat = OCTMNIST,
    *,
    trials: int = 15,
    images: ImageCounts | None = None,
    images_per_second: float | None = None,
) -> SpaceSummary:
    """Return what a space contains. Deterministic; takes about a second.

    Args:
        space: The space.
        image: Format of the images that all counts are for.
        trials: Number of trainings for the estimate of time.
        images: Size of the data set; the default is the official OCTMNIST.
        images_per_second: Measured speed of training; None to estimate it from the MACs.

    Raises:
        SearchSpaceError: No candidate satisfies the constraints on images of this format.
    """
    survey = survey_networks(space, image)
    counts = images or ImageCounts()
    return SpaceSummary(
        space=space,
        image=image,
        points=ungridded(space).size(),
        candidates=_count_candidates(space, image, survey),
        survey=survey,
        idle=idle_choices(space, image, survey),
        trials=trials,
        images=counts,
        measured=images_per_second is not None,
        seconds=trials * _training_seconds(space, image, counts, images_per_second),
    )


def _count_candidates(space: SearchSpace, image: ImageFormat, survey: NetworkSurvey) -> int | None:
    """Return the number of distinct candidates; None if it cannot be counted.

    If no condition connects recipe and architecture, it is the number of networks times the
    number of recipes.
    """
    if architecture_space(space).by_name.keys() & recipe_space(space).by_name.keys():
        found = distinct_candidates(space, image, EXACT_LIMIT)
        return None if found is None else len(found)
    recipes = distinct_recipes(space, image, EXACT_LIMIT)
    return survey.networks * len(recipes) if survey.exact and recipes is not None else None


def _training_seconds(
    space: SearchSpace, image: ImageFormat, images: ImageCounts, images_per_second: float | None
) -> float:
    """Return the mean time of a full training of candidates inside the constraints."""
    seconds = []
    for values in drawn_inside(space, image, TIMED):
        candidate = space.candidate(values)
        macs = complexity(resolve(candidate.architecture, image)).macs
        seconds.append(candidate.recipe.epochs * epoch_seconds(macs, images, images_per_second))
    return mean(seconds)


def epoch_seconds(
    macs: float, images: ImageCounts, images_per_second: float | None = None
) -> float:
    """Return the seconds of an epoch on one core, with the validation after it.

    Without a measured speed, training costs ``OVERHEAD + macs / MACS_PER_SECOND`` per image. The
    two constants were fitted by eye to three networks of 1.3 to 1.6 million MACs (5,300, 6,900 and
    8,200 images per second on one Zen 4 core in bfloat16, batch 128). Validation has only the
    forward pass, a third of the work.
    """
    step = 1 / images_per_second if images_per_second else OVERHEAD + macs / MACS_PER_SECOND
    return step * (images.train + images.validation / 3)


def describe_space(summary: SpaceSummary) -> str:
    """Return the text that ``check`` prints."""
    space, image = summary.space, summary.image
    size = f"{image.channels}x{image.size}x{image.size}, {image.classes} classes"
    sections = {
        "Parameters": _parameter_rows(space.parameters),
        "Fixed": ((name, describe_value(value)) for name, value in space.fixed.items()),
        "Constraints": (
            (measure, describe_bound(bound)) for measure, bound in space.constraints.items()
        ),
        f"Size, on images of {size}": _size_rows(summary),
    }
    lines = [f"{space.name}: {space.description}" if space.description else space.name, ""]
    for title, rows in sections.items():
        lines.append(title)
        lines += [f"  {left:<22} {right}".rstrip() for left, right in rows] or ["  none"]
        lines.append("")
    if summary.idle:
        lines += ["Choices without an effect of their own", *(f"  {i}" for i in summary.idle)]
    return "\n".join(lines)


def _parameter_rows(parameters: Iterable[AnyParameter]) -> Iterator[tuple[str, str]]:
    """Yield name and values; the parameters of stages once, with the range of stages."""
    groups: dict[str, list[AnyParameter]] = {}
    for parameter in parameters:
        groups.setdefault(STAGE_PREFIX.sub("stage*.", parameter.name), []).append(parameter)
    for name, group in groups.items():
        first, last = group[0], group[-1]
        if name != first.name and len(group) > 1:
            ends = [p.name.partition(".")[0].removeprefix("stage") for p in (first, last)]
            name = name.replace("*", "-".join(ends))
        condition = describe_condition(first)
        yield name, f"{describe_values(first)}{f', where {condition}' if condition else ''}"


def _size_rows(summary: SpaceSummary) -> Iterator[tuple[str, str]]:
    space, survey = summary.space, summary.survey
    yield "points", _points(summary)
    grid = space.size()
    if grid is not None and grid != summary.points:
        yield "points of the grid", f"{grid:,}"
    networks = f"{survey.networks:,}"
    if not survey.exact:
        networks = f"at least {networks} (found in {survey.allowed:,} draws)"
    yield "distinct networks", networks
    if summary.points is None:
        yield "distinct candidates", _points(summary)
    elif summary.candidates is None:
        yield "distinct candidates", f"at least {survey.networks:,} (one for every network)"
    else:
        yield "distinct candidates", f"{summary.candidates:,}"
    how = "" if survey.exact else " (found by a search)"
    for name, (low, high) in (
        ("network parameters", survey.parameters),
        ("MACs for an image", survey.macs),
    ):
        yield name, f"{low:,} to {high:,}{how}"
    if space.constraints:
        what = "points of the architecture" if survey.exact else "draws"
        yield "inside the constraints", f"{survey.allowed:,} of {survey.examined:,} {what}"
    if space.enqueue:
        yield "tried first", f"{len(space.enqueue)} candidates"
    yield f"time of {summary.trials} trials", f"about {duration(summary.seconds)}"
    images = summary.images
    yield "", f"for {images.train:,} training and {images.validation:,} validation images"
    yield (
        "",
        (
            "at the measured speed, one training after the other"
            if summary.measured
            else "an estimate for one Zen 4 core in bfloat16; --time measures on this machine"
        ),
    )


def _points(summary: SpaceSummary) -> str:
    if summary.points is not None:
        return f"{summary.points:,}"
    endless = [p.name for p in summary.space.parameters if p.values() is None]
    verb = "has" if len(endless) == 1 else "have"
    return f"uncountable: {', '.join(endless)} {verb} no step"
