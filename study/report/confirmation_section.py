"""What a confirmation found, as one section for the terminal and for every report format."""

from __future__ import annotations

from collections.abc import Iterator

from study.common.formats import (
    ABSENT,
    counted,
    describe_metric,
    measure,
    metric_headline,
    percent,
    whole,
)
from study.confirmation.result import Confirmation
from study.report.document import (
    Figure,
    Paragraph,
    Section,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    text_column,
)
from study.statistics.results import Interval, PairedTest, Spread

NOT_CONFIRMED = (
    "Not confirmed yet. The best value of a search is the luckiest of many and too optimistic. "
    "Training the best candidates again with fresh seeds shows by how much."
)


def confirmation_section(result: Confirmation | None, *, figure: Figure | None = None) -> Section:
    """Return what the fresh runs say, or that no candidate is confirmed yet."""
    blocks = (
        blocks_of(Paragraph(NOT_CONFIRMED, "quiet"))
        if result is None
        else blocks_of(
            paragraphs(_sentences(result)), figure, _candidates_table(result), _tests_table(result)
        )
    )
    return Section(
        anchor="confirmation", heading="Confirmation", short="Confirmation", blocks=blocks
    )


def _sentences(result: Confirmation) -> Iterator[str]:
    first, metric = result.chosen, result.metric
    seeds = counted(len(first.seeds), "fresh seed")
    interval = "" if first.fresh.interval is None else f", {percent(result.level, 0)} interval"
    yield (
        f"Trial {first.number} (candidate {first.candidate_id}) is chosen: "
        f"{describe_metric(metric)} {describe_spread(metric, first.fresh)} (mean over "
        f"{seeds}{interval}). All runs choose; the fresh ones alone are reported."
    )
    if result.optimism is None:
        yield (
            "The search did not train in full, so its values are not comparable: the fresh runs "
            "alone choose, and the optimism of the search is not known."
        )
    else:
        yield (
            f"The search measured {measure(metric, first.search_value)}. Its optimism is "
            f"{result.optimism:+.4f}: it chose the luckiest of many."
        )
    yield from _verdict(result)
    yield from (f"Left out: {line}." for line in result.left_out)


def _verdict(result: Confirmation) -> Iterator[str]:
    test = result.deciding_test
    if len(result.candidates) < 2:
        yield "One candidate: there is no second one to compare with."
        return
    first, second = result.candidates[:2]
    if test is None:
        yield (
            f"Trials {first.number} and {second.number} cannot be compared: this needs two seeds "
            "that completed for both."
        )
        return
    verdict = (
        f"is significantly better than trial {second.number}"
        if result.distinguishable
        else f"cannot be distinguished from trial {second.number}"
    )
    p_value = f"p = {_p_value(test.p_value)}".replace("= <", "<")
    yield (
        f"Trial {first.number} {verdict}: difference {test.difference:+.4f}"
        f"{_signed(test.interval, before=' ')}, {p_value} ({test.method})."
    )
    if result.seeds_test is None:
        yield "There is no test over seeds: it needs two seeds that completed for both."
    if result.seeds_needed is not None:
        yield (
            f"{whole(result.seeds_needed)} common seeds would distinguish them in 4 of 5 cases, "
            "if the difference and its spread stay as measured."
        )


def _candidates_table(result: Confirmation) -> Table:
    metric = result.metric
    return Table(
        caption=f"{metric_headline(metric)} of the best candidates, trained again",
        columns=(
            number_column("Trial"),
            text_column("Candidate", 3),
            number_column("Fresh mean"),
            number_column("Std", 2),
            text_column("Interval"),
            text_column("Fresh runs", 4),
            number_column("Search", 1),
            number_column("All runs", 2),
        ),
        rows=tuple(
            (
                str(c.number),
                c.candidate_id,
                measure(metric, c.fresh.mean),
                measure(metric, c.fresh.std),
                describe_interval(metric, c.fresh.interval),
                ", ".join(measure(metric, value) for value in c.fresh_values),
                measure(metric, c.search_value),
                measure(metric, c.choosing_mean),
            )
            for c in result.candidates
        ),
        strong=frozenset({0}),
    )


def _tests_table(result: Confirmation) -> Table:
    return Table(
        caption="The first candidate against the second; a positive difference favours the first",
        columns=(
            text_column("Test"),
            number_column("Pairs"),
            number_column("Difference"),
            text_column("Interval"),
            number_column("p"),
        ),
        rows=tuple(_test_row(test) for test in result.tests),
    )


def _test_row(test: PairedTest) -> tuple[str, ...]:
    return (
        test.method,
        whole(test.pairs),
        f"{test.difference:+.4f}",
        _signed(test.interval) or ABSENT,
        _p_value(test.p_value),
    )


def _signed(interval: Interval | None, before: str = "") -> str:
    return "" if interval is None else f"{before}[{interval.low:+.4f}, {interval.high:+.4f}]"


def _p_value(p: float) -> str:
    return f"{p:.3f}" if p >= 0.0005 else "< 0.001"


def describe_spread(metric: str, spread: Spread | None) -> str:
    """Return a mean with its interval: ``0.7612 [0.7498, 0.7726]``."""
    if spread is None:
        return ABSENT
    if spread.interval is None:
        return measure(metric, spread.mean)
    return f"{measure(metric, spread.mean)} {describe_interval(metric, spread.interval)}"


def describe_interval(metric: str, interval: Interval | None) -> str:
    """Return an interval, ``[0.7498, 0.7726]``, or a dash for none."""
    if interval is None:
        return ABSENT
    return f"[{measure(metric, interval.low)}, {measure(metric, interval.high)}]"
