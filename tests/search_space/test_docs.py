"""docs/search_spaces.md agrees with the code: its tables, its examples, its error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.candidate import (
    ARCHITECTURE_FIELDS,
    MAX_STAGES,
    RECIPE_FIELDS,
    STAGE_FIELDS,
    CandidateField,
    Value,
)
from study.search_space.describe import describe_number
from study.search_space.reading.build import REPLACED
from study.search_space.reading.loading import shipped_spaces, space_from_text
from study.search_space.reading.models import KEYS, MOST_VALUES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "search_spaces.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
MISTAKES = re.findall(r"```yaml\n([^`]*?)```\n\n```text\n(.*?)```", TEXT, flags=re.DOTALL)


def _word(value: Value) -> str:
    if isinstance(value, str | bool):
        return f"`{str(value).lower()}`"
    return f"`{describe_number(float(value))}`"


def _values(field: CandidateField) -> str:
    if field.kind == "choice":
        return ", ".join(_word(choice) for choice in field.choices)
    if field.kind == "bool":
        return "`true`, `false`"
    kind = "whole numbers" if field.kind == "int" else "real numbers"
    return f"{kind}, {describe_number(field.low)} to {describe_number(field.high)}"


def _table(fields: Mapping[str, CandidateField]) -> str:
    rows = ["| field | description | values | default |", "|---|---|---|---|"]
    rows += [
        f"| `{name}` | {field.help} | {_values(field)} | {_word(field.default)} |"
        for name, field in fields.items()
    ]
    return "\n".join(rows)


@pytest.mark.parametrize(
    "fields",
    [ARCHITECTURE_FIELDS, RECIPE_FIELDS, STAGE_FIELDS],
    ids=["network", "recipe", "stage"],
)
def test_the_tables_of_fields_are_those_of_the_code(fields: Mapping[str, CandidateField]) -> None:
    assert _table(fields) in TEXT, f"write into {DOCUMENT.name}:\n{_table(fields)}"


def test_every_key_and_limit_is_explained() -> None:
    for key in (*KEYS, "name", "description", "constraints", "enqueue", "count", "each"):
        assert f"`{key}`" in TEXT
    assert f"1 to {MAX_STAGES}" in TEXT
    assert f"{MOST_VALUES:,}" in TEXT
    assert all(f"`{name}`" in TEXT for name in (*REPLACED, *shipped_spaces()))


def test_the_examples_are_search_spaces() -> None:
    sound = set(EXAMPLES) - {example for example, _ in MISTAKES}
    assert len(sound) == 3
    assert all(space_from_text(example).parameters for example in sound)


def test_the_messages_are_those_that_are_shown() -> None:
    assert MISTAKES
    for example, shown in MISTAKES:
        with pytest.raises(SearchSpaceError) as caught:
            space_from_text(example, source="mine.yaml")
        assert list(caught.value.problems) == shown.strip().splitlines()
