"""``--warm-start``: the strategy starts from what another study found.

What it found need not hold in this one: data, recipe and fidelity may differ. So nothing is
reused; the results are shown to the strategy as prior knowledge, numbered below 0, and their
candidates are still to be tried here. Which trials they are is stored with the study, so that a
resume and a replay see the same ones however far the other study has gone on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from study.common.errors import SettingsError, StorageError
from study.data.splits import OFFICIAL, POOLED
from study.search_space.differences import translate
from study.search_strategy.strategy import Observation
from study.settings.problem import Problem
from study.settings.study_settings import StudySettings
from study.storage.records import TrialRecord, latest_by_index, ranges, read_trials, unranges
from study.storage.stored_study import StoredStudy, StudyDefinition, read_study
from study.transfer.observations import observe
from study.transfer.reuse import measured

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

WARM_START = "warm_start"
"""Attribute of a study: ``study``, ``trials`` taken from it, ``of`` how many, ``left`` out, and
``tested``, whether they were judged by images of this study's test part."""

_TESTED = (
    "; it searched on the pooled split, which holds images of this study's test part: a test of "
    "this study is on images that were chosen by"
)


def begin_warm(mine: StudyDefinition, storage: BaseStorage, url: str) -> dict[str, Any]:
    """Return what a new study stores of the one it starts from; empty where there is none.

    Raises:
        StorageError: There is no such study.
        SettingsError: None of its results can be used.
    """
    name = mine.settings.warm_start
    if name is None:
        return {}
    other = read_study(name, storage, url)
    records = _results(other)
    left: Counter[str] = Counter()
    taken = [r.number for r in records if _fitting(r, other, mine.problem, left) is not None]
    reasons = [f"{count} {reason}" for reason, count in left.items()]
    if not taken:
        why = ", ".join(reasons) or "it has no finished trial"
        raise SettingsError(f"--warm-start {name}: nothing of it can be used here: {why}")
    begun = {"study": name, "trials": ranges(taken), "of": len(records), "left": reasons}
    return {WARM_START: {**begun, "tested": _knows_test_part(other.settings, mine.settings)}}


def _knows_test_part(other: StudySettings, mine: StudySettings) -> bool:
    """Tell whether the other study has seen what is this one's test part."""
    return (other.split, mine.split) == (POOLED, OFFICIAL) and other.dataset == mine.dataset


def warm_note(attributes: Mapping[str, Any]) -> str | None:
    """Return what a study took of another to start from, in words."""
    begun = attributes.get(WARM_START)
    if begun is None:
        return None
    count = len(unranges(begun["trials"]))
    left = f" ({', '.join(begun['left'])})" if begun["left"] else ""
    tested = _TESTED if begun.get("tested") else ""
    return f"warm start from '{begun['study']}': {count} of {begun['of']} results{left}{tested}"


def warm_observations(stored: StoredStudy) -> tuple[Observation, ...]:
    """Return the results of the other study that this one started from, in their order.

    Raises:
        StorageError: The other study is gone, or lacks one of these trials.
    """
    begun = stored.study.user_attrs.get(WARM_START)
    if begun is None:
        return ()
    try:
        other = read_study(begun["study"], stored.study._storage, stored.url)
    except StorageError as error:
        raise StorageError(f"'{stored.settings.study}' was warm-started: {error}") from error
    by_number = {record.number: record for record in _results(other)}
    return tuple(
        _observed(by_number.get(number), other, stored) for number in unranges(begun["trials"])
    )


def _observed(record: TrialRecord | None, other: StoredStudy, stored: StoredStudy) -> Observation:
    left: Counter[str] = Counter()
    found = record and _fitting(record, other, stored.problem, left)
    if not found:
        raise StorageError(
            f"'{stored.settings.study}' was warm-started from '{other.settings.study}', whose"
            " trials are not what they were; start a new study"
        )
    return observe(found, stored.settings.measures, number=-1)


def _results(other: StoredStudy) -> list[TrialRecord]:
    """Return the trials of a study that say something, twins of its own trials left out."""
    records = read_trials(other.study.get_trials(deepcopy=False))
    taken_over = [r for r in records if r.sequence_index is None and r.state == "complete"]
    placed = latest_by_index(records).values()
    return sorted(
        (
            record
            for record in (*taken_over, *placed)
            if record.state in ("complete", "pruned", "failed")
            and not record.lost
            and not isinstance(record.reused_from, int)
        ),
        key=lambda record: record.number,
    )


def _fitting(
    record: TrialRecord,
    other: StoredStudy,
    problem: Problem,
    left: Counter[str],
) -> TrialRecord | None:
    """Return the trial as one of this study's space and measures, or count why it is none.

    It has no identity: a candidate of the same name may come to another value here.
    """
    values = translate(record.params, source=other.problem.space, target=problem.space)
    if values is None or not problem.allows(values):
        left["outside this space"] += 1
        return None
    judged = record if record.state == "failed" else _judged(record, problem.settings)
    if judged is None:
        left[f"without {' and '.join(problem.settings.objectives)}"] += 1
        return None
    return replace(judged, params=values, candidate_id="", draw=None)


def _judged(record: TrialRecord, settings: StudySettings) -> TrialRecord | None:
    if record.state == "pruned":  # its last epoch stands for it
        record = replace(record, metrics=dict(record.curve[-1]) if record.curve else {})
    return measured(record, settings)
