"""The sections of the page, in reading order: result first, evidence after, details last."""

from __future__ import annotations

from collections.abc import Sequence

from study.common.formats import (
    amount,
    duration,
    measure,
    metric_headline,
    metric_words,
)
from study.report import account, final_test_account, outcome_account
from study.report.document import Figure
from study.report.drawing import architecture_svg
from study.report.figures import study_figures
from study.report.figures.outcomes import (
    confirmation_figure,
    confusion_figure,
    reliability_figure,
)
from study.report.page.elements import Child, Markup, tag
from study.report.page.parts import (
    figure,
    figures,
    folded,
    key_numbers,
    literal,
    paragraphs,
    section,
    table,
)
from study.report.study_summary import StudySummary, chosen
from study.report.table import leaderboard
from study.results.describe import (
    architecture_sentence,
    architecture_words,
    headline_choices,
    seed_line,
    size_words,
    space_parameters,
)
from study.results.ranking import best, finished
from study.storage.records import TrialRecord


def header(records: Sequence[TrialRecord], summary: StudySummary) -> Markup:
    """Return the title, what must be known first, and the key numbers."""
    goals = " and ".join(f"{o.direction} {metric_words(o.metric)}" for o in summary.objectives)
    space = f" over the search space {summary.space_name}" if summary.space_name else ""
    return tag(
        "header",
        tag("p", "Neural architecture search study", class_="kicker"),
        tag("h1", summary.name),
        tag("p", f"{goals[:1].upper()}{goals[1:]}{space}.", class_="lead"),
        *(tag("p", notice, class_="notice", role="note") for notice in summary.notices),
        key_numbers(_numbers(records, summary)),
    )


def _numbers(records: Sequence[TrialRecord], summary: StudySummary) -> list[tuple[str, str, str]]:
    winner = best(records, summary.objectives)
    total = account.cost(records, summary)
    wanted = "" if summary.target is None else f"of {summary.target:,} wanted"
    metric = summary.objective.metric
    return [
        _best_number(winner, summary),
        ("Finished trials", f"{finished(records):,}", wanted or "no fixed number wanted"),
        (
            "Epochs trained",
            amount(total.epochs),
            f"{duration(total.training_seconds)} of training",
        ),
        _trusted_number(summary, metric),
    ]


def _best_number(winner: TrialRecord | None, summary: StudySummary) -> tuple[str, str, str]:
    metric = summary.objective.metric
    heading = f"Best {metric_headline(metric).lower()}".replace(" macs", " MACs")
    if winner is None:
        return (heading, "–", "no result yet")
    return (heading, measure(metric, winner.value), f"trial {winner.number}, as the search saw it")


def _trusted_number(summary: StudySummary, metric: str) -> tuple[str, str, str]:
    """Return the most trustworthy figure there is: test, else confirmation, else none."""
    if summary.test is not None and "test_accuracy" in summary.test.over_seeds:
        spread = summary.test.over_seeds["test_accuracy"]
        return ("Test accuracy", measure("", spread.mean), f"look {summary.test.look} at the test")
    if summary.confirmation is not None and summary.confirmation.candidates:
        fresh = summary.confirmation.candidates[0].fresh
        return ("Confirmed", measure(metric, fresh.mean), "mean over fresh seeds")
    return ("Confirmed", "not yet", "the best of many is a lucky figure")


def result(records: Sequence[TrialRecord], summary: StudySummary) -> Markup:
    """Return what was found: the candidate the study stands for, and its drawing."""
    winner = chosen(records, summary)
    sentences = [
        account.found_words(records, summary),
        account.counts_words(records, summary),
        account.cost_words(records, summary) if records else "",
    ]
    if winner is None:
        return section("result", "What was found", paragraphs(sentences))
    kind = "best" if winner is best(records, summary.objectives) else "confirmed"
    words = tag("div", paragraphs(sentences), *_candidate(winner, kind, summary))
    drawing = architecture_svg(winner.architecture)
    return section(
        "result",
        "What was found",
        tag("div", words, Markup(drawing), class_="beside") if drawing else words,
    )


def _candidate(winner: TrialRecord, kind: str, summary: StudySummary) -> list[Child]:
    names = space_parameters([winner], summary.parameters)
    metric = summary.objective.metric
    line = headline_choices(winner, names, metric)
    full = seed_line(winner, names, metric)
    words = architecture_words(winner.architecture)
    return [
        tag("h3", f"{_candidate_heading(kind, summary)}, trial {winner.number}"),
        tag("p", line, class_="seed-line"),
        tag("p", tag("code", words)) if words else None,
        paragraphs([architecture_sentence(winner.architecture), size_words(winner)]),
        folded("All its parameters", paragraphs([full])) if line != full else None,
    ]


