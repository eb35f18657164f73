"""Comparisons of samplers and of stored studies as sections, a figure and a CSV file."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from study.benchmarking.games import DIGITS
from study.benchmarking.study_comparison import StudyComparison, StudyCurve
from study.benchmarking.table_comparison import Curve, SamplerResult, TableComparison
from study.common.formats import (
    ABSENT,
    SMALLEST,
    Form,
    amount,
    counted,
    decimals,
    describe_metric,
    form_of,
    in_plot,
    measure,
    signed,
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
    text_column,
)
from study.statistics.significance import Pair

if TYPE_CHECKING:
    import plotly.graph_objects as go

SIGNIFICANT = 0.05
"""A corrected p-value below it names the better of two."""
_SMALLEST_POINTS = 0.01
"""Bottom of the axis of regrets, in percentage points."""
_SMALLEST_SHARE = 1e-3
"""Bottom of the axis in another unit, or where all regrets are small: share of the largest."""
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

    def row(result: SamplerResult) -> tuple[str, ...]:
        return (
            result.sampler,
            *(form(result.curve.mean[n - 1]) for n in comparison.milestones),
            _range(result.curve, form),
            form(result.area.mean[0]),
            _range(result.area, form),
        )

    return Table(
        caption=f"Mean regret after each number of trials, in {unit}; area: mean over all trials",
        columns=(
            text_column("Sampler"),
            *(number_column(str(n), 2) for n in comparison.milestones[:-1]),
            number_column(str(comparison.milestones[-1])),
            number_column("95 %", 1),
            number_column("Area"),
            number_column("95 %", 1),
        ),
        rows=tuple(map(row, comparison.results)),
    )


def _form(comparison: TableComparison) -> Form:
    return form_of(comparison.largest, in_points=comparison.in_points)


def _range(curve: Curve, form: Form) -> str:
    """Return the interval at the end of a curve."""
    return f"{form(curve.low[-1])} to {form(curve.high[-1])}"


def _tests_of_samplers(comparison: TableComparison) -> Table:
    areas = {(pair.first, pair.second): pair for pair in comparison.over_all}
    form = _form(comparison)

    def tested(pair: Pair) -> tuple[str, str, str]:
        return signed(form, pair.difference), _p_value(pair), _better(pair)

    return Table(
        caption=(
            f"Wilcoxon's signed-rank test over {counted(len(comparison.seeds), 'seed')}, Holm's"
            f" correction over {counted(len(areas), 'pair')}; differences of mean regret, first"
            " minus second"
        ),
        columns=(
            text_column("First"),
            text_column("Second"),
            number_column(f"At {comparison.trials}"),
            number_column("p"),
            text_column("Better"),
            number_column("Area", 1),
            number_column("p", 1),
            text_column("Better", 1),
        ),
        rows=tuple(
            (pair.first, pair.second, *tested(pair), *tested(areas[pair.first, pair.second]))
            for pair in comparison.at_the_end
        ),
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
    return Table(
        caption="Median time of a proposal on this machine, in milliseconds",
        columns=(text_column("Sampler"), number_column("Median"), number_column("Proposals")),
        rows=tuple(
            (result.sampler, f"{1000 * result.ask:.2f}", f"{result.asks:,}")
            for result in comparison.results
            if result.ask is not None
        ),
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
    from study.report.figures.kit import axis, blank, whole_axis

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
    from study.report.figures.kit import ACCENT, BEST, DUPLICATE, FAILED, INK, MARK, PRUNED

    colours = (ACCENT, BEST, PRUNED, DUPLICATE, FAILED, INK, MARK)
    line = {
        "color": colours[index % len(colours)],
        "dash": _DASHES[index // len(colours) % len(_DASHES)],
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
    milestones = _milestones(comparison.trials)
    key = comparison.measure.key

    def row(curve: StudyCurve) -> tuple[str, ...]:
        return (
            curve.name,
            curve.strategy,
            str(curve.seed),
            *(measure(key, curve.best[n]) for n in milestones),
            measure(key, curve.best[-1]),
            str(curve.trials),
            amount(curve.epochs),
        )

    return Table(
        caption=(
            f"Best {describe_metric(key)} after each number of trials; all have"
            f" {counted(comparison.trials, 'trial')} or more"
        ),
        columns=(
            text_column("Study"),
            text_column("Strategy"),
            number_column("Seed", 1),
            *(number_column(str(n), 2) for n in milestones),
            number_column("All"),
            number_column("Trials"),
            number_column("Epochs", 1),
        ),
        rows=tuple(map(row, comparison.curves)),
    )


def _tests_of_strategies(comparison: StudyComparison) -> Table:
    better = "larger" if comparison.measure.maximise else "smaller"
    seeds = ", ".join(map(str, comparison.seeds))
    return Table(
        caption=(
            f"Wilcoxon's signed-rank test over the seeds {seeds}, Holm's correction; loss after"
            f" {comparison.trials} trials, first minus second; a {better}"
            f" {describe_metric(comparison.measure.key)} is a smaller loss"
        ),
        columns=(
            text_column("First"),
            text_column("Second"),
            number_column("Difference"),
            number_column("p"),
            text_column("Better"),
        ),
        rows=tuple(
            (p.first, p.second, f"{p.difference:+.4f}", _p_value(p), _better(p))
            for p in comparison.pairs
        ),
    )
