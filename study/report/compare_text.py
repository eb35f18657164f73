"""A comparison in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.benchmarking.summary import Comparison
from study.common.formats import counted
from study.common.numbers import Form, signed
from study.report.table import Table, as_text
from study.statistics.ranks import Band
from study.statistics.significance import Pair

SURE = 0.05
"""A corrected p-value below it is called a difference."""


def comparison_text(comparison: Comparison) -> str:
    """Return what is told of a comparison but for times, which differ from run to run."""
    tables = [as_text(results_table(comparison))]
    if comparison.at_the_end and len(comparison.seeds) > 1:
        tables.append(as_text(pairs_table(comparison)))
    return "\n".join([_head(comparison), *tables])


def _head(comparison: Comparison) -> str:
    seeds = comparison.seeds
    return (
        f"{comparison.table}: {counted(comparison.points, 'point')},"
        f" {counted(comparison.candidates, 'candidate')};"
        f" {counted(len(seeds), 'paired seed')} ({seeds[0]} to {seeds[-1]}),"
        f" {counted(comparison.trials, 'trial')} each\n"
    )


def results_table(comparison: Comparison) -> Table:
    """Return the mean regrets of every sampler."""
    unit = "percentage points" if comparison.in_points else "the table's unit"
    milestones = comparison.milestones
    form = comparison.form
    rows = [
        (
            result.sampler,
            *(form(result.curve.mean[n - 1]) for n in milestones),
            _range(result.curve, -1, form),
            form(result.area.mean[0]),
            _range(result.area, 0, form),
        )
        for result in comparison.results
    ]
    return Table(
        caption=f"Mean regret after so many trials, in {unit}; area: mean over all trials",
        headers=("Sampler", *map(str, milestones), "95 %", "Area", "95 %"),
        rows=tuple(rows),
        numeric=frozenset(range(1, len(milestones) + 4)),
    )


def _range(curve: Band, index: int, form: Form) -> str:
    return f"{form(curve.low[index])} to {form(curve.high[index])}"


def pairs_table(comparison: Comparison) -> Table:
    """Return the tests of every two samplers."""
    areas = {(pair.first, pair.second): pair for pair in comparison.over_all}
    rows = [
        _pair_row(pair, areas[pair.first, pair.second], comparison.form)
        for pair in comparison.at_the_end
    ]
    return Table(
        caption=(
            f"Wilcoxon's signed-rank test over {counted(len(comparison.seeds), 'seed')}, Holm's"
            f" correction over {counted(len(rows), 'pair')}; differences of mean regret, first"
            " less second"
        ),
        headers=(
            "First",
            "Second",
            f"At {comparison.trials}",
            "p",
            "Better",
            "Area",
            "p",
            "Better",
        ),
        rows=tuple(rows),
        numeric=frozenset({2, 3, 5, 6}),
    )


def _pair_row(end: Pair, area: Pair, form: Form) -> tuple[str, ...]:
    return (end.first, end.second, *_tested(end, form), *_tested(area, form))


def _tested(pair: Pair, form: Form) -> tuple[str, str, str]:
    return signed(form, pair.difference), p_text(pair.corrected), better(pair)


def better(pair: Pair) -> str:
    """Return the better of two, where chance is an unlikely explanation."""
    if pair.corrected >= SURE or pair.difference == 0:
        return "–"
    return pair.first if pair.difference < 0 else pair.second


def p_text(p_value: float) -> str:
    """Return a p-value as text."""
    return f"{p_value:.3f}" if p_value >= 0.001 else f"{p_value:.0e}"


def times_text(medians: Mapping[str, tuple[float, int]], *, samplers: Sequence[str]) -> str:
    """Return the median time of an ask of each sampler.

    Args:
        medians: Seconds, and how many asks were measured.
        samplers: The order they are told in.
    """
    rows = [
        (sampler, _milliseconds(medians[sampler][0]), f"{medians[sampler][1]:,}")
        for sampler in samplers
        if sampler in medians
    ]
    return as_text(
        Table(
            caption="Median time of an ask, in milliseconds, on this machine as busy as it was",
            headers=("Sampler", "Median", "Asks"),
            rows=tuple(rows),
            numeric=frozenset({1, 2}),
        )
    )


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.2f}"
