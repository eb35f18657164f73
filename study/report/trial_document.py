"""Short reports: one trial, the best candidates, the study's note, the studies of a storage."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from study.common.errors import StorageError
from study.common.formats import (
    ABSENT,
    amount,
    counted,
    describe_measure,
    describe_metric,
    duration,
    measure,
)
from study.report.document import (
    Block,
    Code,
    Heading,
    KeyValues,
    Paragraph,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    table_of,
    text_column,
)
from study.report.markdown import render_markdown
from study.report.outcomes import after_search
from study.report.study_document import how_to_continue, settings_table
from study.report.study_summary import StudySummary, space_title
from study.results.describe import (
    architecture_sentence,
    describe_architecture,
    describe_recipe,
    describe_size,
    describe_state,
    describe_trial,
    describe_trial_in_full,
)
from study.results.ranking import best, finished, pareto_front
from study.settings.study_settings import StudySettings
from study.storage.lifecycle import study_state
from study.storage.opening import open_storage
from study.storage.records import TrialRecord, ranked
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import load_trials

_MOST_CLASSES = 12
"""The note of a trial with more classes has no confusion matrix."""


def trial_details(record: TrialRecord) -> KeyValues:
    """Return what a trial is, how it ended, what it measured and what it cost."""
    metrics = ", ".join(describe_measure(name, number) for name, number in record.metrics.items())
    facts = {
        "Network": describe_architecture(record.architecture),
        "In words": architecture_sentence(record.architecture),
        "Recipe": describe_recipe(record.params),
        "Size": describe_size(record),
        "State": _ending(record),
        "Metrics": metrics,
        "Cost": _cost(record),
        "Candidate": record.candidate_id,
    }
    return KeyValues(tuple((name, text) for name, text in facts.items() if text))


def _ending(record: TrialRecord) -> str:
    text = describe_state(record)
    if record.reused_from is not None:
        reason = f" ({record.reason})" if record.reason else ""
        text = (
            f"duplicate of {record.reused_from}: same network, same recipe, so its result is "
            f"reused and nothing was trained{reason}"
        )
    if record.failure is not None and record.failure.text:
        text += f". {record.failure.text}"
    return "" if text == "complete" else text


def _cost(record: TrialRecord) -> str:
    if not record.epochs and not record.seconds:
        return ""
    epochs = f"{amount(record.epochs)} epoch{'' if record.epochs == 1 else 's'}"
    restored = f", {amount(record.restored)} of them in an earlier trial" * bool(record.restored)
    return f"{epochs}{restored}, {duration(record.seconds)}"


def trial_note(record: TrialRecord, summary: StudySummary) -> str:
    """Return a trial's note for optuna-dashboard, in Markdown."""
    line = describe_trial(record, summary.parameters, summary.objective.metric)
    return render_markdown(
        *blocks_of(
            Paragraph(line, "strong"), trial_details(record), _confusion_table(record, summary)
        )
    )


def _confusion_table(record: TrialRecord, summary: StudySummary) -> Table | None:
    """Return the validation images by true and predicted class; None where they are unknown."""
    counts = record.facts.get("confusion") or ()
    if record.reused_from is not None or len(counts) > _MOST_CLASSES or not any(map(any, counts)):
        return None
    names = [summary.classes[i] if i < len(summary.classes) else "" for i in range(len(counts))]
    return Table(
        caption="Validation images: true class (row) and predicted class (column)",
        columns=(text_column("Class"), *(number_column(str(i)) for i in range(len(counts)))),
        rows=tuple(
            (f"{i} {'' if name == str(i) else name}", *(f"{count:,}" for count in row))
            for i, (name, row) in enumerate(zip(names, counts, strict=True))
        ),
    )


def best_candidates(records: Sequence[TrialRecord], summary: StudySummary) -> list[Block]:
    """Return the best candidate, or those of the Pareto front, for the terminal."""
    if len(summary.objectives) > 1:
        found = pareto_front(records, summary.objectives)
    else:
        winner = best(records, summary.objectives)
        found = [] if winner is None else [winner]
    if not found:
        return [Paragraph(f"{summary.name}: no finished trial yet")]
    blocks: list[Block] = []
    for record in found:
        values = ", ".join(
            describe_measure(objective.metric, number)
            for objective, number in zip(summary.objectives, record.objectives, strict=False)
        )
        line = describe_trial_in_full(record, summary.parameters, summary.objective.metric)
        blocks += [
            Paragraph(f"{summary.name}, trial {record.number}: {values}", "strong"),
            Paragraph(line),
            trial_details(record),
        ]
    if summary.caution:
        blocks.append(Paragraph(f"note: {summary.caution}", "notice"))
    return blocks


def study_note(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the study's note for optuna-dashboard, in Markdown."""
    return render_markdown(
        *blocks_of(
            Paragraph(f"{summary.name}: {summary.goal}", "strong"),
            paragraphs(summary.notices, "notice"),
            Paragraph(_best_so_far(records, summary)),
            after_search(summary),
            settings_table(summary),
            [Heading("Data"), Code(text=summary.data_notes)] if summary.data_notes else None,
            how_to_continue(summary),
        )
    )


def _best_so_far(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    winner = best(records, summary.objectives)
    ended = counted(finished(records), "finished trial")
    if winner is None:
        return f"{ended}; no result yet."
    line = describe_trial(winner, summary.parameters, summary.objective.metric)
    return f"{ended}; best so far, trial {winner.number}: {line}"


def study_list(url: str) -> Table:
    """Return the studies of a storage that this program made, a row for each."""
    storage = open_storage(url, read_only=True)
    with storage_errors(url):
        names = sorted(optuna.get_all_study_names(storage))
    found = [study for name in names if (study := _load(name, url)) is not None]
    return table_of(
        f"{counted(len(found), 'study', 'studies')} in {url}",
        found,
        (text_column("Study"), lambda study: study[0].study),
        (text_column("Space", 1), lambda study: space_title(study[0]) or ABSENT),
        (text_column("Sampler"), lambda study: study[0].sampler or ABSENT),
        (text_column("Estimator", 1), lambda study: study[0].estimator or ABSENT),
        (number_column("Trials"), lambda study: _trials(*study)),
        (text_column("Metric"), lambda study: describe_metric(study[0].measures[0].metric)),
        (number_column("Best"), lambda study: _best_value(*study)),
    )


def _load(name: str, url: str) -> tuple[StudySettings, Sequence[TrialRecord]] | None:
    """Return a study's settings and trials; None for a study of another program."""
    try:
        stored, records = load_trials(name, url)
    except StorageError:
        return None
    return stored.settings, records


def _trials(settings: StudySettings, records: Sequence[TrialRecord]) -> str:
    done = len(study_state(records, retries=settings.retries).finished)
    return str(done) if settings.trials is None else f"{done} of {settings.trials}"


def _best_value(settings: StudySettings, records: Sequence[TrialRecord]) -> str:
    metric = settings.measures[0]
    winner = ranked(records, maximise=metric.maximise)[:1] if len(settings.measures) == 1 else []
    return measure(metric.metric, winner[0].value if winner else None)
