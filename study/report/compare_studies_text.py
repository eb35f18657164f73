"""A comparison of stored studies in words and figures."""

from __future__ import annotations

from study.benchmarking.studies import StudyComparison, StudyCurve
from study.common.formats import amount, counted, describe_metric, measure
from study.report.compare_text import better, p_text
from study.report.table import Table, as_text


def studies_text(comparison: StudyComparison) -> str:
    """Return what is told of stored studies side by side."""
    parts = [as_text(_table(comparison))]
    if comparison.pairs:
        parts.append(as_text(_tests(comparison)))
    else:
        parts.append(
            "No test: that needs two strategies or more, each with the same two seeds or more,"
            " and a result of each by the last common trial.\n"
        )
    return "\n".join([*parts, *(f"note: {note}\n" for note in comparison.notes)])


def _milestones(trials: int) -> tuple[int, ...]:
    """Return the quarters of the common trials, from the first on where there is one."""
    quarters = (round(trials * quarter / 4) for quarter in (1, 2, 3, 4))
    return tuple(sorted({max(min(1, trials), quarter) for quarter in quarters}))


def _table(comparison: StudyComparison) -> Table:
    milestones = _milestones(comparison.trials)
    key = comparison.measure.key
    rows = [_row(curve, milestones, key) for curve in comparison.curves]
    return Table(
        caption=(
            f"Best {describe_metric(key)} after so many trials; all have"
            f" {counted(comparison.trials, 'trial')} or more"
        ),
        headers=("Study", "Strategy", "Seed", *map(str, milestones), "All", "Trials", "Epochs"),
        rows=tuple(rows),
        numeric=frozenset(range(2, 6 + len(milestones))),
    )


def _row(curve: StudyCurve, milestones: tuple[int, ...], key: str) -> tuple[str, ...]:
    return (
        curve.name,
        curve.strategy,
        str(curve.seed),
        *(measure(key, float(curve.best[n])) for n in milestones),
        measure(key, float(curve.best[-1])),
        str(curve.trials),
        amount(curve.epochs),
    )


def _tests(comparison: StudyComparison) -> Table:
    rows = [
        (pair.first, pair.second, f"{pair.difference:+.4f}", p_text(pair.corrected), better(pair))
        for pair in comparison.pairs
    ]
    sense = "smaller" if not comparison.measure.maximise else "larger"
    seeds = ", ".join(map(str, comparison.seeds))
    return Table(
        caption=(
            f"Wilcoxon's signed-rank test over the seeds {seeds}, Holm's correction; difference"
            f" of what is missing to a {sense} {describe_metric(comparison.measure.key)} after"
            f" {comparison.trials} trials, first less second"
        ),
        headers=("First", "Second", "Difference", "p", "Better"),
        rows=tuple(rows),
        numeric=frozenset({2, 3}),
    )
