"""``--fork``: a new study that begins with the results of an old one that hold in it.

They are copied, as complete trials of the new study that name the trial they come from and cost
no budget, so that they take part in its ranking and its reports and stay when the old study goes.
They have no place in its sequence of candidates: what it draws is a new sequence, which starts
from them as prior knowledge, and does not train their candidates again.

Which trials are taken is settled when the study is made, whether or not the old one goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from study.common.errors import ResumeError, SettingsError
from study.common.formats import counted
from study.search_space.candidate import Values
from study.search_space.differences import translate
from study.search_strategy.strategy import Observation
from study.storage import records
from study.storage.records import TrialRecord, ranges, read_trials, unranges
from study.storage.stored_study import LOOK, StoredStudy, StudyDefinition, read_study
from study.transfer.observations import observe
from study.transfer.reuse import Known, disagreements, measured, origin_of, results_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

FORK = "fork"
"""Attribute of a study: ``study`` it was forked from, ``trials`` taken, ``of`` how many, ``left``
out and why; ``looks``, how many at the test part."""


def begin_fork(
    mine: StudyDefinition, old: str | None, storage: BaseStorage, url: str
) -> dict[str, Any]:
    """Return what a new study stores of the one it is forked from; empty where there is none.

    Raises:
        StorageError: There is no such study.
        SettingsError: It would be forked from itself.
    """
    if old is None:
        return {}
    if old == mine.settings.study:
        raise SettingsError(f"--fork {old}: the new study needs another name than the old one")
    other = read_study(old, storage, url)
    looks = _looks(mine, other)
    return {FORK: {**_taken(mine, other), "study": old, "looks": len(looks)}, **looks}


def _looks(mine: StudyDefinition, other: StoredStudy) -> dict[str, Any]:
    """Return the other study's looks at the test part, which is no less known to its fork."""
    if mine.data.get("name") != other.data.get("name"):
        return {}
    attributes = other.study.user_attrs
    return {key: attributes[key] for key in attributes if key.startswith(LOOK)}


def _taken(mine: StudyDefinition, other: StoredStudy) -> dict[str, Any]:
    """Return which trials are taken over, of how many, and why the rest is not."""
    found = read_trials(other.study.get_trials(deepcopy=False))
    ended = [r for r in found if not r.lost and not isinstance(r.reused_from, int)]
    left = Counter(r.state for r in ended if r.state in ("pruned", "failed"))
    complete = results_of(other)
    of = len(complete) + left.total()
    reasons = disagreements(mine, other)
    if reasons:
        return {"trials": "", "of": of, "left": reasons}
    told: Counter[str] = Counter({f"{state}": count for state, count in left.items()})
    taken = [r.number for r in complete if _translated(r, other, mine, told) is not None]
    listed = [f"{count} {reason}" for reason, count in told.items()]
    return {"trials": ranges(taken), "of": of, "left": listed}


def _translated(
    record: TrialRecord, other: StoredStudy, mine: StudyDefinition, left: Counter[str]
) -> tuple[Values, TrialRecord] | None:
    """Return the trial as one of the new study, or count why it is none."""
    settings, problem = mine.settings, mine.problem
    values = translate(record.params, source=other.problem.space, target=problem.space)
    same = values is not None and problem.identify(values) == record.candidate_id
    if values is None or not same or not problem.allows(values):
        left["outside this space"] += 1
        return None
    judged = measured(record, settings)
    if judged is None:
        left[f"without {' and '.join(settings.objectives)}"] += 1
        return None
    return values, judged


def fork_note(attributes: Mapping[str, Any]) -> str | None:
    """Return what a study took over from the one it was forked from, in words."""
    begun = attributes.get(FORK)
    if begun is None:
        return None
    count = len(unranges(begun["trials"]))
    left = f"; not taken: {', '.join(begun['left'])}" if begun["left"] else ""
    looks = begun.get("looks", 0)
    known = f"; its {counted(looks, 'look')} at the test part counted on" if looks else ""
    taken = f"{count} of {begun['of']} results taken over"
    return f"fork of '{begun['study']}': {taken}{left}{known}"


def refuse_other_origin(stored: StoredStudy, old: str | None) -> None:
    """Refuse to go on with a study as a fork of one that it is no fork of.

    Raises:
        ResumeError: That is so.
    """
    begun = stored.study.user_attrs.get(FORK, {})
    if old is None or begun.get("study") == old:
        return
    name = stored.settings.study
    is_one = f"is a fork of '{begun['study']}'" if begun else "was not forked"
    raise ResumeError(
        f"--fork {name}: that study is there already and {is_one}, not of '{old}'; take another"
        f" name, or go on with it by 'resume {name}'"
    )


def take_over(stored: StoredStudy) -> None:
    """Copy what a fork begins with, as far as that was not done; under the study's lock."""
    begun = stored.study.user_attrs.get(FORK)
    if begun is None or not begun["trials"]:
        return
    here = {record.candidate_id for record in forked(stored)}
    numbers = unranges(begun["trials"])
    if len(here) == len(numbers):
        return
    other = read_study(begun["study"], stored.study._storage, stored.url)
    wanted = set(numbers)
    for record in results_of(other):
        if record.number in wanted and record.candidate_id not in here:
            _copy(record, other, stored)


def _copy(record: TrialRecord, other: StoredStudy, stored: StoredStudy) -> None:
    import optuna

    from study.search_strategy.samplers.in_memory_study import distributions

    translated = _translated(record, other, stored, Counter())
    if translated is None:
        return
    values, judged = translated
    study, trial = origin_of(record, other.settings.study)
    known = distributions(stored.problem.space)
    stored.study.add_trial(
        optuna.trial.create_trial(
            values=list(judged.objectives),
            params=dict(values),
            distributions={name: known[name] for name in values},
            intermediate_values=dict(judged.intermediate),
            user_attrs={
                **stored.problem.describe(values),
                records.CANDIDATE_ID: record.candidate_id,
                records.METRICS: dict(record.metrics),
                records.CURVE: [dict(step) for step in record.curve],
                records.FACTS: dict(record.facts),
                records.REUSED_FROM: f"{study}/{trial.number}",
                records.REASON: f"taken over from study '{other.settings.study}'",
            },
        )
    )


def forked(stored: StoredStudy) -> list[TrialRecord]:
    """Return the trials that a study took over when it was forked, in number order."""
    trials = read_trials(stored.study.get_trials(deepcopy=False))
    return [r for r in trials if r.sequence_index is None and isinstance(r.reused_from, str)]


def forked_results(stored: StoredStudy) -> Known:
    """Return what was taken over, by candidate, with the trial it comes from."""
    return {r.candidate_id: origin_of(r, stored.settings.study) for r in forked(stored)}


def forked_observations(stored: StoredStudy) -> tuple[Observation, ...]:
    """Return what was taken over as a strategy sees it."""
    return tuple(observe(r, stored.settings.measures, number=-1) for r in forked(stored))
