"""A study's report in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from study.common.escaping import code, in_markdown
from study.common.redaction import redacted
from study.report.account import (
    cost_table,
    cost_words,
    counts_words,
    failures_table,
    found_words,
    front_table,
    looks_table,
    looks_words,
    method_words,
    settings_tables,
)
from study.report.final_test_account import final_test_tables, final_test_words
from study.report.outcome_account import confirmation_tables, confirmation_words
from study.report.study_summary import StudySummary
from study.report.table import Table, leaderboard
from study.results.describe import (
    architecture_sentence,
    architecture_words,
    headline_choices,
    size_words,
    space_parameters,
)
from study.results.ranking import best
from study.storage.records import TrialRecord


def to_markdown(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the whole report, figures excepted, as Markdown ending in a newline."""
    lead = [found_words, counts_words, cost_words]
    parts = [
        f"# {in_markdown(summary.name)}",
        "\n>\n".join(f"> {in_markdown(notice)}" for notice in summary.notices),
        " ".join(in_markdown(words(records, summary)) for words in lead),
        _best(records, summary),
        _section("Pareto front", tables=[front_table(records, summary)]),
        f"## Leaderboard\n\n{as_markdown(leaderboard(records, summary))}",
        _section("Failures", tables=[failures_table(records)]),
        *([] if summary.trained_for else [_confirmation(summary), _test(summary)]),
        _section(
            "How, and at what cost",
            words=[method_words(summary, len(space_parameters(records, summary.parameters)))],
            tables=[cost_table(records, summary)],
        ),
        _fenced("Data", summary.data_notes),
        _fenced("Search space", summary.space_text, "yaml"),
        _section("Settings, versions, hardware", tables=settings_tables(summary)),
        _fenced("Go on with the study", summary.resume, "sh"),
    ]
    return redacted("\n\n".join(filter(None, parts)) + "\n")


def as_markdown(table: Table) -> str:
    """Return a table in Markdown (GitHub's tables), its caption above it."""
    rules = ["---:" if i in table.numeric else "---" for i in range(len(table.headers))]
    lines = [table.headers, rules, *table.rows]
    escaped = [[in_markdown(cell) for cell in line] for line in lines]
    escaped[1] = rules
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)
    return f"{in_markdown(table.caption)}\n\n{body}"


def _best(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    winner = best(records, summary.objectives)
    if winner is None:
        return ""
    line = headline_choices(
        winner, space_parameters([winner], summary.parameters), summary.objective.metric
    )
    words = architecture_words(winner.architecture)
    sentences = [architecture_sentence(winner.architecture), size_words(winner)]
    parts = [
        f"## Best: trial {winner.number}",
        f"**{in_markdown(line)}**",
        code(words) if words else "",
        " ".join(in_markdown(sentence) for sentence in sentences if sentence),
    ]
    return "\n\n".join(filter(None, parts))


def _confirmation(summary: StudySummary) -> str:
    result = summary.confirmation
    if result is None:
        words = "Not confirmed yet: a search's best value is the luckiest of many."
        return _section("Confirmation", words=[words])
    return _section(
        "Confirmation", words=confirmation_words(result), tables=confirmation_tables(result)
    )


def _test(summary: StudySummary) -> str:
    result = summary.test
    words = [] if result is None else final_test_words(result)
    tables = [] if result is None else final_test_tables(result)
    return _section(
        "Test", words=[*words, looks_words(summary)], tables=[*tables, looks_table(summary)]
    )


def _section(
    heading: str, *, words: Sequence[str] = (), tables: Sequence[Table | None] = ()
) -> str:
    shown = [as_markdown(table) for table in tables if table is not None]
    parts = [*(in_markdown(sentence) for sentence in words if sentence), *shown]
    return "\n\n".join([f"## {heading}", *parts]) if parts else ""


def _fenced(heading: str, text: str, language: str = "text") -> str:
    """Return a section of literal text, in a fence longer than any inside it."""
    if not text.strip():
        return ""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"## {heading}\n\n{fence}{language}\n{text.strip()}\n{fence}"
