"""A trust report in Markdown, with its reading in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from study.rank_estimators.judging import TrustReport
from study.rank_estimators.rows import Figure, TrustRow

_HEADER = (
    "| ranked by | n | τ | ρ | τ in the top quarter | times faster | regret of first pick "
    "| of best five |"
)


def trust_text(report: TrustReport, *, space: str, metric: str, setting: str = "") -> str:
    """Return the report: what was done, the table, how to read it, what it says.

    Args:
        report: From ``judge``.
        space: Name of the search space.
        metric: Name of the metric, with its split.
        setting: On what it was measured, in sentences.
    """
    return "\n\n".join(
        (
            f"# Trust in estimators on {space}",
            f"{_method(report, metric)} {setting}".strip(),
            "\n".join(_table(report)),
            _LEGEND,
            reading(report, space=space),
        )
    )


_LEGEND = (
    "τ is Kendall's τ-b and ρ Spearman's ρ with a full training, mean over its seeds; in brackets "
    "the 95 % percentile bootstrap interval over candidates (2000 resamples). The top quarter is "
    "chosen by one full training and correlated with another. Times faster is the time of the "
    "full trainings of the sample over the estimator's time for it, fixed costs counted. Regret "
    "is what the pick is worse than the best, by full trainings that had no part in the choice."
)


def reading(report: TrustReport, *, space: str) -> str:
    """Return in words which estimator buys what on this space."""
    return " ".join((*_bounds(report), *_warnings(report), _verdict(report, space)))


def _method(report: TrustReport, metric: str) -> str:
    return (
        f"{report.candidates} candidates, a stratified random sample, each trained in full with "
        f"{report.seeds} seeds ({report.run_seconds:.3g} s each); judged by `{metric}`."
    )


def _table(report: TrustReport) -> Iterator[str]:
    yield _HEADER
    yield "|---|" + "---:|" * 7
    for row in (report.ceiling, *report.counts, *report.estimators):
        yield _line(row)
    yield (
        f"| random | {report.candidates} | | | | free | {report.random_first:.4f} "
        f"| {report.random_five:.4f} |"
    )


def _line(row: TrustRow) -> str:
    if row.problem is not None:
        return f"| {row.name} | {row.candidates} | {row.problem} | | | | | |"
    cells = (
        row.name,
        str(row.candidates),
        _figure(row.tau),
        _figure(row.rho),
        _figure(row.top_tau) or "needs a third seed",
        _times(row.speed_up),
        _regret(row.first_regret),
        _regret(row.five_regret),
    )
    return f"| {' | '.join(cells)} |"


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.2f} [{figure.interval.low:.2f}, {figure.interval.high:.2f}]"


def _times(speed_up: float | None) -> str:
    if speed_up is None:
        return "1"
    return "free" if math.isinf(speed_up) else f"{speed_up:.3g}"


def _regret(regret: float | None) -> str:
    return "" if regret is None else f"{regret:.4f}"


def _bounds(report: TrustReport) -> Iterator[str]:
    if report.ceiling.tau is None:
        yield "The full trainings do not vary, so nothing can be ranked."
        return
    yield (
        f"Two full trainings of the same candidates agree at τ {_figure(report.ceiling.tau)}; "
        f"an estimator that agrees as well with a training ranks as well as one."
    )
    best = next(row for row in report.counts if row.name == report.best_count)
    if best.tau is not None:
        yield f"Free of cost, `{best.name}` has τ {_figure(best.tau)}."


def _warnings(report: TrustReport) -> Iterator[str]:
    misleading = [
        row.name
        for row in (*report.counts, *report.estimators)
        if row.tau is not None and row.tau.interval.high < 0
    ]
    if misleading:
        yield f"{_names(misleading)} {_verb(misleading, 'misleads', 'mislead')}: τ is below 0."
    slow = [row.name for row in report.estimators if row.speed_up is not None and row.speed_up < 1]
    if slow:
        yield f"{_names(slow)} {_verb(slow, 'costs', 'cost')} more than training the sample."


def _verdict(report: TrustReport, space: str) -> str:
    better, others = _sorted_out(report.estimators)
    parts = [f"{_price(row)}" for row in better]
    if others:
        parts.append(
            f"{_names(others)} {_verb(others, 'is', 'are')} not shown to rank better than "
            f"`{report.best_count}`, which is free"
        )
    return f"On {space}, {'; '.join(parts) or 'no estimator was asked'}."


def _sorted_out(rows: Sequence[TrustRow]) -> tuple[list[TrustRow], list[str]]:
    """Return the rows shown to rank better than the best count, best first, and other names."""
    better = [
        row
        for row in rows
        if row.tau is not None and row.advantage is not None and row.advantage.low > 0
    ]
    better.sort(key=lambda row: row.tau.value if row.tau else 0.0, reverse=True)
    return better, [row.name for row in rows if row not in better]


def _price(row: TrustRow) -> str:
    assert row.speed_up is not None
    if math.isinf(row.speed_up):
        price = "nothing"
    elif row.speed_up >= 1:
        price = f"1/{row.speed_up:.3g} of the price of full training"
    else:
        price = f"{1 / row.speed_up:.3g} times the price of full training"
    regret = f"a loss of {_regret(row.five_regret)} when its best five are trained"
    return f"`{row.name}` buys τ {_figure(row.tau)} for {price}, with {regret}"


def _names(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many
