"""What is wrong with a file: every problem is collected, then all are raised at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field

from study.common.errors import SearchSpaceError

MOST_PROBLEMS = 100
LONGEST_QUOTE = 60


@dataclass(slots=True)
class Problems:
    """The problems of one file.

    Args:
        source: How messages call the file.
    """

    source: str
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, key: str, message: str) -> None:
        """Note a problem.

        Args:
            line: Line from 1; 0 where it concerns the whole file.
            key: Path of the key, as ``dropout.choices[2]``; empty for the document itself.
            message: What was found; what to write instead.
        """
        place = f"{self.source}:{line}" if line else self.source
        self.found.append((line, f"{place}: {key}: {message}" if key else f"{place}: {message}"))

    def raise_any(self) -> None:
        """Raise what has been found so far, in the order of the file.

        Raises:
            SearchSpaceError: There is at least one problem.
        """
        if not self.found:
            return
        lines = list(dict.fromkeys(text for _, text in sorted(self.found, key=lambda f: f[0])))
        if len(lines) > MOST_PROBLEMS:
            left = len(lines) - MOST_PROBLEMS
            lines[MOST_PROBLEMS:] = [f"{self.source}: and {left} more problems"]
        raise SearchSpaceError(lines)


def quoted(text: str) -> str:
    """Return a text in quotes, printable and short enough for a line."""
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'x'?`` for the nearest known word, else the known words."""
    words = list(known)
    close = difflib.get_close_matches(word[:LONGEST_QUOTE].lower(), words, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(words)}"


def listed(values: Iterable[object]) -> str:
    """Return values as ``'a', 'b', 3``, cut where there are many."""
    texts = [repr(value) for value in values]
    return ", ".join(texts if len(texts) <= 9 else [*texts[:6], "…", texts[-1]])
