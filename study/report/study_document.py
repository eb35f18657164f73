"""A study's report as a document: the result first, then its evidence, then the details."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    describe_metric,
    duration,
    headline,
    listed,
    measure,
    metric_headline,
    moment,
    plain,
)
from study.report.document import (
    Block,
    Code,
    Document,
    Figure,
    Group,
    Heading,
    KeyNumber,
    Paragraph,
    Section,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    table_of,
    text_column,
)
from study.report.leaderboard import failures_table, front_table, leaderboard
from study.report.outcomes import after_search, outcome_sections
from study.report.study_summary import StudySummary, chosen, total_cost
from study.results.describe import (
    architecture_sentence,
    describe_architecture,
    describe_size,
    describe_trial,
    describe_trial_in_full,
    space_parameters,
)
from study.results.ranking import best, continued, distinct, finished, pareto_front
from study.storage.records import TrialRecord

_PLACED_FIGURES = ("network", "confirmation", "confusion", "reliability")
"""Figures that are not in the section with the search in pictures."""


def study_document(
    records: Sequence[TrialRecord],
    summary: StudySummary,
    *,
    figures: Sequence[Figure] = (),
) -> Document:
    """Return the whole report of a study; text formats need no figures."""
    by_name = {figure.name: figure for figure in figures}
    of_the_search = tuple(f for f in figures if f.name not in _PLACED_FIGURES)
    sections = (
        _result(records, summary, by_name.get("network")),
        *outcome_sections(summary, by_name),
        _trials(records, summary),
        Section(
            anchor="figures",
            heading="The search in pictures",
            short="Pictures",
            blocks=of_the_search,
        ),
        _method(records, summary),
        Section(
            anchor="data",
            heading="The data",
            short="Data",
            blocks=blocks_of(Code(text=summary.data_notes)),
        ),
        _details(summary),
    )
    return Document(
        title=summary.name,
        kind="Neural architecture search study",
        lead=f"{summary.goal[:1].upper()}{summary.goal[1:]}.",
        notices=summary.notices,
        numbers=_key_numbers(records, summary),
        sections=tuple(section for section in sections if section.blocks),
    )


def terminal_report(
    records: Sequence[TrialRecord], summary: StudySummary
) -> tuple[Table | Section, ...]:
    """Return the short report for a terminal: the leaderboard and what followed the search."""
    after = Section(
        anchor="after", heading="After the search", blocks=tuple(after_search(summary))
    )
    return (leaderboard(records, summary), after)


def _key_numbers(records: Sequence[TrialRecord], summary: StudySummary) -> tuple[KeyNumber, ...]:
    metric = summary.objective.metric
    winner = best(records, summary.objectives)
    total = total_cost(records, summary)
    return (
        KeyNumber(
            f"Best {metric_headline(metric).lower()}".replace(" macs", " MACs"),
            ABSENT if winner is None else measure(metric, winner.value),
            "no result yet" if winner is None else f"trial {winner.number}, in the search",
        ),
        KeyNumber(
            "Finished trials",
            f"{finished(records):,}",
            "no fixed number" if summary.target is None else f"of {summary.target:,} planned",
        ),
        KeyNumber(
            "Epochs trained",
            amount(total.epochs),
            f"{duration(total.training_seconds)} of training",
        ),
        _confirmed_number(summary),
    )


def _confirmed_number(summary: StudySummary) -> KeyNumber:
    """Return the most reliable figure there is: test, else confirmation, else none."""
    if summary.test is not None and "test_accuracy" in summary.test.over_seeds:
        mean = summary.test.over_seeds["test_accuracy"].mean
        return KeyNumber(
            "Test accuracy", measure("", mean), f"access {summary.test.access} to the test part"
        )
    if summary.confirmation is not None and summary.confirmation.candidates:
        mean = summary.confirmation.candidates[0].fresh.mean
        text = measure(summary.objective.metric, mean)
        return KeyNumber("Confirmed", text, "mean over fresh seeds")
    return KeyNumber("Confirmed", "not yet", "the best value of a search is optimistic")


def _result(
    records: Sequence[TrialRecord], summary: StudySummary, network: Figure | None
) -> Section:
    blocks = blocks_of(
        paragraphs(
            [
                describe_result(records, summary),
                describe_counts(records, summary),
                describe_cost(records, summary) if records else "",
            ]
        ),
        _candidate(records, summary),
        network,
    )
    if network:
        blocks = (Group(layout="beside", blocks=blocks),)
    return Section(anchor="result", heading="What was found", short="Found", blocks=blocks)


def _candidate(records: Sequence[TrialRecord], summary: StudySummary) -> list[Block]:
    winner = chosen(records, summary)
    if winner is None:
        return []
    metric = summary.objective.metric
    if winner is not best(records, summary.objectives):
        heading = "The confirmed candidate"
    elif len(summary.objectives) > 1:
        heading = f"Candidate with the best {describe_metric(metric)}"
    else:
        heading = "The best candidate"
    line = describe_trial(winner, summary.parameters, metric)
    full = describe_trial_in_full(winner, summary.parameters, metric)
    folded = Group(layout="folded", title="All its parameters", blocks=(Paragraph(full),))
    return [
        Heading(f"{heading}, trial {winner.number}"),
        Paragraph(line, "strong"),
        Paragraph(describe_architecture(winner.architecture), "code"),
        Paragraph(architecture_sentence(winner.architecture)),
        Paragraph(describe_size(winner)),
        *([folded] if line != full else []),
    ]


def describe_result(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return in a sentence what the search found so far."""
    if not records:
        return "No trial has begun yet."
    if len(summary.objectives) > 1:
        front = pareto_front(records, summary.objectives)
        names = " and ".join(describe_metric(o.metric) for o in summary.objectives)
        if front:
            return f"{counted(len(front), 'candidate')} on the Pareto front of {names}."
    winner = best(records, summary.objectives)
    if winner is None:
        return "No trial has ended with a result yet."
    metric = summary.objective.metric
    rivals = len(distinct(records))
    among = "the only result so far" if rivals == 1 else f"the best of {rivals} trained candidates"
    return (
        f"Trial {winner.number} has a {describe_metric(metric)} of "
        f"{measure(metric, winner.value)}, {among}."
    )


