"""One entry under ``parameters:`` → a fixed value or a parameter, its conditions still unread."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.search_space.candidate import Field, Value
from study.search_space.reading.document import BROKEN, Entry, entries_of
from study.search_space.reading.problems import Problems, did_you_mean, listed
from study.search_space.reading.scales import MOST_VALUES, scale_is_sound
from study.search_space.reading.values import (
    number_text,
    read_flag,
    read_number,
    read_value,
    read_whole,
)
from study.search_space.space import (
    AnyParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    same_value,
)

KEYS: Mapping[str, tuple[str, ...]] = {
    "int": ("type", "low", "high", "step", "log", "grid_points", "when"),
    "float": ("type", "low", "high", "step", "log", "grid_points", "when"),
    "categorical": ("type", "choices", "when"),
}
KEY_WORDS = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A parameter as it stands in the file.

    Args:
        name: The full name; ``stage*.field`` inside ``each``.
        entry: Where it stands.
        content: The parameter, its fixed value, or None where it could not be read.
        when: Its conditions, unread.
    """

    name: str
    entry: Entry
    content: AnyParameter | Value | None
    when: Entry | None = None

    @property
    def parameter(self) -> AnyParameter | None:
        """The parameter, or None where the value is fixed or could not be read."""
        return self.content if isinstance(self.content, PARAMETER_TYPES) else None

    @property
    def fixed(self) -> Value | None:
        """The fixed value, or None where it varies or could not be read."""
        return None if isinstance(self.content, PARAMETER_TYPES) else self.content

    def values(self) -> Sequence[Value] | None:
        """Return every value it can have, or None where they are not countable."""
        if self.parameter is not None:
            return self.parameter.values()
        return () if self.fixed is None else (self.fixed,)


PARAMETER_TYPES = (IntParameter, FloatParameter, CategoricalParameter)


def read_declaration(name: str, field: Field, entry: Entry, problems: Problems) -> Declaration:
    """Return what an entry declares for ``field``; problems are noted."""
    if isinstance(entry.value, tuple):
        message = "found a list; write {type: categorical, choices: [...]} around it"
        problems.add(entry.line, entry.key, message)
        return Declaration(name=name, entry=entry, content=None)
    if not isinstance(entry.value, Mapping):
        return Declaration(name=name, entry=entry, content=read_value(entry, field, problems))
    kind = _kind(entry, entry.value, problems)
    if kind is None:
        return Declaration(name=name, entry=entry, content=None, when=entry.value.get("when"))
    entries = entries_of(entry, KEYS[kind], problems)
    content: AnyParameter | None
    if kind == "categorical":
        content = _categorical(name, field, entry, entries, problems)
    elif kind == "int":
        content = _int(name, field, entry, entries, problems)
    else:
        content = _float(name, field, entry, entries, problems)
    return Declaration(name=name, entry=entry, content=content, when=entries.get("when"))


def _kind(entry: Entry, entries: Mapping[str, Entry], problems: Problems) -> str | None:
    declared = entries.get("type")
    if declared is not None:
        if isinstance(declared.value, str) and declared.value in KEYS:
            return declared.value
        if declared.value is not BROKEN:
            guess = did_you_mean(str(declared.value), KEYS)
            message = f"unknown type, found {declared.described()}{guess}"
            problems.add(declared.line, declared.key, message)
        return None
    entries_of(entry, KEY_WORDS, problems)
    message = f"the key 'type' is missing; write 'type:' with one of {listed(KEYS)}"
    problems.add(entry.line, entry.key, message)
    return None


def _categorical(
    name: str, field: Field, entry: Entry, entries: Mapping[str, Entry], problems: Problems
) -> CategoricalParameter | None:
    choices = _required(entry, entries, "choices", problems)
    if choices is None:
        return None
    if not isinstance(choices.value, tuple) or not choices.value:
        found = "an empty list" if choices.value == () else choices.described()
        message = f"expected a list of values in [brackets], found {found}"
        problems.add(choices.line, choices.key, message)
        return None
    kept: list[Value] = []
    for item in choices.value:
        value = read_value(item, field, problems)
        if value is None:
            continue
        if any(same_value(value, other) for other in kept):
            message = f"the choice {item.text} stands here twice; remove one"
            problems.add(item.line, item.key, message)
        kept.append(value)
    complete = len(kept) == len(choices.value)
    return CategoricalParameter(name=name, choices=tuple(kept)) if complete else None


