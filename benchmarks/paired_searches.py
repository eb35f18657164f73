"""Comparison of searches with equal seeds by what each has found after a number of epochs.

A *find* is a candidate trained to the end. A search is its finds in order, each with the epochs
that the whole search has trained by then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from study.storage.records import TrialRecord

SHARES = (0.1, 0.2, 1.0)
"""Shares of the reference's epochs at which a search is judged."""

RESAMPLES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A candidate trained to the end.

    Args:
        epochs: Epochs of the whole search so far, including this candidate and pruned ones.
        value: Value of the training; larger is better.
        fresh: Value of other trainings of the candidate, which are not part of the search.
    """

    epochs: float
    value: float
    fresh: float


Search = tuple[Find, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of search compared with the reference, over paired seeds.

    Args:
        name: Sampler, pruner and screen.
        median_share: Median of the epochs until the reference's best value is reached within
            noise, over the reference's epochs; infinite if most searches never reach it.
        share_interval: 95 % bootstrap interval of ``median_share`` over seeds.
        reached: For each of ``SHARES``, how many searches have reached that value by then.
        differences: For each of ``SHARES``, the fresh value of the best find by then minus that of
            the reference's best at its end: mean and 95 % bootstrap interval over seeds.
    """

    name: str
    seeds: int
    median_share: float
    share_interval: tuple[float, float]
    reached: tuple[int, ...]
    differences: tuple[tuple[float, float, float], ...]


def search_of(records: Sequence[TrialRecord], fresh: Callable[[TrialRecord], float]) -> Search:
    """Return the finds of a one-worker study that were the best so far.

    Args:
        records: All trials, in number order.
        fresh: Returns the fresh value of a complete trial's candidate.
    """
    finds: list[Find] = []
    spent, best = 0.0, -math.inf
    for record in records:
        spent += record.epochs - record.restored
        if record.state == "complete" and record.objectives[0] > best:
            best = record.objectives[0]
            finds.append(Find(epochs=spent, value=best, fresh=fresh(record)))
    return tuple(finds)


def compare(
    name: str,
    searches: Sequence[Search],
    references: Sequence[Search],
    *,
    epochs: float,
    noise: float,
) -> Row:
    """Return the comparison of one kind of search with the reference.

    Args:
        searches: One search per seed.
        references: The reference searches with the same seeds.
        epochs: Epochs that a reference search trains.
        noise: Standard deviation of a candidate's value over trainings.
    """
    targets = [reference[-1].value - noise for reference in references]
    shares = np.array(
        [_reached(s, target) / epochs for s, target in zip(searches, targets, strict=True)]
    )
    low, high = _interval(shares, np.median)
    return Row(
        name=name,
        seeds=len(searches),
        median_share=float(np.median(shares)),
        share_interval=(low, high),
        reached=tuple(int((shares <= share).sum()) for share in SHARES),
        differences=tuple(
            _difference(searches, references, limit=share * epochs) for share in SHARES
        ),
    )


def _reached(search: Search, target: float) -> float:
    """Return the epochs until a value is reached; infinite where it is not."""
    return next((find.epochs for find in search if find.value >= target), math.inf)


def _difference(
    searches: Sequence[Search], references: Sequence[Search], *, limit: float
) -> tuple[float, float, float]:
    """Return mean and interval of the differences; NaN where a search has no find yet."""
    found = np.array([_fresh(search, limit) for search in searches])
    differences = found - np.array([reference[-1].fresh for reference in references])
    low, high = _interval(differences, np.mean)
    return float(differences.mean()), low, high


def _fresh(search: Search, limit: float) -> float:
    return next((find.fresh for find in reversed(search) if find.epochs <= limit), math.nan)


def _interval(values: np.ndarray, statistic: Callable[..., object]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval over seeds."""
    rng = np.random.default_rng(0)
    drawn = rng.choice(values, size=(RESAMPLES, len(values)))
    found = np.sort(np.asarray(statistic(drawn, axis=1), dtype=float))  # infinite ones last
    return float(found[int(0.025 * RESAMPLES)]), float(found[int(0.975 * RESAMPLES) - 1])


def table(rows: Sequence[Row], *, reference: str) -> str:
    """Return the rows as a Markdown table."""
    heads = [f"at {_part(share)}" for share in SHARES]
    lines = [
        f"| search | n | epochs to {reference}'s best | reached by {_part(SHARES[0])} "
        f"| by {_part(SHARES[1])} | fresh value less {reference}'s: {' | '.join(heads)} |",
        "|---|" + "---:|" * (4 + len(SHARES)),
    ]
    for row in rows:
        cells = (
            row.name,
            str(row.seeds),
            f"{_share(row.median_share)} [{', '.join(map(_share, row.share_interval))}]",
            *(f"{count}" for count in row.reached[:2]),
            *map(_points, row.differences),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _part(share: float) -> str:
    return "the end" if share == 1.0 else f"1/{1 / share:.0f}"


def _share(share: float) -> str:
    return "never" if math.isinf(share) else f"{share:.2f}"


def _points(difference: tuple[float, float, float]) -> str:
    mean, low, high = (100 * value for value in difference)
    return "nothing yet" if math.isnan(mean) else f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