def describe_counts(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return in a sentence how many trials of each kind there are."""
    trained = len(distinct(records, len(summary.objectives)))
    complete = sum(record.state == "complete" for record in records)
    later = continued(records)
    kinds = [
        (trained, "trained to the end"),
        (complete - trained, "reused as duplicates"),
        (sum(r.state == "pruned" and r.number not in later for r in records), "pruned"),
        (len(later), "pruned and continued later"),
        (sum(r.state == "failed" and not r.lost for r in records), "failed"),
        (sum(r.lost for r in records), "lost to a crash or an interruption"),
        (sum(r.state == "running" for r in records), "running"),
        (sum(r.state == "waiting" for r in records), "waiting"),
    ]
    parts = listed([f"{count} {kind}" for count, kind in kinds if count])
    planned = "" if summary.target is None else f" of {summary.target:,} planned"
    start = f"{counted(finished(records), 'finished trial')}{planned}"
    return f"{start}: {parts}." if parts else f"{start}."


def describe_cost(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return in a sentence what the study cost."""
    total = total_cost(records, summary)
    training = f"{amount(total.epochs)} epochs of training, {duration(total.training_seconds)}"
    if not summary.processes:
        return f"It cost {training}."
    workers = sum(not process.fixed for process in summary.processes)
    processes = counted(workers, "process", "processes")
    return f"It cost {training}, by {processes} in {duration(total.seconds)} of process time."


def _trials(records: Sequence[TrialRecord], summary: StudySummary) -> Section:
    blocks = blocks_of(
        front_table(records, summary),
        leaderboard(records, summary) if records else None,
        failures_table(records),
    )
    return Section(anchor="leaderboard", heading="Leaderboard", blocks=blocks)


def _method(records: Sequence[TrialRecord], summary: StudySummary) -> Section:
    space = Group(
        layout="folded",
        title="The search space in YAML",
        blocks=blocks_of(Code(text=summary.space_text, language="yaml")),
    )
    return Section(
        anchor="method",
        heading="What was searched, how, at what cost",
        short="Method and cost",
        blocks=blocks_of(
            Paragraph(describe_method(records, summary)), space, _cost_table(records, summary)
        ),
    )


def describe_method(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return in a few sentences how the study searched; empty if the settings do not say."""
    settings = summary.settings
    parameters = len(space_parameters(records, summary.parameters))
    space = f"The search space {summary.space_name}" if summary.space_name else "It"
    sentences = [f"{space} has {counted(parameters, 'parameter')}."] if parameters else []
    if "sampler" in settings and "estimator" in settings:
        pruner = str(settings.get("pruner") or "none")
        stopped = "none was stopped early" if pruner == "none" else f"{pruner} stopped some early"
        sentences.append(
            f"The sampler {settings['sampler']} chose the candidates, the estimator "
            f"{settings['estimator']} scored them, {stopped}."
        )
    if "dataset" in settings:
        split = f", split {settings['split']}" if "split" in settings else ""
        sentences.append(f"Data: {settings['dataset']}{split}.")
    return " ".join(sentences)


def _cost_table(records: Sequence[TrialRecord], summary: StudySummary) -> Table | None:
    """Return what each process spent, and the sum; None if no process stored it."""
    if not summary.processes:
        return None
    return table_of(
        "What each process spent",
        [*summary.processes, total_cost(records, summary)],
        (text_column("Process"), lambda p: p.label),
        (text_column("Joined", 1), lambda p: moment(p.started)),
        (number_column("Wall clock"), lambda p: duration(p.seconds)),
        (number_column("Training"), lambda p: duration(p.training_seconds)),
        (number_column("Trials"), lambda p: f"{p.trials:,}"),
        (number_column("Epochs"), lambda p: amount(p.epochs)),
        strong={len(summary.processes)},
    )


def _details(summary: StudySummary) -> Section:
    tables = Group(
        layout="panels",
        blocks=blocks_of(
            settings_table(summary, caption="Settings"),
            _pairs("Versions", "Package", "Version", summary.versions, heading=str),
            _pairs("Hardware", "Part", "What it is", summary.hardware),
        ),
    )
    return Section(
        anchor="details",
        heading="Settings, versions, hardware",
        short="Settings",
        blocks=blocks_of(
            tables,
            Paragraph(f"Stored in {summary.storage}" if summary.storage else ""),
            how_to_continue(summary),
        ),
    )


def settings_table(summary: StudySummary, *, caption: str = "") -> Table:
    """Return every setting of the study."""
    return _pairs(caption, "Setting", "Value", summary.settings)


def how_to_continue(summary: StudySummary) -> list[Block]:
    """Return the command that continues the study, under a heading."""
    if not summary.resume:
        return []
    return [Heading("Continue the study"), Code(text=summary.resume, language="sh")]


def _pairs(
    caption: str,
    left: str,
    right: str,
    pairs: Mapping[str, Any],
    heading: Callable[[str], str] = headline,
) -> Table:
    return table_of(
        caption,
        pairs.items(),
        (text_column(left), lambda pair: heading(pair[0])),
        (text_column(right), lambda pair: plain(pair[1])),
    )
