"""``--warm-start``: the strategy starts from what another study found.

Data, recipe and fidelity of the other study may differ, so its results need not hold here and are
not reused. The strategy sees them as prior knowledge with numbers below 0, and their candidates
are still to be tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from study.common.errors import SettingsError, StorageError
from study.data.parts import OFFICIAL, POOLED
from study.storage.records import TrialRecord, latest_by_index, ranges
from study.storage.stored_study import StoredStudy, StudyDefinition, read_study
from study.transfer.results import Taken, Translator, read_all, taken_from

WARM_START = "warm_start"
"""Attribute of a study: what it started from, a ``Taken``."""

_TESTED = (
    "it searched on the pooled split, which contains images of this study's test part: a test of"
    " this study is on images that its candidates were chosen by"
)


def begin_warm(mine: StudyDefinition, other: StoredStudy) -> dict[str, Any]:
    """Return what a new study stores of the one it starts from."""
    name, results = other.settings.study, _results(other)
    translated = Translator(mine.problem, other, same_candidate=False)
    numbers = [record.number for record in results if translated(record) is not None]
    if not numbers:
        why = ", ".join(translated.reasons()) or "it has no finished trial"
        raise SettingsError(f"--warm-start {name}: nothing of it can be used here: {why}")
    there, here = other.settings, mine.settings
    tested = (there.split, here.split) == (POOLED, OFFICIAL) and there.dataset == here.dataset
    taken = Taken(
        study=name,
        trials=ranges(numbers),
        of=len(results),
        left=translated.reasons(),
        note=_TESTED if tested else "",
    )
    return {WARM_START: asdict(taken)}


def warm_results(stored: StoredStudy) -> Iterator[TrialRecord]:
    """Yield the trials that a study started from, in their order.

    They have no candidate id: the same candidate may have another value here.

    Raises:
        StorageError: The other study is gone, or lacks one of these trials.
    """
    taken = taken_from(stored.study.user_attrs, WARM_START)
    if taken is None:
        return
    try:
        other = read_study(taken.study, stored.study._storage, stored.url)
    except StorageError as error:
        raise StorageError(f"'{stored.settings.study}' was warm-started: {error}") from error
    by_number = {record.number: record for record in _results(other)}
    translated = Translator(stored.problem, other, same_candidate=False)
    for number in taken.numbers:
        found = translated(by_number[number]) if number in by_number else None
        if found is None:
            raise StorageError(
                f"'{stored.settings.study}' was warm-started from '{taken.study}', whose trials"
                " have changed since; start a new study"
            )
        yield replace(found, candidate_id="", draw=None)


def _results(other: StoredStudy) -> list[TrialRecord]:
    """Return the trials of a study with an outcome of their own, in number order."""
    found = read_all(other)
    copied = [r for r in found if r.sequence_index is None and r.state == "complete"]
    return sorted(
        (
            record
            for record in (*copied, *latest_by_index(found).values())
            if record.state in ("complete", "pruned", "failed")
            and not record.lost
            and not isinstance(record.reused_from, int)
        ),
        key=lambda record: record.number,
    )
