"""No YAML text gives a traceback: it is a search space, or its problems are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST
from study.search_space.reading.loading import load_space, space_from_text
from study.search_space.summary import describe_space, summarise_space
from tests.search_space.strategies import (
    NEARLY_SPACES,
    TREES,
    as_yaml,
    damaged_texts,
    valid_documents,
)

FUZZ = settings(suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(
    "texts",
    [
        st.text(),
        st.text("{}[]:,-#&*!|>'\"%@`\t\n\\ xu0aparmetsd"),
        TREES.map(as_yaml),
        NEARLY_SPACES.map(as_yaml),
        damaged_texts(),
    ],
    ids=["arbitrary", "punctuation", "trees", "nearly spaces", "damaged"],
)
@FUZZ
@given(data=st.data())
def test_every_text_is_a_space_or_has_problems(
    data: st.DataObject, texts: st.SearchStrategy[str]
) -> None:
    problems: tuple[str, ...] = ()
    try:
        assert space_from_text(data.draw(texts), source="fuzz.yaml").parameters
    except SearchSpaceError as error:
        problems = error.problems or ("an error without a problem",)
    for problem in problems:
        assert problem.startswith("fuzz.yaml:")
        assert problem.isprintable()
        assert len(problem) < 2000


@FUZZ
@given(content=st.binary())
def test_arbitrary_bytes_in_a_file_have_problems(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fuzz.yaml"
    path.write_bytes(content)
    with pytest.raises(SearchSpaceError) as caught:  # random bytes never name a parameter
        load_space(path)
    assert all(problem.startswith(str(path)) for problem in caught.value.problems)


@settings(max_examples=settings().max_examples // 4)  # some examples take two seconds
@given(valid_documents())
def test_sound_spaces_are_read_and_summarised(document: dict[str, Any]) -> None:
    space = space_from_text(as_yaml(document), source="fuzz.yaml")
    assert describe_space(summarise_space(space, OCTMNIST))
