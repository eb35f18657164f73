"""Errors whose cause the user can fix: one clear message, no traceback."""

from __future__ import annotations

from collections.abc import Sequence


class StudyError(Exception):
    """A failure. Its message says where it was, what was found and what to do."""

    exit_code = 1


class SearchSpaceError(StudyError):
    """A search space that cannot be used. There is one line for each problem."""

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
