"""What a search found and what it cost, as sentences and tables that every format shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    duration,
    headline,
    listed,
    measure,
    metric_headline,
    metric_words,
    moment,
    plain,
)
from study.report.study_summary import Process, StudySummary
from study.report.table import Table
from study.results.describe import architecture_words, choice_words, space_parameters
from study.results.ranking import best, continued, distinct, finished, pareto_front
from study.storage.records import TrialRecord, ranges


def found_words(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return what the search found so far, in a sentence."""
    if not records:
        return "No trial has begun yet."
    objectives = len(summary.objectives)
    if objectives > 1:
        front = pareto_front(records, summary.objectives)
        if not front:
            return "No trial has ended with a result yet."
        names = " and ".join(metric_words(o.metric) for o in summary.objectives)
        return f"{counted(len(front), 'candidate')} on the Pareto front of {names}."
    winner = best(records, summary.objectives)
    if winner is None:
        return "No trial has ended with a result yet."
    metric = summary.objective.metric
    rivals = len(distinct(records))
    among = "the only result so far" if rivals == 1 else f"the best of {rivals} trained candidates"
    return (
        f"Trial {winner.number} has a {metric_words(metric)} of "
        f"{measure(metric, winner.value)}, {among}."
    )


def counts_words(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return how many trials there are of each kind, in a sentence."""
    trained = len(distinct(records, len(summary.objectives)))
    complete = sum(record.state == "complete" for record in records)
    later = continued(records)
    kinds = [
        (trained, "trained to the end"),
        (complete - trained, "reused as twins"),
        (sum(r.state == "pruned" and r.number not in later for r in records), "pruned"),
        (len(later), "pruned and continued later"),
        (sum(r.state == "failed" and not r.lost for r in records), "failed"),
        (sum(r.lost for r in records), "lost to a crash or an interruption"),
        (sum(r.state == "running" for r in records), "running"),
        (sum(r.state == "waiting" for r in records), "waiting"),
    ]
    told = listed([f"{count} {kind}" for count, kind in kinds if count])
    wanted = "" if summary.target is None else f" of {summary.target:,} wanted"
    return f"{counted(finished(records), 'finished trial')}{wanted}" + (
        f": {told}." if told else "."
    )


def method_words(summary: StudySummary, parameters: int) -> str:
    """Return how was searched, in a sentence or two; empty where the settings do not say.

    Args:
        summary: The study.
        parameters: How many parameters the space has.
    """
    settings = summary.settings
    space = f"The search space {summary.space_name} has " if summary.space_name else "It has "
    told = [f"{space}{counted(parameters, 'parameter')}."] if parameters else []
    if "sampler" in settings and "estimator" in settings:
        pruner = str(settings.get("pruner") or "none")
        stopped = "none was stopped early" if pruner == "none" else f"{pruner} stopped some early"
        told.append(
            f"The sampler {settings['sampler']} chose the candidates, the estimator "
            f"{settings['estimator']} scored them, {stopped}."
        )
    if "dataset" in settings:
        split = f", split {settings['split']}" if "split" in settings else ""
        told.append(f"Data: {settings['dataset']}{split}.")
    return " ".join(told)


def cost(records: Sequence[TrialRecord], summary: StudySummary) -> Process:
    """Return what the whole study cost: the ledger's sum, or the trials' where there is none.

    ``trials`` counts the trials that spent training; ``seconds`` is the sum of the processes'
    wall clocks.
    """
    ledger = summary.processes
    if not ledger:
        return Process(
            label="All",
            trials=sum(record.epochs > 0 for record in records),
            epochs=sum(record.epochs - record.restored for record in records),
            training_seconds=sum(record.seconds for record in records),
        )
    return Process(
        label="All",
        seconds=sum(process.seconds for process in ledger),
        trials=sum(process.trials for process in ledger),
        epochs=sum(process.epochs for process in ledger),
        training_seconds=sum(process.training_seconds for process in ledger),
    )


def cost_words(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return what the study cost, in a sentence."""
    total = cost(records, summary)
    spent = f"{amount(total.epochs)} epochs of training, {duration(total.training_seconds)}"
    if not summary.processes:
        return f"It cost {spent}."
    workers = sum(not process.fixed for process in summary.processes)
    processes = counted(workers, "process", "processes")
    return f"It cost {spent}, by {processes} in {duration(total.seconds)} of process time."


def cost_table(records: Sequence[TrialRecord], summary: StudySummary) -> Table | None:
    """Return the cost ledger, a line for each process and their sum; None without one."""
    if not summary.processes:
        return None
    lines = [*summary.processes, cost(records, summary)]
    return Table(
        caption="What each process spent",
        headers=("Process", "Joined", "Wall clock", "Training", "Trials", "Epochs"),
        rows=tuple(
            (
                line.label,
                moment(line.started),
                duration(line.seconds),
                duration(line.training_seconds),
                f"{line.trials:,}",
                amount(line.epochs),
            )
            for line in lines
        ),
        numeric=frozenset({2, 3, 4, 5}),
        strong=frozenset({len(lines) - 1}),
    )


def front_table(records: Sequence[TrialRecord], summary: StudySummary) -> Table | None:
    """Return the Pareto front, by the first objective; None for one objective."""
    front = pareto_front(records, summary.objectives)
    if len(summary.objectives) < 2 or not front:
        return None
    metrics = [objective.metric for objective in summary.objectives]
    names = space_parameters(front, summary.parameters)
    return Table(
        caption="The Pareto front: no other candidate is better in one and as good in the rest",
        headers=("Trial", *map(metric_headline, metrics), "Network", "What was chosen"),
        rows=tuple(
            (
                str(record.number),
                *(measure(m, n) for m, n in zip(metrics, record.objectives, strict=True)),
                architecture_words(record.architecture) or ABSENT,
                choice_words(record, names),
            )
            for record in front
        ),
        numeric=frozenset(range(len(metrics) + 1)),
    )


def failures_table(records: Sequence[TrialRecord]) -> Table | None:
    """Return the kinds of failures and of losses, the most frequent first; None without any."""
    failed = [record for record in records if record.state == "failed"]
    kinds: dict[str, list[TrialRecord]] = {}
    for record in failed:
        kinds.setdefault("" if record.failure is None else record.failure.kind, []).append(record)
    if not failed:
        return None
    return Table(
        caption="Trials that failed, and trials that were lost and run again",
        headers=("Kind", "Trials", "Which", "What the last one said"),
        rows=tuple(
            _failure_row(kind, group)
            for kind, group in sorted(kinds.items(), key=lambda item: -len(item[1]))
        ),
        numeric=frozenset({1}),
    )


def _failure_row(kind: str, group: Sequence[TrialRecord]) -> tuple[str, ...]:
    last = group[-1].failure
    return (
        f"{kind or 'not known'}, {'lost' if group[-1].lost else 'failed'}",
        f"{len(group):,}",
        ranges(record.number for record in group),
        ABSENT if last is None else " ".join(last.text.split()) or ABSENT,
    )


def looks_words(summary: StudySummary) -> str:
    """Return how often the test part was looked at, in a sentence."""
    count = len(summary.looks)
    if count == 0:
        return "The test part has never been opened."
    if count == 1:
        return "The test part was opened once."
    return (
        f"The test part was opened {count} times. Figures of every look but the first may have "
        "been chosen by earlier ones."
    )


def looks_table(summary: StudySummary) -> Table | None:
    """Return the test ledger; None where the test part was never opened."""
    if not summary.looks:
        return None
    return Table(
        caption="Every look at the test part",
        headers=("Look", "When", "Candidate", "Trained on", "Code"),
        rows=tuple(
            (
                str(number),
                moment(look.when),
                look.candidate_id or ABSENT,
                look.fit_on or ABSENT,
                look.code_version or ABSENT,
            )
            for number, look in enumerate(summary.looks, 1)
        ),
        numeric=frozenset({0}),
    )


def settings_tables(summary: StudySummary) -> list[Table]:
    """Return settings, versions and hardware, as far as they are known."""
    tables = [
        _pairs("Settings", "Setting", "Value", summary.settings),
        _pairs("Versions", "Package", "Version", summary.versions, heading=str),
        _pairs("Hardware", "Part", "What it is", summary.hardware),
    ]
    return [table for table in tables if table is not None]


def _pairs(
    caption: str,
    left: str,
    right: str,
    pairs: Mapping[str, Any],
    heading: Any = headline,
) -> Table | None:
    rows = tuple((heading(name), plain(stored)) for name, stored in pairs.items())
    return Table(caption=caption, headers=(left, right), rows=rows) if rows else None
