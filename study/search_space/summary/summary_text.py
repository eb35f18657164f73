"""A space's summary as the text that ``check`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from study.search_space.candidate import Value
from study.search_space.describe import (
    STAGE_PREFIX,
    describe_bound,
    describe_condition,
    describe_value,
    describe_values,
)
from study.search_space.parameter import (
    AnyParameter,
)
from study.search_space.space import Bound
from study.search_space.summary.summary import Count, SpaceSummary
from study.search_space.summary.survey import Range
from study.search_space.summary.timing import in_words


def summary_text(summary: SpaceSummary) -> str:
    """Return the summary as lines of text."""
    return "\n".join(
        [
            f"{summary.name}: {summary.description}" if summary.description else summary.name,
            "",
            "Parameters",
            *_aligned(_parameter_rows(summary.parameters)),
            "Fixed",
            *_aligned(_fixed_rows(summary.fixed)),
            "Constraints",
            *_aligned(_bound_rows(summary.constraints)),
            f"Size, on images of {_image(summary)}",
            *_aligned(_size_rows(summary)),
            *_idle(summary),
        ]
    )


def _image(summary: SpaceSummary) -> str:
    image = summary.image
    return f"{image.channels}x{image.size}x{image.size}, {image.classes} classes"


def _aligned(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return two columns, indented; an empty block says so."""
    cells = list(rows) or [("none", "")]
    width = max(len(left) for left, _ in cells)
    return [*(f"  {left:<{width}}  {right}".rstrip() for left, right in cells), ""]


def _parameter_rows(parameters: Iterable[AnyParameter]) -> Iterator[tuple[str, str]]:
    """Yield name and range; the stages' parameters once, with the number of stages."""
    groups: dict[str, list[AnyParameter]] = {}
    for parameter in parameters:
        groups.setdefault(STAGE_PREFIX.sub("stage*.", parameter.name), []).append(parameter)
    for name, group in groups.items():
        first, last = group[0], group[-1]
        if name != first.name and len(group) > 1:
            numbers = [p.name.partition(".")[0].removeprefix("stage") for p in (first, last)]
            name = name.replace("*", f"{numbers[0]}-{numbers[1]}")
        condition = describe_condition(first)
        yield name, f"{describe_values(first)}{f', where {condition}' if condition else ''}"


def _fixed_rows(fixed: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in fixed.items():
        yield name, describe_value(value)


def _bound_rows(bounds: Mapping[str, Bound]) -> Iterator[tuple[str, str]]:
    for measure, bound in bounds.items():
        yield measure, describe_bound(bound)


def _size_rows(summary: SpaceSummary) -> Iterator[tuple[str, str]]:
    yield "points", _count(summary.points)
    if summary.grid is not None and summary.grid != summary.points.value:
        yield "points of the grid", f"{summary.grid:,}"
    yield "distinct networks", _count(summary.networks)
    yield "distinct candidates", _count(summary.candidates)
    found = "" if summary.survey.exact else " (found by a search)"
    yield "network parameters", _range(summary.network_parameters) + found
    yield "MACs for an image", _range(summary.macs) + found
    if summary.constraints:
        survey = summary.survey
        share = f"{survey.allowed:,} of {survey.looked_at:,}"
        drawn = "points of the architecture" if survey.exact else "draws"
        yield "inside the constraints", f"{share} {drawn}"
    if summary.enqueued:
        yield "tried first", f"{summary.enqueued} candidates"
    yield f"time of {summary.trials} trials", f"about {in_words(summary.seconds)}"
    counts = summary.images
    yield "", f"for {counts.train:,} training and {counts.validation:,} validation images"
    yield "", summary.assumption


def _count(count: Count) -> str:
    if count.value is None:
        return count.note
    return f"{count.value:,}" if count.exact else f"at least {count.value:,} ({count.note})"


def _range(numbers: Range) -> str:
    return f"{numbers.low:,} to {numbers.high:,}"


def _idle(summary: SpaceSummary) -> list[str]:
    if not summary.idle:
        return []
    return ["Choices without an effect of their own", *(f"  {line}" for line in summary.idle)]
