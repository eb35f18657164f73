"""What a final test found, as one section for the terminal and for every report format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    measure,
    metric_headline,
    moment,
    percent,
    whole,
)
from study.final_test.access_log import Access
from study.final_test.published import against_published
from study.final_test.result import ACCURACY, AUC, FinalTest, PublishedResult
from study.report.confirmation_section import describe_interval, describe_spread
from study.report.document import (
    Figure,
    Group,
    Paragraph,
    Section,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    text_column,
)
from study.statistics.results import Interval

_PARTS = {"train": "the training part", "train+val": "the training and validation parts"}


def final_test_section(
    result: FinalTest | None, accesses: Sequence[Access], *, figures: Sequence[Figure] = ()
) -> Section:
    """Return the test's figures and the test-set access log.

    Args:
        result: The latest test; None if there was none.
        accesses: Every access to the test part.
        figures: Of the confusion matrix and the calibration. Without any, the confusion matrix is
            a table.
    """
    return Section(
        anchor="test",
        heading="Test",
        short="Test",
        blocks=blocks_of(
            () if result is None else paragraphs(_sentences(result)),
            Paragraph(describe_accesses(len(accesses))),
            Group(layout="panels", blocks=tuple(figures)),
            Group(layout="panels", blocks=() if result is None else _tables(result)),
            None if result is None or figures else _confusion_table(result),
            _access_table(accesses),
        ),
    )


def describe_accesses(count: int) -> str:
    """Return how often the test part was opened, in a sentence."""
    if count == 0:
        return "The test part has never been opened."
    if count == 1:
        return "The test part was opened once."
    return (
        f"The test part was opened {count} times. Candidates that were chosen after the first "
        "access may have been chosen by the test part."
    )


def _sentences(result: FinalTest) -> Iterator[str]:
    networks = counted(len(result.networks), "network")
    epochs = "" if result.epochs is None else f" for {amount(result.epochs)} epochs"
    yield (
        f"{networks} of trial {result.number} (candidate {result.candidate_id}), trained with "
        f"fresh seeds on {_PARTS.get(result.fit_on, result.fit_on)}{epochs}, classified the "
        f"{whole(result.images)} test images of {result.dataset}, {result.size} pixels. This was "
        f"access {result.access} to the test part."
    )
    accuracy = result.over_seeds[ACCURACY]
    interval = "" if accuracy.interval is None else f", {percent(result.level, 0)} interval"
    yield f"Test accuracy {describe_spread(ACCURACY, accuracy)} (mean over seeds{interval})."
    low, high = (100 * share for share in result.resolvable_paired)
    yield (
        f"{whole(result.images)} images show, in 4 of 5 cases, a difference in accuracy of "
        f"{100 * result.resolvable:.1f} points to a published result, and of {low:.1f} to "
        f"{high:.1f} points between two networks whose predictions are known (if 10 to 20 % of "
        "the images are classified correctly by one of them alone)."
    )


def _tables(result: FinalTest) -> tuple[Table, ...]:
    tables = (
        _chain_table(result),
        _measures_table(result),
        _classes_table(result),
        _networks_table(result),
        _published_table(result),
    )
    return tuple(table for table in tables if table.rows)


def _chain_table(result: FinalTest) -> Table:
    validated = f"; validation: {result.validated}" if result.validated else ""
    return Table(
        caption=f"From validation to test{validated}",
        columns=(text_column("Figure"), number_column("Value")),
        rows=tuple((link.name, measure("", link.value)) for link in result.chain),
    )


def _measures_table(result: FinalTest) -> Table:
    return Table(
        caption="Test measures. Over seeds: other trainings on these images (t-interval). Over "
        "images: these networks on other images (bootstrap; Wilson for one network's accuracy)",
        columns=(
            text_column("Measure"),
            number_column("Mean over seeds"),
            number_column("Std", 2),
            text_column("Mean, over images", 1),
            number_column("Exported network, over images", 3),
        ),
        rows=tuple(_measure_row(result, name) for name in result.over_seeds),
    )


def _measure_row(result: FinalTest, name: str) -> tuple[str, ...]:
    over_images = result.mean_over_images.get(name)
    first, own = result.first.measures[name], result.first.intervals.get(name)
    return (
        metric_headline(name),
        describe_spread(name, result.over_seeds[name]),
        measure(name, result.over_seeds[name].std),
        ABSENT if over_images is None else describe_interval(name, over_images.interval),
        measure(name, first) if own is None else f"{first:.4f} {describe_interval(name, own)}",
    )


def _classes_table(result: FinalTest) -> Table:
    return Table(
        caption="Each class, by the exported network, with Wilson's intervals",
        columns=(
            text_column("Class"),
            number_column("Images"),
            number_column("Recall"),
            number_column("Precision"),
        ),
        rows=tuple(
            (
                each.name,
                whole(each.images),
                _share(each.recall, each.recall_interval),
                _share(each.precision, each.precision_interval),
            )
            for each in result.classes
        ),
    )


def _share(share: float | None, interval: Interval | None) -> str:
    """Return a share and its interval in per cent: ``91.2 % [87.0, 94.1]``."""
    if share is None or interval is None:
        return percent(share)
    return f"{percent(share)} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _networks_table(result: FinalTest) -> Table:
    names = list(result.over_seeds)
    return Table(
        caption="Each network; the first is the one that 'export' writes",
        columns=(
            number_column("Network"),
            number_column("Seed", 2),
            *(number_column(metric_headline(name)) for name in names),
        ),
        rows=tuple(
            (
                str(index),
                str(network.seed),
                *(measure(name, network.measures[name]) for name in names),
            )
            for index, network in enumerate(result.networks, 1)
        ),
    )


def _published_table(result: FinalTest) -> Table:
    ours = [
        "This study, mean over seeds",
        measure("", result.over_seeds[ACCURACY].mean),
        measure("", result.over_seeds[AUC].mean) if AUC in result.over_seeds else ABSENT,
        ABSENT,
        f"access {result.access}",
    ]
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
        caption="Published results on the same test part",
        columns=(
            text_column("Method"),
            number_column("Accuracy"),
            number_column("AUC"),
            text_column("This study minus published"),
            text_column("Source", 1),
        ),
        rows=(tuple(ours), *rows) if rows else (),
        strong=frozenset({0}),
    )


def _against(result: FinalTest, published: PublishedResult) -> str:
    """Return the difference in accuracy to a published result, and whether it is significant."""
    if published.accuracy is None:
        return ABSENT
    ours = result.over_seeds[ACCURACY].mean
    verdict = against_published(ours, published.accuracy, result.images, level=result.level)
    return f"{100 * (ours - published.accuracy):+.1f} points, {verdict}"


def _confusion_table(result: FinalTest) -> Table:
    names = [each.name for each in result.classes]
    return Table(
        caption="True class (row) by predicted class (column), exported network",
        columns=(text_column("True class"), *(number_column(name) for name in names)),
        rows=tuple(
            (name, *map(whole, row))
            for name, row in zip(names, result.first.confusion, strict=True)
        ),
    )


def _access_table(accesses: Sequence[Access]) -> Table:
    return Table(
        caption="Test-set access log",
        columns=(
            number_column("Access"),
            text_column("When"),
            text_column("Candidate"),
            text_column("Trained on"),
            text_column("Code", 1),
        ),
        rows=tuple(
            (
                str(number),
                moment(access.when),
                access.candidate_id,
                access.fit_on,
                access.code_version,
            )
            for number, access in enumerate(accesses, 1)
        ),
    )
