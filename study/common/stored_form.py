"""Results ↔ the plain dictionaries that are stored with a study and written to files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from study.common.errors import EvaluationError

Result = TypeVar("Result")


def to_stored(result: Any) -> dict[str, Any]:
    """Return a dataclass as dictionaries, lists, numbers, text and None."""
    from pydantic import TypeAdapter  # heavy

    stored: dict[str, Any] = TypeAdapter(type(result)).dump_python(result, mode="json")
    return stored


def from_stored(kind: type[Result], stored: Mapping[str, Any], *, where: str) -> Result:
    """Return the dataclass that ``to_stored`` wrote.

    Args:
        kind: Its class.
        stored: The dictionary.
        where: What it is, for the message.

    Raises:
        EvaluationError: It is not of the form of ``kind``.
    """
    from pydantic import TypeAdapter, ValidationError  # heavy

    try:
        return TypeAdapter(kind).validate_python(stored)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise EvaluationError(f"{where}: cannot be read: {place}: {first['msg']}") from None


def canonical(stored: Mapping[str, Any]) -> str:
    """Return the one JSON text of a dictionary: sorted keys, two spaces, one line end.

    Raises:
        ValueError: It holds an infinite number or one that is not a number.
    """
    return json.dumps(stored, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
