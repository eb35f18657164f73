"""Results as the plain dictionaries that are stored with a study and written to files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from study.common.errors import EvaluationError

Result = TypeVar("Result")

_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)  # building one takes milliseconds


def to_stored(result: Any) -> dict[str, Any]:
    """Return a dataclass as dictionaries, lists, numbers, text and None."""
    stored: dict[str, Any] = _adapter(type(result)).dump_python(result, mode="json")
    return stored


def from_stored(
    kind: type[Result], stored: Mapping[str, Any], *, where: str, remedy: str = ""
) -> Result:
    """Return the dataclass that ``to_stored`` wrote.

    Args:
        where: What the dictionary is, for the message.
        remedy: What the user can do if it cannot be read.

    Raises:
        EvaluationError: The dictionary does not describe a ``kind``.
    """
    try:
        found: Result = _adapter(kind).validate_python(stored)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "all of it"
        message = f"{where} cannot be read: {field}: {first['msg']}"
        raise EvaluationError(f"{message}; {remedy}" if remedy else message) from None
    return found


def canonical(stored: Mapping[str, Any]) -> str:
    """Return the canonical JSON text of a dictionary of finite numbers.

    It has sorted keys, an indent of two spaces and one final newline.
    """
    return json.dumps(stored, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
