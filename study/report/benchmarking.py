"""Comparisons of samplers, comparisons of studies, and replays, as sections, figure and CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import plotly.graph_objects as go

from study.benchmarking.games import DIGITS
from study.benchmarking.replay import ORIGINS, ReplayResult
from study.benchmarking.study_comparison import StudyComparison, StudyCurve
from study.benchmarking.table_comparison import SamplerResult, TableComparison
from study.common.formats import (
    ABSENT,
    amount,
    counted,
    decimals,
    describe_metric,
    headline,
    in_plot,
    listed,
    measure,
    value,
)
from study.report.document import (
    Document,
    Figure,
    Paragraph,
    Section,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    table_of,
    text_column,
)
from study.report.figures.kit import (
    axis,
    blank,
    whole_axis,
)
from study.report.palette import LIGHT
from study.statistics.ranks import MeanCurve
from study.statistics.significance import Pair
from study.storage.records import Draw, TrialRecord

Form = Callable[[float], str]
"""Returns a number as text."""

SMALLEST = 0.1
"""Regrets below this limit need more than three decimals."""
SIGNIFICANT = 0.05
"""A corrected p-value below it names the better of two."""
_SMALLEST_POINTS = 0.01
"""Bottom of the axis of regrets, in percentage points."""
_SMALLEST_SHARE = 1e-3
"""Bottom of the axis in another unit, or where all regrets are small: share of the largest."""
_COLOURS = tuple(
    LIGHT[role] for role in ("accent", "best", "pruned", "duplicate", "failed", "ink", "mark")
)
_DASHES = ("solid", "dash", "dot", "dashdot")


def table_comparison_section(comparison: TableComparison) -> Section:
    """Return the result of a match, without times, which differ from run to run."""
    seeds = comparison.seeds
    played = (
        f"{comparison.table}: {counted(comparison.points, 'point')},"
        f" {counted(comparison.candidates, 'candidate')};"
        f" {counted(len(seeds), 'paired seed')} ({seeds[0]} to {seeds[-1]}),"
        f" {counted(comparison.trials, 'trial')} each"
    )
    tests = _tests_of_samplers(comparison) if len(seeds) > 1 else None
    return Section(
        anchor="comparison",
        heading="Comparison of samplers",
        blocks=blocks_of(Paragraph(played), _regrets(comparison), tests),
    )


def _regrets(comparison: TableComparison) -> Table:
    unit = "percentage points" if comparison.in_points else "the unit of the table"
    form = _form(comparison)
    *early, last = comparison.milestones

    def after(trial: int) -> Callable[[SamplerResult], str]:
        return lambda result: form(result.curve.mean[trial - 1])

    return table_of(
        f"Mean regret after each number of trials, in {unit}; area: mean over all trials",
        comparison.results,
        (text_column("Sampler"), lambda result: result.sampler),
        *((number_column(str(trial), 2), after(trial)) for trial in early),
        (number_column(str(last)), after(last)),
        (number_column("95 %", 1), lambda result: _range(result.curve, form)),
        (number_column("Area"), lambda result: form(result.area.mean[0])),
        (number_column("95 %", 1), lambda result: _range(result.area, form)),
    )


def _form(comparison: TableComparison) -> Form:
    """Return the format of regrets: points with three decimals, others with four digits."""
    if comparison.in_points and comparison.largest >= SMALLEST:
        return "{:.3f}".format
    return "{:.4g}".format


def _signed(form: Form, number: float) -> str:
    return form(number) if number < 0 else f"+{form(abs(number))}"


def _range(curve: MeanCurve, form: Form) -> str:
    """Return the interval at the end of a curve."""
    return f"{form(curve.low[-1])} to {form(curve.high[-1])}"


def _tests_of_samplers(comparison: TableComparison) -> Table:
    form = _form(comparison)
    areas = {(pair.first, pair.second): pair for pair in comparison.over_all}
    return table_of(
        f"Wilcoxon's signed-rank test over {counted(len(comparison.seeds), 'seed')}, Holm's"
        f" correction over {counted(len(areas), 'pair')}; differences of mean regret, first"
        " minus second",
        [(pair, areas[pair.first, pair.second]) for pair in comparison.at_the_end],
        (text_column("First"), lambda pairs: pairs[0].first),
        (text_column("Second"), lambda pairs: pairs[0].second),
        (
            number_column(f"At {comparison.trials}"),
            lambda pairs: _signed(form, pairs[0].difference),
        ),
        (number_column("p"), lambda pairs: _p_value(pairs[0])),
        (text_column("Better"), lambda pairs: _better(pairs[0])),
        (number_column("Area", 1), lambda pairs: _signed(form, pairs[1].difference)),
        (number_column("p", 1), lambda pairs: _p_value(pairs[1])),
        (text_column("Better", 1), lambda pairs: _better(pairs[1])),
    )


def _better(pair: Pair) -> str:
    if pair.corrected >= SIGNIFICANT or pair.difference == 0:
        return ABSENT
    return pair.first if pair.difference < 0 else pair.second


def _p_value(pair: Pair) -> str:
    return f"{pair.corrected:.3f}" if pair.corrected >= 0.001 else f"{pair.corrected:.0e}"


def table_comparison_document(comparison: TableComparison) -> Document:
    """Return the result of a match with its figure."""
    section = table_comparison_section(comparison)
    return Document(
        title=f"Samplers on {comparison.table}",
        kind="comparison of samplers",
        sections=(replace(section, blocks=(*section.blocks, regret_figure(comparison))),),
    )


def times_table(comparison: TableComparison) -> Table:
    """Return the median time of a proposal of each sampler."""
    return table_of(
        "Median time of a proposal on this machine, in milliseconds",
        [result for result in comparison.results if result.ask is not None],
        (text_column("Sampler"), lambda result: result.sampler),
        (number_column("Median"), lambda result: f"{1000 * (result.ask or 0):.2f}"),
        (number_column("Proposals"), lambda result: f"{result.asks:,}"),
    )


def curves_csv(comparison: TableComparison) -> str:
    """Return the mean regret of every sampler after each trial, with its band, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("sampler", "trial", "mean", "low", "high"))
    for result in comparison.results:
        curve = result.curve
        for trial, row in enumerate(zip(curve.mean, curve.low, curve.high, strict=True), start=1):
            cells = (f"{number:.{decimals(number, DIGITS)}f}" for number in row)
            writer.writerow((result.sampler, trial, *cells))
    return out.getvalue()


