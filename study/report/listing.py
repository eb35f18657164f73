"""Short texts for the terminal: the best trial, and the studies of a storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import optuna

from study.common.errors import StorageError
from study.common.formats import (
    ABSENT,
    amount,
    counted,
    duration,
    measure,
    metric_words,
)
from study.common.redaction import redacted
from study.report.study_summary import StudySummary
from study.report.table import Table, as_text
from study.results.describe import (
    architecture_words,
    metric_lines,
    recipe_words,
    seed_line,
    size_words,
    space_parameters,
)
from study.results.ranking import best, pareto_front
from study.storage.lifecycle import study_state
from study.storage.opening import open_storage
from study.storage.records import TrialRecord, ranked
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy, load_trials


def best_text(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the best trial, or the Pareto front's trials, as a few lines of text."""
    if len(summary.objectives) > 1:
        found = pareto_front(records, summary.objectives)
    else:
        winner = best(records, summary.objectives)
        found = [] if winner is None else [winner]
    if not found:
        return redacted(f"{summary.name}: no finished trial yet\n")
    caution = f"note: {summary.caution}\n" if summary.caution else ""
    return redacted("\n".join(_described(record, summary) for record in found) + caution)


def _described(record: TrialRecord, summary: StudySummary) -> str:
    values = ", ".join(
        f"{metric_words(objective.metric)} {measure(objective.metric, number)}"
        for objective, number in zip(summary.objectives, record.objectives, strict=False)
    )
    lines = {
        "Candidate": record.candidate_id,
        "Network": architecture_words(record.architecture),
        "Recipe": recipe_words(record.params),
        "Size": size_words(record),
        "Cost": _cost(record),
        "Measures": ", ".join(metric_lines(record.metrics)),
    }
    return "\n".join(
        [
            f"{summary.name}, trial {record.number}: {values}",
            seed_line(
                record, space_parameters([record], summary.parameters), summary.objective.metric
            ),
            *(f"  {name + ':':<10} {text}" for name, text in lines.items() if text),
            "",
        ]
    )


def _cost(record: TrialRecord) -> str:
    if record.reused_from is not None:
        return f"none: the result of trial {record.reused_from} is reused"
    return f"{amount(record.epochs)} epochs, {duration(record.seconds)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyLine:
    """One study of a storage.

    Args:
        name: The study.
        finished: Finished trials.
        target: Trials it shall have; None where only time or epochs limit it.
        metric: What it optimises.
        best: Best value so far.
        space: Name of its search space.
        sampler: Its sampler.
        estimator: Its estimator.
    """

    name: str
    finished: int
    target: int | None
    metric: str
    best: float | None
    space: str = ""
    sampler: str = ""
    estimator: str = ""


def study_list_text(studies: Sequence[StudyLine], *, storage: str = "") -> str:
    """Return the studies of a storage as a table of text."""
    where = f" in {storage}" if storage else ""
    table = Table(
        caption=f"{counted(len(studies), 'study', 'studies')}{where}",
        headers=("Study", "Space", "Sampler", "Estimator", "Trials", "Metric", "Best"),
        rows=tuple(_study_row(line) for line in studies),
        numeric=frozenset({4, 6}),
    )
    return as_text(table)


def _study_row(line: StudyLine) -> tuple[str, ...]:
    trials = str(line.finished) if line.target is None else f"{line.finished} of {line.target}"
    return (
        line.name,
        line.space or ABSENT,
        line.sampler or ABSENT,
        line.estimator or ABSENT,
        trials,
        metric_words(line.metric),
        measure(line.metric, line.best),
    )


def study_lines(url: str) -> list[StudyLine]:
    """Return a line for each study of a storage that this program made.

    Raises:
        StorageError: The storage cannot be read.
    """
    storage = open_storage(url, read_only=True)
    with storage_errors(url):
        names = sorted(optuna.get_all_study_names(storage))
    lines = []
    for name in names:
        try:
            stored, records = load_trials(name, url)
        except StorageError:
            continue  # another program's study
        lines.append(_line(stored, records))
    return lines


def _line(stored: StoredStudy, records: Sequence[TrialRecord]) -> StudyLine:
    settings = stored.settings
    state = study_state(records, retries=settings.retries)
    winner = ranked(records, maximise=settings.measures[0].maximise)[:1]
    several = len(settings.measures) > 1
    return StudyLine(
        name=settings.study,
        space=settings.space_name,
        metric=settings.measures[0].key,
        finished=len(state.finished),
        target=settings.trials,
        sampler=settings.sampler,
        estimator=settings.estimator,
        best=None if several or not winner else winner[0].value,
    )
