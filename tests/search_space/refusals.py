"""How a text is refused, for tests of the messages."""

from __future__ import annotations

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.candidate import OCTMNIST, ImageFormat
from study.search_space.reading.loading import space_from_text


def problems_of(text: str, image: ImageFormat = OCTMNIST) -> list[str]:
    """The problems of a text that cannot be read, without the name of the source."""
    with pytest.raises(SearchSpaceError) as caught:
        space_from_text(text, source="s.yaml", image=image)
    return [problem.removeprefix("s.yaml:") for problem in caught.value.problems]


def problems_with(declaration: str) -> list[str]:
    """The problems of a space that declares one parameter, in line 2."""
    return problems_of(f"parameters:\n  {declaration}\n")
