"""What a confirmation and a test found, as sentences and tables that every format shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from study.report.formats import (
    ABSENT,
    amount,
    counted,
    measure,
    metric_headline,
    metric_words,
    percent,
    whole,
)
from study.report.outcomes import Comparison, Confirmation, FinalTest, Spread
from study.report.table import Table


def spread_words(metric: str, spread: Spread) -> str:
    """Return a mean with its interval: ``0.7612 [0.7498, 0.7726]``."""
    mean = measure(metric, spread.mean)
    if spread.low is None or spread.high is None:
        return mean
    return f"{mean} [{measure(metric, spread.low)}, {measure(metric, spread.high)}]"


def confirmation_words(result: Confirmation) -> list[str]:
    """Return what the confirmation says, a sentence or two an item."""
    if not result.candidates:
        return []
    first = result.candidates[0]
    metric = result.metric
    seeds = counted(len(first.fresh_values), "fresh seed")
    told = [
        f"Trial {first.number} is confirmed: {metric_words(metric)} "
        f"{spread_words(metric, first.fresh)} over {seeds}, with a {percent(result.level, 0)} "
        "interval. The choice used all runs; the figure uses the fresh ones alone.",
    ]
    if result.optimism is not None:
        told.append(
            f"The search had seen {measure(metric, first.search_value)}: an optimism of "
            f"{result.optimism:+.4f}, the price of choosing the luckiest."
        )
    if result.comparison is not None and len(result.candidates) > 1:
        told.append(_comparison_words(result, result.comparison))
    return told


def _comparison_words(result: Confirmation, found: Comparison) -> str:
    first, second = result.candidates[0].number, result.candidates[1].number
    verdict = "can" if found.distinguishable else "cannot"
    between = (
        ""
        if found.low is None or found.high is None
        else f" [{found.low:+.4f}, {found.high:+.4f}]"
    )
    p_value = f"p = {found.p_value:.3f}" if found.p_value >= 0.0005 else "p < 0.001"
    return (
        f"Trial {first} {verdict} be told from trial {second}: difference "
        f"{found.difference:+.4f}{between}, {p_value} ({found.method})."
    )


def confirmation_table(result: Confirmation) -> Table:
    """Return the confirmed candidates, best first."""
    return Table(
        caption=f"{metric_headline(result.metric)} of the best candidates, trained again",
        headers=("Trial", "Fresh mean", "Std", "Interval", "Fresh runs", "Search saw"),
        rows=tuple(
            (
                str(c.number),
                measure(result.metric, c.fresh.mean),
                measure(result.metric, c.fresh.std),
                _interval(result.metric, c.fresh),
                ", ".join(measure(result.metric, number) for number in c.fresh_values),
                measure(result.metric, c.search_value),
            )
            for c in result.candidates
        ),
        numeric=frozenset({0, 1, 2, 5}),
        strong=frozenset({0}),
    )


def _interval(metric: str, spread: Spread) -> str:
    if spread.low is None or spread.high is None:
        return ABSENT
    return f"[{measure(metric, spread.low)}, {measure(metric, spread.high)}]"


def final_test_words(result: FinalTest) -> list[str]:
    """Return what the test says, a sentence or two an item."""
    return list(_final_test_words(result))


def _final_test_words(result: FinalTest) -> Iterator[str]:
    seeds = counted(len(result.per_seed), "fresh seed")
    fit = {"train": "the training part", "train+val": "training and validation parts"}
    epochs = "" if result.epochs is None else f" for {amount(result.epochs)} epochs"
    yield (
        f"Trial {result.number} was trained with {seeds} on "
        f"{fit.get(result.fit_on, result.fit_on)}{epochs} and tested on {whole(result.images)} "
        f"images; this was look {result.look} at the test part."
    )
    if accuracy := result.over_seeds.get("test_accuracy"):
        yield (
            f"Test accuracy {spread_words('test_accuracy', accuracy)} "
            f"(mean over seeds, {percent(result.level, 0)} interval)."
        )
    if result.resolvable is not None:
        yield (
            f"{whole(result.images)} images resolve differences in accuracy from "
            f"{100 * result.resolvable:.1f} points on; smaller ones to published figures say "
            "nothing."
        )


def final_test_tables(result: FinalTest) -> list[Table]:
    """Return everything the test measured, in reading order; empty tables left out."""
    tables = [
        _chain_table(result),
        _classes_table(result),
        _measures_table(result),
        _published_table(result),
        _seeds_table(result),
    ]
    return [table for table in tables if table.rows]


def _chain_table(result: FinalTest) -> Table:
    return Table(
        caption="From validation to test",
        headers=("Figure", "Value"),
        rows=tuple((link.name, measure("", link.value)) for link in result.chain),
        numeric=frozenset({1}),
    )


def _measures_table(result: FinalTest) -> Table:
    names = list(dict.fromkeys([*result.over_seeds, *result.over_images]))
    return Table(
        caption="Test measures; an interval over seeds tells how trainings differ, one over "
        "images how far other images could",
        headers=("Measure", "Over seeds", "One network, over images", "Interval by"),
        rows=tuple(
            (
                metric_headline(name),
                _spread(name, result.over_seeds.get(name)),
                _spread(name, result.over_images.get(name)),
                result.interval_methods.get(name, ABSENT),
            )
            for name in names
        ),
        numeric=frozenset({1, 2}),
    )


def _spread(metric: str, spread: Spread | None) -> str:
    return ABSENT if spread is None else spread_words(metric, spread)


def _classes_table(result: FinalTest) -> Table:
    return Table(
        caption="Each class",
        headers=("Class", "Images", "Recall", "Precision"),
        rows=tuple(
            (each.name, whole(each.images), percent(each.recall), percent(each.precision))
            for each in result.classes
        ),
        numeric=frozenset({1, 2, 3}),
    )


def _seeds_table(result: FinalTest) -> Table:
    names = list(dict.fromkeys(name for seed in result.per_seed for name in seed))
    return Table(
        caption="Each training",
        headers=("Run", *map(metric_headline, names)),
        rows=tuple(
            (str(run), *(measure(name, seed.get(name)) for name in names))
            for run, seed in enumerate(result.per_seed, 1)
        ),
        numeric=frozenset(range(len(names) + 1)),
    )


def _published_table(result: FinalTest) -> Table:
    ours = _ours(result)
    rows = [
        (each.name, measure("", each.accuracy), measure("", each.auc), each.source or ABSENT)
        for each in result.published
    ]
    return Table(
        caption="Published figures on the same test part",
        headers=("Method", "Accuracy", "AUC", "Source"),
        rows=(*ours, *rows) if rows else (),
        numeric=frozenset({1, 2}),
        strong=frozenset({0}),
    )


def _ours(result: FinalTest) -> Sequence[tuple[str, str, str, str]]:
    accuracy, auc = (result.over_seeds.get(f"test_{name}") for name in ("accuracy", "auc"))
    return [
        (
            "This study, mean over seeds",
            ABSENT if accuracy is None else measure("", accuracy.mean),
            ABSENT if auc is None else measure("", auc.mean),
            f"look {result.look}",
        )
    ]
