"""``--fork``: a new study that begins with the results of an old one that hold in it.

The results are copied as complete trials of the new study. They name the trial they come from,
cost no budget, take part in ranking and reports, and stay when the old study is deleted. They have
no sequence index: the new study has a new sequence of candidates. Its strategy starts from the
copies as prior knowledge, and their candidates are not trained again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import optuna

from study.common.errors import ResumeError
from study.common.formats import counted
from study.search_strategy.samplers.optuna_strategy import distributions
from study.storage import records
from study.storage.records import TrialRecord, ranges
from study.storage.stored_study import TEST_ACCESS, StoredStudy, StudyDefinition, read_study
from study.transfer.results import (
    Taken,
    Translator,
    disagreements,
    origin_of,
    read_all,
    results_of,
    taken_from,
)

FORK = "fork"
"""Attribute of a study: what it took over when it was forked, a ``Taken``."""


def begin_fork(mine: StudyDefinition, other: StoredStudy) -> dict[str, Any]:
    """Return what a new study stores of the one it is forked from."""
    name = other.settings.study
    accesses, note = {}, ""
    if mine.data.get("name") == other.data.get("name"):
        attributes = other.study.user_attrs
        accesses = {key: attributes[key] for key in attributes if key.startswith(TEST_ACCESS)}
    if accesses:
        note = f"{counted(len(accesses), 'access', 'accesses')} to the test part taken over"
    complete = results_of(other)
    unfinished = Counter(
        record.state
        for record in read_all(other)
        if record.state in ("pruned", "failed")
        and not record.lost
        and not isinstance(record.reused_from, int)
    )
    total = len(complete) + unfinished.total()
    numbers, left = [], disagreements(mine, other)
    if not left:
        translated = Translator(mine.problem, other, same_candidate=True)
        translated.left.update(unfinished)
        numbers = [record.number for record in complete if translated(record) is not None]
        left = translated.reasons()
    taken = Taken(study=name, trials=ranges(numbers), of=total, left=left, note=note)
    return {FORK: asdict(taken), **accesses}


def check_origin(stored: StoredStudy, old: str | None) -> None:
    """Raise ``ResumeError`` where a stored study is no fork of the study ``--fork`` names."""
    taken = taken_from(stored.study.user_attrs, FORK)
    if old is None or (taken is not None and taken.study == old):
        return
    name = stored.settings.study
    is_one = "was not forked" if taken is None else f"is a fork of '{taken.study}'"
    raise ResumeError(
        f"--fork {name}: that study is there already and {is_one}, not of '{old}'; take another"
        f" name, or continue it with 'resume {name}'"
    )


def copy_results(stored: StoredStudy) -> None:
    """Copy the results of a fork that were not copied yet; call it under the study's lock."""
    taken = taken_from(stored.study.user_attrs, FORK)
    if taken is None:
        return
    wanted, here = set(taken.numbers), {record.candidate_id for record in forked(stored)}
    if len(here) == len(wanted):
        return
    other = read_study(taken.study, stored.study._storage, stored.url)
    translated = Translator(stored.problem, other, same_candidate=True)
    for record in results_of(other):
        if record.number not in wanted or record.candidate_id in here:
            continue
        if (found := translated(record)) is not None:
            _copy(found, stored, taken.study)


def _copy(record: TrialRecord, stored: StoredStudy, other: str) -> None:
    study, trained = origin_of(record, other)
    known = distributions(stored.problem.space)
    stored.study.add_trial(
        optuna.trial.create_trial(
            values=list(record.objectives),
            params=dict(record.params),
            distributions={name: known[name] for name in record.params},
            intermediate_values=dict(record.intermediate),
            user_attrs={
                **stored.problem.describe(record.params),
                records.CANDIDATE_ID: record.candidate_id,
                records.METRICS: dict(record.metrics),
                records.CURVE: [dict(step) for step in record.curve],
                records.FACTS: dict(record.facts),
                records.REUSED_FROM: f"{study}/{trained.number}",
                records.REASON: f"taken over from study '{other}'",
            },
        )
    )


def forked(stored: StoredStudy) -> list[TrialRecord]:
    """Return the trials that a study took over when it was forked, in number order."""
    found = read_all(stored)
    return [r for r in found if r.sequence_index is None and isinstance(r.reused_from, str)]
