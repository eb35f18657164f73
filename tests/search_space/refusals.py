"""Refused search spaces, written with the expected problems below the lines that have them."""

from __future__ import annotations

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.reading.loading import space_from_text


def problems_of(text: str, image: ImageFormat = OCTMNIST) -> list[str]:
    """Return the problems of a text that is refused, without the name of the source."""
    with pytest.raises(SearchSpaceError) as caught:
        space_from_text(text, source="s.yaml", image=image)
    return [problem.removeprefix("s.yaml:") for problem in caught.value.problems]


def assert_refused(annotated: str, image: ImageFormat = OCTMNIST) -> None:
    """Assert the problems of a text, in the order of the file.

    A line that starts with ``!`` is not in the text. It expects a problem in the line above it,
    or without a line if it is the first: the location, then key words in their order, with ``…``
    between them.
    """
    text: list[str] = []
    expected: list[str] = []
    for line in annotated.splitlines():
        if line.startswith("! "):
            number = f"{len(text)}: " if text else " "
            expected.append(number + line.removeprefix("! "))
        else:
            text.append(line)
    problems = problems_of("".join(line + "\n" for line in text), image)
    assert len(problems) == len(expected), problems
    for problem, pattern in zip(problems, expected, strict=True):
        location, *words = pattern.split(" … ")
        assert problem.startswith(location), f"{location!r} is not the start of: {problem}"
        rest = problem.removeprefix(location)
        for word in words:
            assert word in rest, f"{word!r} is not in its order in: {problem}"
            rest = rest.partition(word)[2]