def _int(
    name: str, field: Field, entry: Entry, entries: Mapping[str, Entry], problems: Problems
) -> IntParameter | None:
    if not _fits(field, "int", entries, problems):
        return None
    ends = _ends(_numeric(field), entry, entries, problems)
    step = read_whole(entries["step"], problems) if "step" in entries else 1
    log, points = _log(entries, problems), _grid_points(entries, problems)
    if ends is None or step is None or log is None:
        return None
    low, high = int(ends[0]), int(ends[1])
    if not scale_is_sound(float(low), float(high), float(step), entries, problems):
        return None
    parameter = IntParameter(name=name, low=low, high=high, step=step, log=log, grid_points=points)
    illegal = [v for v in parameter.values() if v not in field.choices] if field.choices else []
    if illegal:
        message = f"the range holds {listed(illegal)}, possible are only {listed(field.choices)}"
        problems.add(entry.line, entry.key, f"{message}; write type: categorical, with choices")
        return None
    return parameter


def _float(
    name: str, field: Field, entry: Entry, entries: Mapping[str, Entry], problems: Problems
) -> FloatParameter | None:
    if not _fits(field, "float", entries, problems):
        return None
    ends = _ends(field, entry, entries, problems)
    step = read_number(entries["step"], problems) if "step" in entries else None
    log, points = _log(entries, problems), _grid_points(entries, problems)
    if ends is None or log is None or (step is None and "step" in entries):
        return None
    if not scale_is_sound(*ends, step, entries, problems):
        return None
    return FloatParameter(
        name=name, low=ends[0], high=ends[1], step=step, log=log, grid_points=points
    )


def _fits(field: Field, kind: str, entries: Mapping[str, Entry], problems: Problems) -> bool:
    """Tell whether a field may be declared with this type; int ranges may stand for choices."""
    fits = {"int": ("int",), "float": ("float",), "bool": (), "choice": ("int",)}[field.kind]
    if field.kind == "choice" and not all(isinstance(c, int) for c in field.choices):
        fits = ()
    if kind in fits:
        return True
    values, remedy = {
        "int": ("whole numbers", "int"),
        "float": ("real numbers", "float"),
        "bool": ("true and false", "categorical, with choices"),
        "choice": (listed(field.choices), "categorical, with choices"),
    }[field.kind]
    message = f"found {kind}, but its values are {values}; write type: {remedy}"
    problems.add(entries["type"].line, entries["type"].key, message)
    return False


def _numeric(field: Field) -> Field:
    """Return the field itself, or for choices like 1, 3, 5 the whole numbers they span."""
    if field.kind != "choice":
        return field
    numbers = [int(choice) for choice in field.choices]
    return dataclasses.replace(field, kind="int", low=min(numbers), high=max(numbers), choices=())


def _ends(
    field: Field, entry: Entry, entries: Mapping[str, Entry], problems: Problems
) -> tuple[float, float] | None:
    low_entry = _required(entry, entries, "low", problems)
    high_entry = _required(entry, entries, "high", problems)
    low = read_value(low_entry, field, problems) if low_entry else None
    high = read_value(high_entry, field, problems) if high_entry else None
    if low_entry is None or low is None or high is None:
        return None
    if float(low) > float(high):
        message = f"low {number_text(float(low))} is above high {number_text(float(high))}"
        problems.add(low_entry.line, entry.key, f"{message}; swap them")
        return None
    return float(low), float(high)


def _required(
    entry: Entry, entries: Mapping[str, Entry], key: str, problems: Problems
) -> Entry | None:
    misspelt = isinstance(entry.value, Mapping) and any(
        key in difflib.get_close_matches(word, KEY_WORDS, n=1) for word in entry.value
    )
    if key not in entries and not misspelt:
        problems.add(entry.line, entry.key, f"the key {key!r} is missing; write '{key}: …'")
    return entries.get(key)


def _log(entries: Mapping[str, Entry], problems: Problems) -> bool | None:
    return read_flag(entries["log"], problems) if "log" in entries else False


def _grid_points(entries: Mapping[str, Entry], problems: Problems) -> int | None:
    if "grid_points" not in entries:
        return None
    entry = entries["grid_points"]
    points = read_whole(entry, problems)
    if points is not None and not 1 <= points <= MOST_VALUES:
        message = f"found {entry.text}; write how many values a grid tries, 1 to {MOST_VALUES}"
        problems.add(entry.line, entry.key, message)
        return None
    return points
