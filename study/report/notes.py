"""Notes in Markdown for optuna-dashboard: one for each trial, one for the study."""

from __future__ import annotations

from collections.abc import Sequence

from study.common.escaping import code, in_markdown
from study.common.formats import amount, counted, duration, headline, metric_words, plain
from study.common.redaction import redacted
from study.report.after_search_account import after_search_words
from study.report.study_summary import StudySummary
from study.results.describe import (
    architecture_sentence,
    architecture_words,
    headline_choices,
    metric_lines,
    size_words,
    space_parameters,
    state_words,
)
from study.results.ranking import best, finished
from study.storage.records import TrialRecord


def trial_note(record: TrialRecord, summary: StudySummary) -> str:
    """Return a trial's note: what it is, how it ended and why, what it measured."""
    names = space_parameters([record], summary.parameters)
    headline_text = headline_choices(record, names, summary.objective.metric)
    parts = [
        f"**{in_markdown(headline_text)}**",
        _network_note(record),
        _ending_note(record),
        _measures_note(record),
        _cost_note(record),
    ]
    return redacted("\n\n".join(filter(None, parts)) + "\n")


def _network_note(record: TrialRecord) -> str:
    words = architecture_words(record.architecture)
    if not words:
        return ""
    lines = [f"`{words}`", architecture_sentence(record.architecture), size_words(record)]
    return "\n\n".join(filter(None, lines))


def _ending_note(record: TrialRecord) -> str:
    ending = state_words(record)
    if record.reused_from is not None:
        ending = (
            f"twin of {record.reused_from}: the same network with the same recipe, "
            "so its result is reused and nothing was trained"
        )
        ending += f" ({record.reason})" if record.reason else ""
    if record.failure is not None and record.failure.text:
        ending += f". {record.failure.text}"
    return f"State: {in_markdown(ending)}" if ending != "complete" else ""


def _measures_note(record: TrialRecord) -> str:
    return "\n".join(f"- {in_markdown(line)}" for line in metric_lines(record.metrics))


def _cost_note(record: TrialRecord) -> str:
    if not record.epochs and not record.seconds:
        return ""
    epochs = f"{amount(record.epochs)} epoch{'' if record.epochs == 1 else 's'}"
    restored = f", {amount(record.restored)} of them taken over"
    return f"Cost: {epochs}{restored if record.restored else ''}, {duration(record.seconds)}"


def study_note(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the study's note: what is searched and how, the data, how to go on."""
    objectives = " and ".join(
        f"{o.direction} {metric_words(o.metric)}" for o in summary.objectives
    )
    parts = [
        f"**{in_markdown(summary.name)}**: {in_markdown(objectives)}"
        + (f" over the search space {code(summary.space_name)}" if summary.space_name else ""),
        "\n".join(f"> {in_markdown(notice)}" for notice in summary.notices),
        _best_note(records, summary),
        _outcomes_note(summary),
        _settings_note(summary),
        _block("Data", summary.data_notes),
        _block("Go on with the study", summary.resume),
    ]
    return redacted("\n\n".join(filter(None, parts)) + "\n")


def _best_note(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    found = best(records, summary.objectives)
    ended = counted(finished(records), "finished trial")
    if found is None:
        return f"{ended}; no result yet."
    parameters = space_parameters([found], summary.parameters)
    line = headline_choices(found, parameters, summary.objective.metric)
    return f"{ended}; best so far, trial {found.number}: {in_markdown(line)}"


def _outcomes_note(summary: StudySummary) -> str:
    """Return what the confirmation and the test found, a sentence a line; empty without both."""
    return "\n".join(f"- {in_markdown(words)}" for words in after_search_words(summary))


def _settings_note(summary: StudySummary) -> str:
    if not summary.settings:
        return ""
    rows = [
        f"| {in_markdown(headline(name))} | {in_markdown(plain(setting))} |"
        for name, setting in summary.settings.items()
    ]
    return "\n".join(["| Setting | Value |", "|---|---|", *rows])


def _block(heading: str, text: str) -> str:
    if not text.strip():
        return ""
    return f"**{heading}**\n\n" + "\n".join(f"    {line}" for line in text.strip().splitlines())
