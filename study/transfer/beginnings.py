"""What a study begins with from others: ``--reuse``, ``--fork`` and ``--warm-start`` in one place.

===============  ==========================  =====================================================
flag             which results               what becomes of them
===============  ==========================  =====================================================
``--reuse``      those that hold here        taken where the strategy proposes their candidate
``--fork``       those that hold here        copied at once, ranked, and known to the strategy
``--warm-start`` those of points that exist  known to the strategy; their candidates are still to
                 in this space               be trained
===============  ==========================  =====================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from study.settings.study_settings import StudySettings
from study.storage.stored_study import StoredStudy, StudyDefinition
from study.transfer.fork import (
    begin_fork,
    fork_note,
    refuse_other_origin,
    take_over,
)
from study.transfer.reuse import reusable_results
from study.transfer.warm_start import begin_warm, warm_note

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

Beginnings = Callable[["BaseStorage", Mapping[str, Any]], Mapping[str, Any]]


def beginnings(
    settings: StudySettings, data: Mapping[str, Any], url: str, *, fork_of: str | None
) -> Beginnings:
    """Return what ``create_or_load`` calls where the study is new."""

    def begin(storage: BaseStorage, environment: Mapping[str, Any]) -> Mapping[str, Any]:
        mine = StudyDefinition(settings=settings, data=data, environment=environment)
        return {
            **begin_fork(mine, fork_of, storage, url),
            **begin_warm(mine, storage, url),
        }

    return begin


def finish_transfer(stored: StoredStudy, *, fork_of: str | None) -> list[str]:
    """Finish what a fork begins with, under the study's lock; return what was taken, in words.

    Raises:
        ResumeError: The study is there already, and is no fork of that one.
        StorageError: A study that is named is gone.
    """
    refuse_other_origin(stored, fork_of)
    take_over(stored)
    attributes = stored.study.user_attrs
    told = (fork_note(attributes), warm_note(attributes), *reusable_results(stored).notes)
    return [note for note in told if note is not None]
