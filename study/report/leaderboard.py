"""Tables of trials: the leaderboard, the Pareto front, the failures."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    describe_metric,
    headline,
    measure,
    metric_headline,
    short,
    tenths,
    value,
    whole,
)
from study.report.document import Column, Table, number_column, table_of, text_column
from study.report.study_summary import StudySummary
from study.results.describe import (
    describe_architecture,
    describe_choices,
    describe_recipe,
    describe_state,
    is_large_space,
    space_parameters,
)
from study.results.ranking import RankedTrial, pareto_front, rank_trials
from study.storage.records import TrialRecord, ranges

Field = tuple[Column, Callable[[RankedTrial], str]]


def leaderboard(records: Sequence[TrialRecord], summary: StudySummary) -> Table:
    """Return every trial, best first."""
    shown = rank_trials(records, summary.objectives)
    goals = " and ".join(
        f"{describe_metric(o.metric)}, {o.direction}d" for o in summary.objectives
    )
    worth = "; estimates, no trainings" if summary.caution else ""
    return table_of(
        f"{summary.name}: {counted(len(records), 'trial')}; {goals}{worth}",
        shown,
        (number_column("Rank"), lambda r: ABSENT if r.rank is None else str(r.rank)),
        (number_column("Trial"), lambda r: str(r.record.number)),
        *_choice_fields(records, summary),
        *(_value_field(index, o.metric) for index, o in enumerate(summary.objectives)),
        *_size_fields(summary),
        (number_column("Epochs", 2), lambda r: amount(r.record.epochs)),
        (number_column("Seconds", 2), lambda r: tenths(r.record.seconds)),
        (text_column("State"), lambda r: describe_state(r.record)),
        strong=(i for i, ranked in enumerate(shown) if ranked.rank == 1),
    )


def _choice_fields(records: Sequence[TrialRecord], summary: StudySummary) -> list[Field]:
    """Return a field for each parameter; for a large space, the architecture and the recipe."""
    parameters = space_parameters(records, summary.parameters)
    if not is_large_space(parameters):
        return [_parameter_field(name, records) for name in parameters]
    return [
        (
            text_column("Architecture"),
            lambda r: describe_architecture(r.record.architecture) or ABSENT,
        ),
        (text_column("Recipe", 4), lambda r: describe_recipe(r.record.params) or ABSENT),
    ]


def _parameter_field(name: str, records: Sequence[TrialRecord]) -> Field:
    choices = [record.params[name] for record in records if name in record.params]
    numeric = all(isinstance(c, (int, float)) and not isinstance(c, bool) for c in choices)
    column = Column(heading=headline(name), numeric=numeric)
    return column, lambda r: value(r.record.params.get(name))


def _value_field(index: int, metric: str) -> Field:
    def cell(ranked: RankedTrial) -> str:
        numbers = ranked.record.objectives
        return measure(metric, numbers[index] if index < len(numbers) else None)

    return number_column(metric_headline(metric)), cell


def _size_fields(summary: StudySummary) -> list[Field]:
    """Return the network's sizes, without those that are objectives and have a column already."""
    sizes: dict[str, Field] = {
        "parameters": (number_column("Parameters", 1), lambda r: whole(r.record.parameters)),
        "macs": (number_column("MACs", 3), lambda r: short(r.record.macs)),
    }
    objectives = {objective.metric for objective in summary.objectives}
    return [field for name, field in sizes.items() if name not in objectives]


def front_table(records: Sequence[TrialRecord], summary: StudySummary) -> Table | None:
    """Return the Pareto front by the first objective; None for one objective."""
    if len(summary.objectives) < 2:
        return None
    front = pareto_front(records, summary.objectives)
    return table_of(
        "The Pareto front: no other candidate is better in one and as good in the rest",
        [RankedTrial(record=record, rank=1) for record in front],
        (number_column("Trial"), lambda r: str(r.record.number)),
        *(_value_field(index, o.metric) for index, o in enumerate(summary.objectives)),
        (text_column("Network"), lambda r: describe_architecture(r.record.architecture) or ABSENT),
        (
            text_column("What was chosen", 1),
            lambda r: describe_choices(r.record, summary.parameters),
        ),
    )


def failures_table(records: Sequence[TrialRecord]) -> Table:
    """Return the kinds of failures and of losses, the most frequent first."""
    kinds: dict[str, list[TrialRecord]] = {}
    for record in records:
        if record.state == "failed":
            kind = "unknown" if record.failure is None else record.failure.kind or "unknown"
            kinds.setdefault(kind, []).append(record)
    return table_of(
        "Trials that failed, and trials that were lost and run again",
        sorted(kinds.items(), key=lambda item: -len(item[1])),
        (
            text_column("Kind"),
            lambda item: f"{item[0]}, {'lost' if item[1][-1].lost else 'failed'}",
        ),
        (number_column("Trials"), lambda item: f"{len(item[1]):,}"),
        (text_column("Which"), lambda item: ranges(record.number for record in item[1])),
        (text_column("Message of the last one"), lambda item: _message(item[1][-1]) or ABSENT),
    )


def _message(record: TrialRecord) -> str:
    return "" if record.failure is None else " ".join(record.failure.text.split())