def _candidate_heading(kind: str, summary: StudySummary) -> str:
    if len(summary.objectives) > 1 and kind == "best":
        return f"The candidate best by {metric_words(summary.objective.metric)}"
    return f"The {kind} candidate"


def board(records: Sequence[TrialRecord], summary: StudySummary) -> Markup:
    """Return the leaderboard."""
    if not records:
        return Markup("")
    return section(
        "leaderboard",
        "Leaderboard",
        table(account.front_table(records, summary)),
        table(leaderboard(records, summary)),
        table(account.failures_table(records)),
    )


def pictures(records: Sequence[TrialRecord], summary: StudySummary) -> Markup:
    """Return the figures about the search."""
    return section(
        "figures",
        "The search in pictures",
        figures(_search_figures(records, summary)),
    )


def _search_figures(records: Sequence[TrialRecord], summary: StudySummary) -> list[Figure]:
    outcomes = ("confirmation", "confusion", "reliability")
    return [f for f in study_figures(records, summary) if f.name not in outcomes]


def confirmation(summary: StudySummary) -> Markup:
    """Return what fresh seeds said, or that no one has asked them; nothing for such trainings."""
    if summary.trained_for:
        return Markup("")
    found = summary.confirmation
    if found is None:
        text = (
            "Not confirmed yet. The best value of a search is the luckiest of many and promises "
            "too much; training the best candidates again with fresh seeds shows by how much."
        )
        return section("confirmation", "Confirmation", tag("p", text, class_="quiet"))
    plot = confirmation_figure(found)
    return section(
        "confirmation",
        "Confirmation",
        paragraphs(outcome_account.confirmation_words(found)),
        None if plot is None else figure(plot),
        *map(table, outcome_account.confirmation_tables(found)),
    )


def final_test(summary: StudySummary) -> Markup:
    """Return the test's figures and the ledger of looks; nothing for a test's trainings."""
    if summary.trained_for:
        return Markup("")
    found = summary.test
    ledger = [tag("p", account.looks_words(summary)), table(account.looks_table(summary))]
    if found is None:
        return section("test", "Test", *ledger)
    plots = [
        plot for plot in (confusion_figure(found), reliability_figure(found)) if plot is not None
    ]
    return section(
        "test",
        "Test",
        paragraphs(final_test_account.final_test_words(found)),
        tag("div", *(figure(plot) for plot in plots), class_="panels wide"),
        tag("div", *map(table, final_test_account.final_test_tables(found)), class_="panels wide"),
        *ledger,
    )


def method(records: Sequence[TrialRecord], summary: StudySummary) -> Markup:
    """Return what was searched, how, and at what cost."""
    told = account.method_words(summary, len(space_parameters(records, summary.parameters)))
    return section(
        "method",
        "What was searched, how, at what cost",
        paragraphs([told]),
        folded("The search space as it was declared", literal(summary.space_text)),
        table(account.cost_table(records, summary)),
    )


def data_notes(summary: StudySummary) -> Markup:
    """Return what the data checks found."""
    return section("data", "The data", literal(summary.data_notes))


def details(summary: StudySummary) -> Markup:
    """Return settings, versions, hardware, and how to go on."""
    where = tag("p", "Stored in ", tag("code", summary.storage)) if summary.storage else None
    resume = [tag("h3", "Go on with the study"), literal(summary.resume)] if summary.resume else []
    tables = [table(each) for each in account.settings_tables(summary)]
    return section(
        "details",
        "Settings, versions, hardware",
        tag("div", *tables[:1], tag("div", *tables[1:]), class_="panels wide"),
        where,
        *resume,
    )


def contents(body: str) -> Markup:
    """Return links to the sections that are there."""
    links = (
        tag("a", title, href=f"#{anchor}")
        for anchor, title in _CONTENTS
        if f'<section id="{anchor}"' in body
    )
    return tag("nav", *links, aria_label="Sections")


_CONTENTS = (
    ("result", "Found"),
    ("confirmation", "Confirmation"),
    ("test", "Test"),
    ("leaderboard", "Leaderboard"),
    ("figures", "Pictures"),
    ("method", "Method and cost"),
    ("data", "Data"),
    ("details", "Settings"),
)