def regret_figure(comparison: TableComparison) -> Figure:
    """Return the mean regret of every sampler over the trials, on a logarithmic axis."""
    unit = "points" if comparison.in_points else "the unit of the table"
    trials = range(1, comparison.trials + 1)
    plot = blank(
        x=whole_axis("Trials", trials),
        y=axis(f"Mean regret in {unit}", type="log"),
        height=460,
    )
    for index, result in enumerate(comparison.results):
        _add_curve(plot, index, result, list(trials), floor=_floor(comparison))
    form = _form(comparison)
    return Figure(
        name="regret",
        title=f"Mean regret: {comparison.table}, {len(comparison.seeds)} seeds",
        text="; ".join(
            f"{result.sampler}: {form(result.curve.mean[-1])} after {comparison.trials} trials"
            for result in comparison.results
        ),
        plot=plot,
    )


def _floor(comparison: TableComparison) -> float:
    largest = comparison.largest
    in_points = comparison.in_points and largest >= SMALLEST
    return _SMALLEST_POINTS if in_points or not largest else largest * _SMALLEST_SHARE


def _add_curve(
    plot: go.Figure, index: int, result: SamplerResult, trials: list[int], *, floor: float
) -> None:
    """Add the mean of a sampler as a line and its band as an area; zeros are on the floor."""
    line = {
        "color": _COLOURS[index % len(_COLOURS)],
        "dash": _DASHES[index // len(_COLOURS) % len(_DASHES)],
    }
    curve = result.curve
    mean, low, high = (
        [max(number, floor) for number in numbers]
        for numbers in (curve.mean, curve.low, curve.high)
    )
    group = {"legendgroup": str(index), "hoverinfo": "skip", "showlegend": False}
    plot.add_scatter(
        x=[*trials, *reversed(trials)],
        y=[*high, *reversed(low)],
        mode="none",
        fill="toself",
        fillcolor=line["color"],
        opacity=0.13,
        **group,
    )
    name = in_plot(result.sampler)
    plot.add_scatter(
        x=trials,
        y=mean,
        mode="lines",
        line={**line, "width": 2},
        name=name,
        legendgroup=str(index),
        hovertemplate=f"{name}<br>trial %{{x}}: %{{y:.4g}}<extra></extra>",
    )


def study_comparison_section(comparison: StudyComparison) -> Section:
    """Return stored studies side by side."""
    no_test = (
        "No test: a test needs two strategies or more with two common seeds or more, and a result"
        " of each study by the last common trial."
    )
    return Section(
        anchor="comparison",
        heading="Comparison of studies",
        blocks=blocks_of(
            _best_values(comparison),
            _tests_of_strategies(comparison) if comparison.pairs else Paragraph(no_test, "quiet"),
            paragraphs((f"note: {note}" for note in comparison.notes), "notice"),
        ),
    )


def _milestones(trials: int) -> tuple[int, ...]:
    """Return the quarters of the common trials, not below the first trial."""
    quarters = (round(trials * quarter / 4) for quarter in (1, 2, 3, 4))
    return tuple(sorted({max(min(1, trials), quarter) for quarter in quarters}))


def _best_values(comparison: StudyComparison) -> Table:
    key = comparison.measure.metric

    def best_after(trial: int) -> Callable[[StudyCurve], str]:
        return lambda curve: measure(key, curve.best[trial])

    return table_of(
        f"Best {describe_metric(key)} after each number of trials; all have"
        f" {counted(comparison.trials, 'trial')} or more",
        comparison.curves,
        (text_column("Study"), lambda curve: curve.name),
        (text_column("Strategy"), lambda curve: curve.strategy),
        (number_column("Seed", 1), lambda curve: str(curve.seed)),
        *((number_column(str(n), 2), best_after(n)) for n in _milestones(comparison.trials)),
        (number_column("All"), best_after(-1)),
        (number_column("Trials"), lambda curve: str(curve.trials)),
        (number_column("Epochs", 1), lambda curve: amount(curve.epochs)),
    )


def _tests_of_strategies(comparison: StudyComparison) -> Table:
    better = "larger" if comparison.measure.maximise else "smaller"
    seeds = ", ".join(map(str, comparison.seeds))
    return table_of(
        f"Wilcoxon's signed-rank test over the seeds {seeds}, Holm's correction; loss after"
        f" {comparison.trials} trials, first minus second; a {better}"
        f" {describe_metric(comparison.measure.metric)} is a smaller loss",
        comparison.pairs,
        (text_column("First"), lambda pair: pair.first),
        (text_column("Second"), lambda pair: pair.second),
        (number_column("Difference"), lambda pair: f"{pair.difference:+.4f}"),
        (number_column("p"), _p_value),
        (text_column("Better"), _better),
    )


def draws_table(study: str, records: Sequence[TrialRecord], *, metric: str) -> Table:
    """Return the sequence of draws in number order, each with what was known when it was made."""
    draws = [(record, record.draw) for record in records if record.draw is not None]
    return table_of(
        f"{study}: {counted(len(records), 'draw')} in the order they were made",
        draws,
        (number_column("Trial"), lambda drawn: str(drawn[0].number)),
        (number_column("Index"), lambda drawn: str(drawn[1].sequence_index)),
        (text_column("Drawn"), lambda drawn: _origin(drawn[1])),
        (number_column("Redraws", 3), lambda drawn: str(drawn[1].attempt)),
        (text_column("Finished", 2), lambda drawn: drawn[1].seen or ABSENT),
        (text_column("Running", 2), lambda drawn: drawn[1].running or ABSENT),
        (text_column("Candidate"), lambda drawn: _candidate(drawn[0])),
        (text_column("Result"), lambda drawn: _result(drawn[0], metric)),
    )


def _candidate(record: TrialRecord) -> str:
    return ", ".join(f"{headline(name)} {value(choice)}" for name, choice in record.params.items())


def _origin(draw: Draw) -> str:
    if draw.retry_of is not None:
        return f"repeats trial {draw.retry_of}"
    if draw.continues is not None:
        return f"continues trial {draw.continues}"
    return ORIGINS.get(draw.source, draw.source)


def _result(record: TrialRecord, metric: str) -> str:
    if record.state != "complete":
        return "lost" if record.lost else record.state
    reached = measure(metric, record.objectives[0])
    return (
        reached if record.reused_from is None else f"{reached}, duplicate of {record.reused_from}"
    )


def replay_section(result: ReplayResult) -> Section:
    """Return whether every repeated draw is the same, or the first that is not."""
    blocks = blocks_of(paragraphs(_describe_replay(result)))
    return Section(anchor="replay", heading="Replay", blocks=blocks)


def _describe_replay(result: ReplayResult) -> list[str]:
    draws, different = result.draws, result.different
    if different is not None:
        same = counted(len(draws) - 1, "draw")
        return [
            f"{result.study}: trial {different.number} (sequence index"
            f" {different.sequence_index}) differs from the repeated draw, after {same} that are"
            " the same",
            *different.differences,
        ]
    origins = Counter(draw.origin for draw in draws)
    parts = listed([f"{count} {origin}" for origin, count in origins.items()])
    found = f"{result.study}: {counted(len(draws), 'draw')}, the same bit for bit"
    return [f"{found}: {parts}" if draws else found]
