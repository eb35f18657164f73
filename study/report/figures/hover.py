"""What a plot tells of a trial when the reader points at it."""

from __future__ import annotations

from study.common.escaping import in_plot
from study.common.formats import headline, measure, metric_headline, short, value
from study.report.study_summary import StudySummary
from study.results.describe import architecture_words, folds, state_words
from study.storage.records import TrialRecord


def trial_hover(record: TrialRecord, summary: StudySummary) -> str:
    """Return the hover label of a trial, in plotly's few HTML tags; user text escaped."""
    lines = [f"<b>Trial {record.number}</b>, {in_plot(state_words(record))}"]
    for objective, number in zip(summary.objectives, record.objectives, strict=False):
        heading = in_plot(metric_headline(objective.metric))
        lines.append(f"{heading}: <b>{measure(objective.metric, number)}</b>")
    if folds(list(record.params)):
        lines.append(in_plot(architecture_words(record.architecture)))
    else:
        lines += [f"{in_plot(headline(n))}: {in_plot(value(v))}" for n, v in record.params.items()]
    if record.parameters is not None:
        lines.append(f"{short(record.parameters)} parameters, {short(record.macs)} MACs")
    return "<br>".join(filter(None, lines))
