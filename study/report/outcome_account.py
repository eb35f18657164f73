"""What a confirmation found, as sentences and tables that every format shares."""

from __future__ import annotations

from study.common.formats import (
    ABSENT,
    counted,
    describe_metric,
    measure,
    metric_headline,
    percent,
    whole,
)
from study.report.stored_outcomes import PairedResult, ShownConfirmation
from study.report.table import Table
from study.results.outcomes import Comparison, Spread


def spread_words(metric: str, spread: Spread) -> str:
    """Return a mean with its interval: ``0.7612 [0.7498, 0.7726]``."""
    mean = measure(metric, spread.mean)
    if spread.low is None or spread.high is None:
        return mean
    return f"{mean} [{measure(metric, spread.low)}, {measure(metric, spread.high)}]"


def confirmation_words(result: ShownConfirmation) -> list[str]:
    """Return what the confirmation says, a sentence or two an item."""
    if not result.candidates:
        return []
    first = result.candidates[0]
    metric = result.metric
    seeds = counted(len(first.fresh_values), "fresh seed")
    interval = f", with a {percent(result.level, 0)} interval" if first.fresh.bounded else ""
    told = [
        f"Trial {first.number} is confirmed: {describe_metric(metric)} "
        f"{spread_words(metric, first.fresh)} over {seeds}{interval}. The choice used all runs; "
        "the figure uses the fresh ones alone.",
    ]
    if result.optimism is not None:
        told.append(
            f"The search had seen {measure(metric, first.search_value)}: an optimism of "
            f"{result.optimism:+.4f}, the price of choosing the luckiest."
        )
    if result.comparison is not None and len(result.candidates) > 1:
        told.append(_comparison_words(result, result.comparison))
    if result.seeds_needed is not None:
        told.append(
            f"{whole(result.seeds_needed)} common seeds would tell them apart in 4 of 5 cases, "
            "were the difference and its spread as seen here."
        )
    told += [f"Left out: {line}." for line in result.left_out]
    return told


def _comparison_words(result: ShownConfirmation, found: Comparison) -> str:
    first, second = result.candidates[:2]
    verdict = "can" if found.distinguishable else "cannot"
    between = (
        ""
        if found.low is None or found.high is None
        else f" [{found.low:+.4f}, {found.high:+.4f}]"
    )
    p_value = f"p = {_p_value(found.p_value)}".replace("= <", "<")
    one = min(len(first.fresh_values), len(second.fresh_values)) < 2
    alone = "; one seed does not tell how other trainings would fare" if one else ""
    return (
        f"Trial {first.number} {verdict} be told from trial {second.number}: difference "
        f"{found.difference:+.4f}{between}, {p_value} ({found.method}){alone}."
    )


def confirmation_table(result: ShownConfirmation) -> Table:
    """Return the confirmed candidates, best first."""
    return Table(
        caption=f"{metric_headline(result.metric)} of the best candidates, trained again",
        headers=("Trial", "Fresh mean", "Std", "Interval", "Fresh runs", "Search saw"),
        rows=tuple(
            (
                str(c.number),
                measure(result.metric, c.fresh.mean),
                measure(result.metric, c.fresh.std),
                interval_words(result.metric, c.fresh),
                ", ".join(measure(result.metric, number) for number in c.fresh_values),
                measure(result.metric, c.search_value),
            )
            for c in result.candidates
        ),
        numeric=frozenset({0, 1, 2, 5}),
        strong=frozenset({0}),
    )


def confirmation_tables(result: ShownConfirmation) -> list[Table]:
    """Return everything the confirmation measured, in reading order; empty tables left out."""
    return [t for t in (confirmation_table(result), _paired_tests_table(result)) if t.rows]


def _paired_tests_table(result: ShownConfirmation) -> Table:
    return Table(
        caption="The first against the second; a positive difference is for the first",
        headers=("Test", "Pairs", "Difference", "Interval", "p"),
        rows=tuple(_paired_row(test) for test in result.tests),
        numeric=frozenset({1, 2, 4}),
    )


def _paired_row(test: PairedResult) -> tuple[str, ...]:
    between = test.interval
    return (
        test.method,
        whole(test.pairs),
        f"{test.difference:+.4f}",
        ABSENT if between is None else f"[{between.low:+.4f}, {between.high:+.4f}]",
        _p_value(test.p_value),
    )


def _p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def interval_words(metric: str, spread: Spread) -> str:
    """Return an interval: ``[0.7498, 0.7726]``; a dash where there is none."""
    if spread.low is None or spread.high is None:
        return ABSENT
    return f"[{measure(metric, spread.low)}, {measure(metric, spread.high)}]"
