"""A space's summary as the text that ``check`` prints."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from study.search_space.candidate import Value
from study.search_space.parameter import (
    AnyParameter,
    CategoricalParameter,
    Condition,
    IntParameter,
)
from study.search_space.reading.values import number_text
from study.search_space.space import STAGE_COUNT, Bound
from study.search_space.summary.summary import Count, SpaceSummary
from study.search_space.summary.survey import Range
from study.search_space.summary.timing import in_words

_STAGE = re.compile(r"stage\d+\.")


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
        groups.setdefault(_STAGE.sub("stage*.", parameter.name), []).append(parameter)
    for name, group in groups.items():
        first, last = group[0], group[-1]
        if name != first.name and len(group) > 1:
            numbers = [p.name.partition(".")[0].removeprefix("stage") for p in (first, last)]
            name = name.replace("*", f"{numbers[0]}-{numbers[1]}")
        condition = condition_words(first)
        yield name, f"{values_words(first)}{f', where {condition}' if condition else ''}"


def values_words(parameter: AnyParameter) -> str:
    """Return the values a parameter may have."""
    if isinstance(parameter, CategoricalParameter):
        return _words(parameter.choices, "or")
    low, high = number_text(float(parameter.low)), number_text(float(parameter.high))
    text = f"{low} to {high}"
    if isinstance(parameter, IntParameter):
        text += f" in steps of {parameter.step}" if parameter.step > 1 else ""
    elif parameter.step is not None:
        text += f" in steps of {number_text(parameter.step)}"
    return f"{text}, logarithmic" if parameter.log else text


def condition_words(parameter: AnyParameter) -> str:
    """Return where a parameter is active; empty where it always is, or wherever its stage is."""
    own = [c for c in parameter.when if not _is_stage_exists(parameter, c)]
    return " and ".join(f"{_STAGE.sub('', c.parameter)} is {_words(c.values, 'or')}" for c in own)


def _is_stage_exists(parameter: AnyParameter, condition: Condition) -> bool:
    return condition.parameter == STAGE_COUNT and bool(_STAGE.match(parameter.name))


def _words(values: Iterable[Value], last: str) -> str:
    texts = [value_word(value) for value in values]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} {last} {texts[-1]}"


def value_word(value: Value) -> str:
    """Return a value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else number_text(float(value))


def _fixed_rows(fixed: Mapping[str, Value]) -> Iterator[tuple[str, str]]:
    for name, value in fixed.items():
        yield name, value_word(value)


def _bound_rows(bounds: Mapping[str, Bound]) -> Iterator[tuple[str, str]]:
    for measure, bound in bounds.items():
        yield measure, bound_words(bound)


def bound_words(bound: Bound) -> str:
    """Return a bound's ends; empty where it has none."""
    low = f"at least {bound.low:,.0f}" if bound.low is not None else ""
    high = f"at most {bound.high:,.0f}" if bound.high is not None else ""
    return ", ".join(filter(None, (low, high)))


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
