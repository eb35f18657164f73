"""A confirmation in words and figures."""

from __future__ import annotations

from collections.abc import Iterator

from study.confirmation.confirm import Confirmation, ConfirmedCandidate
from study.statistics.comparison import OVER_SEEDS, PairedTest

_HEADER = f"{'':2} {'candidate':16} {'trial':>6} {'search':>8} {'fresh':>8} {'sd':>7}  "


def confirmation_text(confirmation: Confirmation) -> str:
    """Return a table of the candidates and what follows from it, as plain text."""
    return "\n".join(_lines(confirmation)) + "\n"


def _lines(confirmation: Confirmation) -> Iterator[str]:
    share = f"{100 * confirmation.level:.0f} %"
    first = confirmation.chosen
    yield f"{confirmation.metric}; fresh runs alone are reported, all runs choose"
    yield f"{_HEADER}{share + ' interval':18} {'all runs':>8}"
    for rank, candidate in enumerate(confirmation.candidates, start=1):
        yield _row(rank, candidate)
    yield from (f"left out: {line}" for line in confirmation.left_out)
    yield ""
    yield f"chosen: {first.candidate_id}, {_figure(first, share)}"
    if confirmation.optimism is not None:
        yield (
            f"optimism of the search: {confirmation.optimism:+.4f} (its value for the chosen "
            f"candidate, {first.search_value:.4f}, against the fresh mean)"
        )
    else:
        yield (
            "the search did not train in full, so its values are no runs: the choice is by the "
            "fresh ones alone, and there is no optimism to state"
        )
    yield from _verdict(confirmation)


def _row(rank: int, candidate: ConfirmedCandidate) -> str:
    fresh = candidate.fresh
    sd = "–" if fresh.std is None else f"{fresh.std:.4f}"
    seen = "–" if candidate.search_value is None else f"{candidate.search_value:.4f}"
    return (
        f"{rank:2} {candidate.candidate_id:16} {candidate.number:6} {seen:>8} "
        f"{fresh.mean:8.4f} {sd:>7}  {_range(fresh.low, fresh.high):18} "
        f"{candidate.choosing_mean:8.4f}"
    )


def _figure(candidate: ConfirmedCandidate, share: str) -> str:
    runs = len(candidate.seeds)
    if candidate.fresh.std is None:
        return f"{candidate.fresh.mean:.4f} in one fresh run (one run has no interval)"
    between = _range(candidate.fresh.low, candidate.fresh.high)
    return (
        f"{candidate.fresh.mean:.4f} ± {candidate.fresh.std:.4f} (mean and standard deviation of "
        f"{runs} fresh runs; {share} interval of the mean {between})"
    )


def _range(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"[{low:.4f}, {high:.4f}]"


def _verdict(confirmation: Confirmation) -> Iterator[str]:
    if len(confirmation.candidates) < 2:
        yield "one candidate: there is no second to compare it with"
        return
    if not confirmation.tests:
        yield "first and second cannot be compared: that takes two seeds that both completed"
        return
    apart = confirmation.comparison is not None and confirmation.comparison.distinguishable
    yield f"first and second {'differ' if apart else 'cannot be told apart'}:"
    yield from (f"  {_test(test)}" for test in confirmation.tests)
    if OVER_SEEDS not in {test.method for test in confirmation.tests}:
        yield "  the test over seeds takes two seeds that both completed"
    if confirmation.seeds_needed is not None:
        yield (
            f"  {confirmation.seeds_needed} common seeds would tell them apart in 4 of 5 cases, "
            "were the difference and its spread as seen here"
        )


def _test(test: PairedTest) -> str:
    between = (
        "" if test.interval is None else f" [{test.interval.low:+.4f}, {test.interval.high:+.4f}]"
    )
    p = f"p = {test.p_value:.3f}" if test.p_value >= 0.0005 else "p < 0.001"
    return f"{test.difference:+.4f}{between}, {p} ({test.method}, n = {test.pairs:,})"
