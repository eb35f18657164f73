"""Assertions on refused search spaces: the location and the key words of each problem."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.reading.loading import space_from_text


def problems_of(text: str, image: ImageFormat = OCTMNIST) -> list[str]:
    """The problems of a text that cannot be read, without the name of the source."""
    with pytest.raises(SearchSpaceError) as caught:
        space_from_text(text, source="s.yaml", image=image)
    return [problem.removeprefix("s.yaml:") for problem in caught.value.problems]


def assert_refused(text: str, *expected: str, image: ImageFormat = OCTMNIST) -> None:
    """Assert the problems of a text, in the order of the file.

    Args:
        text: The search space.
        expected: For each problem its location, then key words in their order, with ``…`` between:
            ``2: dropout: … 'choises' … 'choices'``.
        image: Format of the images.
    """
    assert_problems(problems_of(text, image), expected)


def assert_problems(problems: Sequence[str], expected: Sequence[str]) -> None:
    """Assert that each problem starts with its location and has its key words in order."""
    assert len(problems) == len(expected), problems
    for problem, pattern in zip(problems, expected, strict=True):
        start, *words = pattern.split(" … ")
        assert problem.startswith(start), problem
        rest = problem.removeprefix(start)
        for word in words:
            assert word in rest, f"{word!r} is not in its order in: {problem}"
            rest = rest.partition(word)[2]


def assert_declaration_refused(declaration: str, *expected: str) -> None:
    """Assert the problems of a space that declares one parameter, in line 2."""
    assert_refused(f"parameters:\n  {declaration}\n", *expected)
