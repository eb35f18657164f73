"""What a final test found, as sentences and tables that every format shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    measure,
    metric_headline,
    percent,
    whole,
)
from study.report.against_published import standing
from study.report.outcome_account import interval_words, spread_words
from study.report.stored_outcomes import Range, ShownTest
from study.report.table import Table
from study.results.outcomes import Published, Spread


def final_test_words(result: ShownTest) -> list[str]:
    """Return what the test says, a sentence or two an item."""
    return list(_final_test_words(result))


def _final_test_words(result: ShownTest) -> Iterator[str]:
    seeds = counted(len(result.per_seed), "fresh seed")
    fit = {"train": "the training part", "train+val": "training and validation parts"}
    epochs = "" if result.epochs is None else f" for {amount(result.epochs)} epochs"
    of = f" of {result.dataset}" if result.dataset else ""
    yield (
        f"Trial {result.number} was trained with {seeds} on "
        f"{fit.get(result.fit_on, result.fit_on)}{epochs} and tested on {whole(result.images)} "
        f"images{of}; this was look {result.look} at the test part."
    )
    if accuracy := result.over_seeds.get("test_accuracy"):
        interval = f", {percent(result.level, 0)} interval" if accuracy.bounded else ""
        yield (
            f"Test accuracy {spread_words('test_accuracy', accuracy)} (mean over seeds{interval})."
        )
    if result.resolvable is not None:
        yield (
            f"A difference in accuracy of {100 * result.resolvable:.1f} points to a published "
            f"figure would be seen on {whole(result.images)} images in 4 of 5 cases."
        )


def final_test_tables(result: ShownTest) -> list[Table]:
    """Return everything the test measured, in reading order; empty tables left out."""
    tables = [
        _chain_table(result),
        _classes_table(result),
        _measures_table(result),
        _published_table(result),
        _seeds_table(result),
    ]
    return [table for table in tables if table.rows]


def _chain_table(result: ShownTest) -> Table:
    return Table(
        caption="From validation to test"
        + (f"; validation: {result.validated}" if result.validated else ""),
        headers=("Figure", "Value"),
        rows=tuple((link.name, measure("", link.value)) for link in result.chain),
        numeric=frozenset({1}),
    )


def _measures_table(result: ShownTest) -> Table:
    names = list(dict.fromkeys([*result.over_seeds, *result.over_images]))
    return Table(
        caption="Test measures; an interval over seeds tells how trainings differ, one over "
        "images how far other images could",
        headers=(
            "Measure",
            "Mean over seeds",
            "Std",
            "The same, over images",
            "First network, over images",
            "Interval by",
        ),
        rows=tuple(
            (
                metric_headline(name),
                _spread(name, result.over_seeds.get(name)),
                _std(name, result.over_seeds.get(name)),
                _spread_interval(name, result.mean_over_images.get(name)),
                _spread(name, result.over_images.get(name)),
                result.interval_methods.get(name, ABSENT),
            )
            for name in names
        ),
        numeric=frozenset({1, 2, 3, 4}),
    )


def _std(metric: str, spread: Spread | None) -> str:
    return ABSENT if spread is None else measure(metric, spread.std)


def _spread_interval(metric: str, spread: Spread | None) -> str:
    return ABSENT if spread is None else interval_words(metric, spread)


def _spread(metric: str, spread: Spread | None) -> str:
    return ABSENT if spread is None else spread_words(metric, spread)


def _classes_table(result: ShownTest) -> Table:
    return Table(
        caption="Each class, by the first network",
        headers=("Class", "Images", "Recall", "Precision"),
        rows=tuple(
            (
                each.name,
                whole(each.images),
                _share(each.recall, each.recall_interval),
                _share(each.precision, each.precision_interval),
            )
            for each in result.classes
        ),
        numeric=frozenset({1, 2, 3}),
    )


def _share(share: float | None, between: Range | None) -> str:
    """Return a share and its interval in per cent: ``91.2 % [87.0, 94.1]``."""
    if share is None or between is None:
        return percent(share)
    return f"{percent(share)} [{100 * between.low:.1f}, {100 * between.high:.1f}]"


def _seeds_table(result: ShownTest) -> Table:
    names = list(dict.fromkeys(name for seed in result.per_seed for name in seed))
    seeds = [str(network.seed) for network in result.networks]
    if len(seeds) != len(result.per_seed):
        seeds = [ABSENT] * len(result.per_seed)
    return Table(
        caption="Each network; the first is the one that is exported",
        headers=("Network", "Seed", *map(metric_headline, names)),
        rows=tuple(
            (str(run), seed, *(measure(name, measures.get(name)) for name in names))
            for run, (seed, measures) in enumerate(zip(seeds, result.per_seed, strict=True), 1)
        ),
        numeric=frozenset(range(len(names) + 2)),
    )


def _published_table(result: ShownTest) -> Table:
    ours = _ours(result)
    rows = [
        (
            each.name,
            measure("", each.accuracy),
            measure("", each.auc),
            _against(result, each),
            each.source or ABSENT,
        )
        for each in result.published
    ]
    return Table(
        caption="Published figures on the same test part",
        headers=("Method", "Accuracy", "AUC", "Ours minus it", "Source"),
        rows=(*ours, *rows) if rows else (),
        numeric=frozenset({1, 2}),
        strong=frozenset({0}),
    )


def _against(result: ShownTest, published: Published) -> str:
    """Return how far our accuracy is from a published one, and where it stands against it."""
    ours = result.over_seeds.get("test_accuracy")
    if ours is None or published.accuracy is None:
        return ABSENT
    points = 100 * (ours.mean - published.accuracy)
    stands = standing(ours.mean, published.accuracy, result.images, level=result.level)
    return f"{points:+.1f} points, {stands}"


def _ours(result: ShownTest) -> Sequence[tuple[str, ...]]:
    accuracy, auc = (result.over_seeds.get(f"test_{name}") for name in ("accuracy", "auc"))
    return [
        (
            "This study, mean over seeds",
            ABSENT if accuracy is None else measure("", accuracy.mean),
            ABSENT if auc is None else measure("", auc.mean),
            ABSENT,
            f"look {result.look}",
        )
    ]
