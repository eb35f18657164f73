"""What ``check`` says about a search space. Nothing is trained.

The networks of a space are examined: all of them if they are few, else a sample and a search.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean

import numpy as np

from study.common.errors import SearchSpaceError
from study.common.formats import duration
from study.search_space.candidate import (
    OCTMNIST,
    RECIPE_FIELDS,
    ImageCounts,
    ImageFormat,
    Value,
    Values,
)
from study.search_space.describe import (
    STAGE_PREFIX,
    describe_bound,
    describe_condition,
    describe_value,
    describe_values,
    join_values,
)
from study.search_space.distinct import (
    architecture_space,
    distinct_candidates,
    distinct_recipes,
    recipe_space,
    ungridded,
)
from study.search_space.extremes import (
    EXACT_LIMIT,
    count_range,
    drawn_inside,
    draws,
    is_small,
    least,
)
from study.search_space.parameter import AnyParameter, CategoricalParameter, bins
from study.search_space.resolve import (
    Complexity,
    architecture_id,
    candidate_id,
    complexity,
    resolve,
)
from study.search_space.space import SearchSpace

SAMPLE = 1_000
MOST_VALUES = 32
"""Of a longer range only the bins are examined."""
CONTEXTS = 200
"""Draws in which two choices are compared, if there are too many architectures."""
TIMED = 200
"""Candidates drawn for the estimate of time."""
OVERHEAD = 25e-6
"""Seconds per image and training step, regardless of the network's size."""
MACS_PER_SECOND = 13e9
"""Multiply-accumulates of the forward pass per second of training on one core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSurvey:
    """The networks of a space.

    Args:
        exact: Whether every architecture was examined. Otherwise a sample was examined, and the
            ranges come from a search.
        examined: Number of architectures examined.
        allowed: Number of examined architectures inside the constraints.
        networks: Distinct networks among the allowed ones; a lower bound if not exact.
        parameters: Smallest and largest number of an allowed network; so is ``macs``.
        seen: The values of every parameter in allowed networks.
    """

    exact: bool
    examined: int
    allowed: int
    networks: int
    parameters: tuple[int, int]
    macs: tuple[int, int]
    seen: Mapping[str, frozenset[Value]]


def survey_networks(space: SearchSpace, image: ImageFormat) -> NetworkSurvey:
    """Examine the networks of a space; the result is deterministic."""
    architectures = architecture_space(space)
    exact = is_small(architectures)
    examined = allowed = 0
    networks: dict[str, Complexity] = {}
    seen: dict[str, set[Value]] = {}
    for values in architectures.points() if exact else draws(architectures, SAMPLE):
        examined += 1
        candidate = space.candidate(values)
        if space.broken_bounds(candidate, image):
            continue
        allowed += 1
        identity = architecture_id(candidate.architecture, image)
        if identity not in networks:
            networks[identity] = complexity(resolve(candidate.architecture, image))
        for name, value in values.items():
            seen.setdefault(name, set()).add(value)
    if exact and not allowed:
        message = f"{space.name}: no candidate satisfies the constraints on images of this format"
        raise SearchSpaceError([f"{message} ({image.size} pixels wide); widen the bounds"])

    def ends(measure: str) -> tuple[int, int]:
        if not exact:
            return count_range(architectures, image, measure, inside=True)
        counts = [getattr(counted, measure) for counted in networks.values()]
        return min(counts), max(counts)

    return NetworkSurvey(
        exact=exact,
        examined=examined,
        allowed=allowed,
        networks=len(networks),
        parameters=ends("parameters"),
        macs=ends("macs"),
        seen={name: frozenset(values) for name, values in seen.items()},
    )


def idle_choices(space: SearchSpace, image: ImageFormat, survey: NetworkSurvey) -> tuple[str, ...]:
    """Return a line for every parameter with choices that have no effect of their own.

    These are choices that never occur inside the constraints, and choices that always give the
    same candidate as another choice.
    """
    choices = _Choices(space, image, survey)
    lines = []
    for parameter in space.parameters:
        name, values = parameter.name, parameter.values()
        if values is None or len(values) > MOST_VALUES:
            values = bins(parameter)
        never = [value for value in values if not choices.occurs(parameter, value)]
        if never:
            where = "inside the constraints" if survey.exact else "found inside the constraints"
            lines.append(f"{name} {join_values(never, 'and')}: no candidate {where}")
        what = "candidate" if name in RECIPE_FIELDS else "network"
        equal = choices.equal(parameter, [value for value in values if value not in never])
        lines += [
            f"{name} {join_values(others, 'and')}: the same {what} as {describe_value(value)}"
            for value, others in equal.items()
        ]
    return tuple(lines)


class _Choices:
    """Tells which choices occur, and which always give the same candidate.

    Two choices of a parameter are compared while the other parameters keep their values. After an
    exact survey, these are the values of every architecture. Otherwise, and for parameters of the
    recipe, they are a sample of the space.
    """

    def __init__(self, space: SearchSpace, image: ImageFormat, survey: NetworkSurvey) -> None:
        self.space, self.image, self.survey = space, image, survey
        self._sample = tuple(draws(space, CONTEXTS))
        self._found: dict[str, Values] = {}
        self._conditions = {c.parameter for p in space.parameters for c in p.when}

    def occurs(self, parameter: AnyParameter, value: Value) -> bool:
        """Tell whether some allowed candidate has this value."""
        name = parameter.name
        seen = self.survey.seen.get(name, frozenset())
        if not self.space.constraints or value in seen or name in RECIPE_FIELDS:
            return True
        if self.survey.exact:
            return False
        networks = self._architectures(parameter, value)

        def outside(values: Values) -> float:
            return networks.excess(values, self.image) + (name not in values)

        # the network that was found for another value often saves a search
        near = {**self._found.get(name, {}), name: value}
        if outside(networks.complete(near, np.random.default_rng(0))) > 0.0:
            found = least(networks, outside, until=0.0)
            if found.score > 0.0:
                return False
            self._found[name] = found.values
        return True

    def equal(self, parameter: AnyParameter, values: Sequence[Value]) -> dict[Value, list[Value]]:
        """Return the values that always give the same candidate as an earlier value."""
        equal: dict[Value, list[Value]] = {}
        different: list[Value] = []
        for value in values:
            same = next((v for v in different if self._same(parameter, v, value)), None)
            if same is None:
                different.append(value)
            else:
                equal.setdefault(same, []).append(value)
        return equal

    def _same(self, parameter: AnyParameter, one: Value, other: Value) -> bool:
        """Tell whether two values never differ; False if the parameter is never active."""
        contexts: Iterable[Values] = self._sample
        if self.survey.exact and parameter.name not in RECIPE_FIELDS:
            contexts = self._architectures(parameter, one).points()
        compared = False
        for values in contexts:
            if parameter.name in values:
                first, second = (self._identity(values, parameter.name, v) for v in (one, other))
                if first != second:
                    return False
                compared = True
        return compared

    def _identity(self, values: Values, name: str, value: Value) -> str:
        changed = {**values, name: value}
        if name in self._conditions or self.survey.exact:
            changed = self.space.complete(changed, np.random.default_rng(0))
        return candidate_id(self.space.candidate(changed), self.image)

    def _architectures(self, parameter: AnyParameter, value: Value) -> SearchSpace:
        """Return the space of the architecture in which the parameter has only this value."""
        space = architecture_space(self.space)
        single = CategoricalParameter(name=parameter.name, when=parameter.when, choices=(value,))
        parameters = tuple(single if p.name == parameter.name else p for p in space.parameters)
        return replace(space, parameters=parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSummary:
    """What a search space contains.

    Args:
        points: Combinations of values without regard to constraints; None if uncountable.
        candidates: Distinct candidates inside the constraints; None if not counted.
        idle: A line for every parameter with choices that have no effect of their own.
        trials: Number of trainings for the estimate of time.
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
    """Return what a space contains. The result is deterministic.

    ``images_per_second`` is a measured speed of training; None estimates it from the MACs.
    """
    counts = images or ImageCounts()
    space = replace(space, train_images=counts.train)
    survey = survey_networks(space, image)
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
    """Return the number of distinct candidates; None if they cannot be counted.

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
        "Fixed": [(name, describe_value(value)) for name, value in space.fixed.items()],
        "Constraints": [
            (name, describe_bound(bound)) for name, bound in space.constraints.items()
        ],
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
    yield "network parameters", "{:,} to {:,}{}".format(*survey.parameters, how)
    yield "MACs for an image", "{:,} to {:,}{}".format(*survey.macs, how)
    if space.constraints:
        what = "points of the architecture" if survey.exact else "draws"
        yield "inside the constraints", f"{survey.allowed:,} of {survey.examined:,} {what}"
    if space.enqueue:
        yield "tried first", f"{len(space.enqueue)} candidates"
    if "epochs" not in {*space.by_name, *space.fixed}:
        most = "at most " if space.varying_length else ""
        yield "epochs of a training", f"{most}{space.longest_training}"
    yield f"time of {summary.trials} trials", f"about {duration(summary.seconds)}"
    images = summary.images
    yield "", f"for {images.train:,} training and {images.validation:,} validation images"
    estimate = "an estimate for one Zen 4 core in bfloat16; --time measures on this machine"
    measured = "at the measured speed, one training after the other"
    yield "", measured if summary.measured else estimate


def _points(summary: SpaceSummary) -> str:
    if summary.points is not None:
        return f"{summary.points:,}"
    endless = [p.name for p in summary.space.parameters if p.values() is None]
    verb = "has" if len(endless) == 1 else "have"
    return f"uncountable: {', '.join(endless)} {verb} no step"
