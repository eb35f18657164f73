"""Validates a part of a file; turns pydantic's errors into messages with line and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from study.search_space.candidate import CandidateField, Value
from study.search_space.describe import describe_number
from study.search_space.reading.models import DECLARATION, KEYS, KINDS, LARGEST, value_adapter
from study.search_space.reading.yaml_document import (
    BROKEN,
    KeyPath,
    YamlDocument,
    closest,
    did_you_mean,
    listed,
)

T = TypeVar("T")


def parse(
    document: YamlDocument,
    schema: TypeAdapter[T] | type[T],
    path: KeyPath,
    *,
    field: CandidateField | None = None,
    keys: Iterable[str] = (),
) -> T | None:
    """Return the validated value at ``path``; None if it has a problem, which is reported.

    ``field`` is the candidate field that the value belongs to. ``keys`` are the known keys of a
    mapping; the default is those of the schema.
    """
    adapter = schema if isinstance(schema, TypeAdapter) else TypeAdapter(schema)
    try:
        return adapter.validate_python(document.at(path), context=field)
    except ValidationError as error:
        details = error.errors(include_url=False)
    kind = details[0]["loc"][:1] if schema is DECLARATION else ()
    model = KINDS[str(kind[0])] if kind else schema
    known = tuple(keys or getattr(model, "model_fields", KEYS))
    unknown = {d["loc"][-1] for d in details if d["type"] == "extra_forbidden"}
    meant = {closest(str(key), known) for key in unknown}
    has_wrong_type = any(kind and d["loc"] == (*kind, "type") for d in details)
    for detail in details:
        where = (*path, *detail["loc"][len(kind) :])
        if detail["type"] == "extra_forbidden":
            document.report_unknown_key(where, known)
        elif detail["type"] == "missing":
            if where[-1] not in meant and not has_wrong_type:
                message = f"the key {where[-1]!r} is missing; write '{where[-1]}: …'"
                document.report(where[:-1], message)
        elif detail["type"].startswith("union_tag"):
            _report_type(document, where)
        elif detail["input"] is not BROKEN:
            document.report(where, _describe(detail, document.found(where), known))
    return None


def parse_value(document: YamlDocument, field: CandidateField, path: KeyPath) -> Value | None:
    """Return the value of a field at ``path``; None if it has a problem, which is reported."""
    return parse(document, value_adapter(field), path, field=field)


def _report_type(document: YamlDocument, path: KeyPath) -> None:
    declared: dict[str, Any] = document.at(path)
    if "type" in declared:
        found = document.found((*path, "type"))
        if declared["type"] is not BROKEN:
            guess = did_you_mean(str(declared["type"]), KINDS)
            document.report((*path, "type"), f"unknown type, found {found}{guess}")
        return
    for key in declared.keys() - set(KEYS):
        document.report_unknown_key((*path, key), KEYS)
    message = f"the key 'type' is missing; write 'type:' with one of {listed(KINDS)}"
    document.report(path, message)


_EXPECTED = {
    "bool_type": "expected true or false, found {found}; write it without quotes",
    "string_type": "expected a text, found {found}; write a line of text in quotes",
    "string_too_short": "expected a text, found {found}; write a line of text in quotes",
    "tuple_type": "expected a list in [brackets], found {found}; write [a, b, c]",
    "too_short": "found {found}; write at least one entry",
    "dict_type": "expected a mapping, found {found}; write {{name: value, …}}",
    "greater_than": "found {found}; write a number above {gt}",
    "greater_than_equal": "found {found}; write a number from {ge}",
    "less_than_equal": "found {found}; write a number up to {le:.0f}",
}


def _describe(error: ErrorDetails, found: str, known: Iterable[str]) -> str:
    kind, value = error["type"], error["input"]
    if kind in ("int_type", "float_type"):
        return _describe_number_type(kind, value, found)
    if kind.startswith("model"):
        return f"expected a mapping with {listed(known)}, found {found}"
    if kind in _EXPECTED:
        return _EXPECTED[kind].format(found=found, **error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ").replace("{found}", found)


def _describe_number_type(kind: str, value: object, found: str) -> str:
    """Describe a value that is no number; text that means one gets YAML's way to write it."""
    wanted = "a whole number" if kind == "int_type" else "a number"
    number = _as_number(value)
    if number is None:
        return f"expected {wanted}, found {found}; write {wanted}"
    if isinstance(value, float):
        return f"expected {wanted}, found {found}; write {round(number)}"
    plain = describe_number(number)
    return f"expected {wanted}, found {found}; write {plain} (a number in quotes is text)"


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | float) or len(str(value)) > 40:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST else None
