"""Errors whose cause the user can fix.

StudyError                  one clear message, no traceback, exit code 1
├── SearchSpaceError        a search space that cannot be used, with every problem found
├── SettingsError           flags that contradict each other (exit code 2)
├── DataError               a data set that is missing, damaged or of the wrong form
├── StorageError            the study's database cannot be read or written
├── ResumeError             a stored study that does not match the request
└── EvaluationError         a confirmation, test, export or prediction that cannot be made
"""

from __future__ import annotations

from collections.abc import Sequence


class StudyError(Exception):
    """A failure. Its message says where, what was found and what to do."""

    exit_code = 1


class SearchSpaceError(StudyError):
    """A search space that cannot be used.

    Args:
        problems: One line for each problem, in the order of the file.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SettingsError(StudyError):
    """Settings that contradict each other or name something unknown."""

    exit_code = 2


class DataError(StudyError):
    """A data set that is missing, damaged or of the wrong form."""


class StorageError(StudyError):
    """The study's database cannot be opened, read or written."""


class ResumeError(StudyError):
    """A stored study that does not match the request."""


class EvaluationError(StudyError):
    """A confirmation, test, export or prediction that cannot be made."""
