"""What a study takes from other studies: ``--reuse``, ``--fork`` and ``--warm-start``.

===============  ==========================  =====================================================
flag             which results               what is done with them
===============  ==========================  =====================================================
``--reuse``      those that hold here        reused when the strategy proposes their candidate
``--fork``       those that hold here        copied at the start, ranked, known to the strategy
``--warm-start`` those of points that exist  known to the strategy; their candidates are still to
                 in this space               be trained
===============  ==========================  =====================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.storages import BaseStorage

from study.common.errors import SettingsError, StorageError
from study.search_strategy.strategy import Observation
from study.settings.study_settings import StudySettings
from study.storage.records import TrialRecord
from study.storage.stored_study import StoredStudy, StudyDefinition, read_study
from study.transfer.fork import FORK, begin_fork, check_origin, copy_results, forked
from study.transfer.results import (
    disagreements,
    measured,
    observe,
    origin_of,
    results_of,
    taken_from,
)
from study.transfer.warm_start import WARM_START, begin_warm, warm_results

ALL = "all"

Known = Mapping[str, tuple[str, TrialRecord]]
"""Results by candidate id: the study that trained the candidate, and the trial it did so in."""

Begin = Callable[[BaseStorage, Mapping[str, Any]], Mapping[str, Any]]


def begin_transfer(
    settings: StudySettings, data: Mapping[str, Any], url: str, *, fork_of: str | None
) -> Begin:
    """Return a function of a new study's storage that returns what it takes from other studies.

    The function raises a ``StudyError`` where a study that is named cannot be used.
    """

    def begin(storage: BaseStorage, environment: Mapping[str, Any]) -> Mapping[str, Any]:
        mine = StudyDefinition(settings=settings, data=data, environment=environment)
        begun: dict[str, Any] = {}
        if fork_of == settings.study:
            raise SettingsError(
                f"--fork {fork_of}: the new study needs another name than the old one"
            )
        if fork_of is not None:
            begun |= begin_fork(mine, read_study(fork_of, storage, url))
        if settings.warm_start is not None:
            begun |= begin_warm(mine, read_study(settings.warm_start, storage, url))
        return begun

    return begin


def finish_transfer(stored: StoredStudy, *, fork_of: str | None) -> list[str]:
    """Copy the results of a fork, under the study's lock; return notes on what was taken."""
    check_origin(stored, fork_of)
    copy_results(stored)
    attributes = stored.study.user_attrs
    notes = []
    for key, flag in ((FORK, "fork of"), (WARM_START, "warm start from")):
        if (taken := taken_from(attributes, key)) is not None:
            notes.append(f"{flag} {taken.describe()}")
    return [*notes, *reusable_results(stored)[1]]


def known_results(stored: StoredStudy) -> Known:
    """Return the results of other studies that hold in this one."""
    copied = {r.candidate_id: origin_of(r, stored.settings.study) for r in forked(stored)}
    return {**reusable_results(stored)[0], **copied}


def prior_observations(stored: StoredStudy) -> tuple[Observation, ...]:
    """Return what the strategy starts from, numbered -n … -1."""
    measures = stored.settings.measures
    results = (*warm_results(stored), *forked(stored))
    return tuple(
        observe(record, measures, number=index - len(results))
        for index, record in enumerate(results)
    )


def reusable_results(mine: StoredStudy) -> tuple[Known, tuple[str, ...]]:
    """Return the results of the studies in ``--reuse`` that hold in this study, and notes.

    They are read once. Results that the other studies add later are not seen. The notes say for
    each study how many results it gives, or why it gives none.
    """
    known: dict[str, tuple[str, TrialRecord]] = {}
    notes = []
    for name in _names(mine):
        found, note = _from_one(name, mine)
        notes.append(f"reuse of '{name}': {note}")
        for record in found:
            known.setdefault(record.candidate_id, origin_of(record, name))
    return known, tuple(notes)


def _names(mine: StoredStudy) -> tuple[str, ...]:
    asked, own = mine.settings.reuse, mine.settings.study
    if own in asked:
        raise SettingsError(
            f"--reuse {own}: a study reuses its own results by itself; name another study"
        )
    if ALL not in asked:
        return tuple(dict.fromkeys(asked))
    names = optuna.get_all_study_names(mine.study._storage)
    return tuple(sorted(name for name in names if name != own))


def _from_one(name: str, mine: StoredStudy) -> tuple[list[TrialRecord], str]:
    try:
        other = read_study(name, mine.study._storage, mine.url)
    except StorageError as error:
        if ALL not in mine.settings.reuse:
            raise
        return [], f"none ({error})"
    if reasons := disagreements(mine, other):
        return [], f"none ({'; '.join(reasons)})"
    results = results_of(other)
    held = [r for r in (measured(record, mine.settings) for record in results) if r is not None]
    return held, f"{len(held)} of {len(results)} results hold here"
