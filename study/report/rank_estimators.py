"""A ranking of estimators as a document, with its meaning in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from study.common.formats import ABSENT, listed
from study.rank_estimators.ranking import Coefficient, EstimatorRanking, RankingRow
from study.report.document import (
    Document,
    Paragraph,
    Section,
    Table,
    number_column,
    text_column,
)

_LEGEND = (
    "τ is Kendall's τ-b and ρ Spearman's ρ with a full training, mean over its seeds. Brackets "
    "hold the 95 % percentile bootstrap interval over candidates (2,000 resamples). The top "
    "quarter is chosen by one full training and correlated with another. Times faster: the time "
    "of the full trainings of the sample divided by the estimator's time for it, with its fixed "
    "costs. Regret: the best value minus that of the pick, by full trainings that took no part in "
    "the choice."
)


def ranking_document(ranking: EstimatorRanking) -> Document:
    """Return the ranking: what was done, the table, its legend, and its meaning."""
    method = (
        f"{ranking.candidates} candidates, a stratified random sample, each trained in full with "
        f"{ranking.seeds} seeds ({ranking.run_seconds:.3g} s each); judged by {ranking.metric}. "
        f"{ranking.description}"
    )
    return Document(
        title=f"Ranking by estimators on {ranking.space}",
        kind="ranking of estimators",
        sections=(
            Section(
                anchor="ranking",
                heading="Rank correlations",
                blocks=(Paragraph(method.strip()), _table(ranking), Paragraph(_LEGEND)),
            ),
            Section(
                anchor="meaning",
                heading="What this means",
                blocks=(Paragraph(describe_ranking(ranking)),),
            ),
        ),
    )


def describe_ranking(ranking: EstimatorRanking) -> str:
    """Return in words how well each estimator ranks on this space, and at what cost."""
    return " ".join((*_bounds(ranking), *_warnings(ranking), _verdict(ranking)))


def _table(ranking: EstimatorRanking) -> Table:
    rows = (ranking.ceiling, *ranking.counts, *ranking.estimators)
    random = (
        "random",
        str(ranking.candidates),
        *[ABSENT] * 3,
        "free",
        _regret(ranking.random_first_regret),
        _regret(ranking.random_five_regret),
    )
    return Table(
        caption="How well each score ranks the candidates",
        columns=(
            text_column("Ranked by"),
            number_column("n", 1),
            number_column("τ"),
            number_column("ρ", 2),
            number_column("τ in the top quarter", 2),
            number_column("Times faster"),
            number_column("Regret of first pick", 1),
            number_column("of best five", 1),
        ),
        rows=(*map(_row, rows), random),
    )


def _row(row: RankingRow) -> tuple[str, ...]:
    if row.problem is not None:
        return (row.name, str(row.candidates), row.problem, *[ABSENT] * 5)
    return (
        row.name,
        str(row.candidates),
        _coefficient(row.tau),
        _coefficient(row.rho),
        "needs a third seed" if row.top_tau is None else _coefficient(row.top_tau),
        "free" if row.free else "1" if row.speed_up is None else f"{row.speed_up:.3g}",
        _regret(row.first_regret),
        _regret(row.five_regret),
    )


def _coefficient(figure: Coefficient | None) -> str:
    if figure is None:
        return ABSENT
    return f"{figure.value:.2f} [{figure.interval.low:.2f}, {figure.interval.high:.2f}]"


def _regret(regret: float | None) -> str:
    return ABSENT if regret is None else f"{regret:.4f}"


def _bounds(ranking: EstimatorRanking) -> Iterator[str]:
    if ranking.ceiling.tau is None:
        yield "The full trainings do not vary, so nothing can be ranked."
        return
    yield (
        f"Two full trainings of the same candidates have τ {_coefficient(ranking.ceiling.tau)}; "
        "an estimator with this τ ranks as well as a full training."
    )
    best = next(row for row in ranking.counts if row.name == ranking.best_count)
    if best.tau is not None:
        yield f"Without any cost, `{best.name}` has τ {_coefficient(best.tau)}."


def _warnings(ranking: EstimatorRanking) -> Iterator[str]:
    misleading = [
        row.name
        for row in (*ranking.counts, *ranking.estimators)
        if row.tau is not None and row.tau.interval.high < 0
    ]
    if misleading:
        yield f"{_names(misleading)} {_verb(misleading, 'misleads', 'mislead')}: τ is below 0."
    slow = [
        row.name for row in ranking.estimators if row.speed_up is not None and row.speed_up < 1
    ]
    if slow:
        yield f"{_names(slow)} {_verb(slow, 'costs', 'cost')} more than training the sample."


def _verdict(ranking: EstimatorRanking) -> str:
    better, others = _split(ranking.estimators)
    parts = [_gain(row) for row in better]
    if others:
        parts.append(
            f"{_names(others)} {_verb(others, 'is', 'are')} not shown to rank better than "
            f"`{ranking.best_count}`, which is free"
        )
    return f"On {ranking.space}, {'; '.join(parts) or 'no estimator was run'}."


def _split(rows: Sequence[RankingRow]) -> tuple[list[RankingRow], list[str]]:
    """Return the rows shown to rank better than the best count, best first, and other names."""
    better = [
        row
        for row in rows
        if row.tau is not None and row.advantage is not None and row.advantage.low > 0
    ]
    better.sort(key=lambda row: row.tau.value if row.tau else 0.0, reverse=True)
    return better, [row.name for row in rows if row not in better]


def _gain(row: RankingRow) -> str:
    if row.speed_up is None:
        cost = "nothing"
    elif row.speed_up >= 1:
        cost = f"1/{row.speed_up:.3g} of the cost of full training"
    else:
        cost = f"{1 / row.speed_up:.3g} times the cost of full training"
    regret = f"a regret of {_regret(row.five_regret)} when its best five are trained"
    return f"`{row.name}` has τ {_coefficient(row.tau)} for {cost}, with {regret}"


def _names(names: Sequence[str]) -> str:
    return listed([f"`{name}`" for name in names])


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return one if len(names) == 1 else many
