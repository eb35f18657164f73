"""``stages:`` → declarations inside ``each``, and their expansion to ``stage1.field`` and on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from study.search_space.candidate import MAX_STAGES, STAGE_FIELDS, Field, Value
from study.search_space.reading.conditions import EACH
from study.search_space.reading.declarations import Declaration, read_declaration
from study.search_space.reading.document import BROKEN, Entry, entries_of
from study.search_space.reading.problems import Problems
from study.search_space.space import STAGE_COUNT, AnyParameter, Condition

STAGES = "stages"
REPLACED = ("conv_layers", "channels", "kernel", "pool")
"""Fields of the plain CNN that have no effect where there are stages."""

COUNT_FIELD = Field(kind="int", default=1, low=1, high=MAX_STAGES, help="number of stages")
STAGE_NAMES: Mapping[str, Field] = {
    STAGE_COUNT: COUNT_FIELD,
    **{EACH + name: field for name, field in STAGE_FIELDS.items()},
}


def read_stages(entry: Entry, problems: Problems) -> Iterator[Declaration]:
    """Yield ``stages.count`` and what ``each`` declares, named ``stage*.field``."""
    if entry.value is BROKEN:
        return
    parts = entries_of(entry, ("count", "each"), problems)
    for key in ("count", "each"):
        if isinstance(entry.value, Mapping) and key not in parts:
            message = f"the key {key!r} is missing; write stages: {{count: 4, each: {{…}}}}"
            problems.add(entry.line, entry.key, message)
    if "count" in parts:
        yield read_declaration(STAGE_COUNT, COUNT_FIELD, parts["count"], problems)
    if "each" not in parts:
        return
    fields = entries_of(parts["each"], STAGE_FIELDS, problems)
    if not fields and parts["each"].value == {}:
        message = "found an empty mapping; write at least operation"
        problems.add(parts["each"].line, parts["each"].key, message)
    for name, item in fields.items():
        yield read_declaration(EACH + name, STAGE_FIELDS[name], item, problems)


def stage_counts(declarations: Sequence[Declaration]) -> tuple[int, ...]:
    """Return the numbers of stages there can be, rising; empty where there are no stages."""
    for declaration in declarations:
        if declaration.name == STAGE_COUNT:
            values = declaration.values() or ()
            return tuple(sorted(value for value in values if isinstance(value, int)))
    return ()


def stage_parameters(
    each: Sequence[tuple[AnyParameter, tuple[Condition, ...]]], counts: Sequence[int]
) -> Iterator[AnyParameter]:
    """Yield the parameters of every stage; stage i is active where there are at least i."""
    for i in range(1, max(counts, default=0) + 1):
        enough = tuple(count for count in counts if count >= i)
        exists = Condition(parameter=STAGE_COUNT, values=enough)
        for parameter, own in each:
            when = [_in_stage(condition, i) for condition in own]
            if len(enough) < len(counts):
                when.insert(0, exists)
            if any(c.parameter == STAGE_COUNT and not set(c.values) & set(enough) for c in when):
                continue  # its own condition on the count excludes this stage
            yield dataclasses.replace(
                parameter, name=parameter.name.replace(EACH, f"stage{i}."), when=tuple(when)
            )


def stage_values(fixed: Mapping[str, Value], counts: Sequence[int]) -> dict[str, Value]:
    """Return the fixed values, those of ``each`` written out for every stage."""
    expanded: dict[str, Value] = {}
    for name, value in fixed.items():
        if not name.startswith(EACH):
            expanded[name] = value
            continue
        for i in range(1, max(counts, default=0) + 1):
            expanded[name.replace(EACH, f"stage{i}.")] = value
    return expanded


def note_replaced(entries: Mapping[str, Entry], problems: Problems) -> None:
    """Note fields of the plain CNN that stand beside ``stages``, where they have no effect."""
    if STAGES not in entries:
        return
    for name in REPLACED:
        if name in entries:
            remedy = "move it into each" if name in STAGE_FIELDS else "write stages.count instead"
            message = f"has no effect beside 'stages', which describe every block; {remedy}"
            problems.add(entries[name].line, entries[name].key, message)


def _in_stage(condition: Condition, i: int) -> Condition:
    name = condition.parameter.replace(EACH, f"stage{i}.")
    return dataclasses.replace(condition, parameter=name)
