"""What a confirmation and a final test found, as sections for every report format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from study.common.formats import (
    ABSENT,
    amount,
    counted,
    describe_metric,
    measure,
    metric_headline,
    moment,
    percent,
    whole,
)
from study.confirmation.result import Confirmation
from study.final_test.access_log import Access
from study.final_test.result import ACCURACY, AUC, FinalTest, PublishedResult, against_published
from study.report.document import (
    Block,
    Figure,
    Group,
    Paragraph,
    Section,
    Table,
    blocks_of,
    flattened,
    number_column,
    paragraphs,
    table_of,
    text_column,
)
from study.report.study_summary import StudySummary
from study.statistics.results import Interval, Spread

_NOT_CONFIRMED = (
    "Not confirmed yet. The best value of a search is the luckiest of many and too optimistic. "
    "Training the best candidates again with fresh seeds shows by how much."
)
_PARTS = {"train": "the training part", "train+val": "the training and validation parts"}


def after_search(summary: StudySummary) -> list[Block]:
    """Return what confirmation and test found, in sentences; nothing before both."""
    if summary.confirmation is None and summary.test is None and not summary.accesses:
        return []
    return [
        block
        for block in flattened(*outcome_sections(summary, {}))
        if isinstance(block, Paragraph) and block.style == "plain"
    ]


def outcome_sections(summary: StudySummary, figures: Mapping[str, Figure]) -> tuple[Section, ...]:
    """Return the sections on confirmation and test; none for the trainings of these steps."""
    if summary.trained_for:
        return ()
    of_the_test = [figures[name] for name in ("confusion", "reliability") if name in figures]
    return (
        confirmation_section(summary.confirmation, figure=figures.get("confirmation")),
        final_test_section(summary.test, summary.accesses, figures=of_the_test),
    )


def confirmation_section(result: Confirmation | None, *, figure: Figure | None = None) -> Section:
    """Return what the fresh runs say, or that no candidate is confirmed yet."""
    blocks = (
        blocks_of(Paragraph(_NOT_CONFIRMED, "quiet"))
        if result is None
        else blocks_of(
            paragraphs(_describe_confirmation(result)),
            figure,
            _candidates_table(result),
            _tests_table(result),
        )
    )
    return Section(anchor="confirmation", heading="Confirmation", blocks=blocks)


def _describe_confirmation(result: Confirmation) -> Iterator[str]:
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
    return table_of(
        f"{metric_headline(metric)} of the best candidates, trained again",
        result.candidates,
        (number_column("Trial"), lambda c: str(c.number)),
        (text_column("Candidate", 3), lambda c: c.candidate_id),
        (number_column("Fresh mean"), lambda c: measure(metric, c.fresh.mean)),
        (number_column("Std", 2), lambda c: measure(metric, c.fresh.std)),
        (text_column("Interval"), lambda c: describe_interval(metric, c.fresh.interval)),
        (
            text_column("Fresh runs", 4),
            lambda c: ", ".join(measure(metric, value) for value in c.fresh_values),
        ),
        (number_column("Search", 1), lambda c: measure(metric, c.search_value)),
        (number_column("All runs", 2), lambda c: measure(metric, c.choosing_mean)),
        strong={0},
    )


def _tests_table(result: Confirmation) -> Table:
    return table_of(
        "The first candidate against the second; a positive difference favours the first",
        result.tests,
        (text_column("Test"), lambda test: test.method),
        (number_column("Pairs"), lambda test: whole(test.pairs)),
        (number_column("Difference"), lambda test: f"{test.difference:+.4f}"),
        (text_column("Interval"), lambda test: _signed(test.interval) or ABSENT),
        (number_column("p"), lambda test: _p_value(test.p_value)),
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


def final_test_section(
    result: FinalTest | None, accesses: Sequence[Access], *, figures: Sequence[Figure] = ()
) -> Section:
    """Return the results of the latest test and the test-set access log.

    Without figures, the confusion matrix is a table.
    """
    return Section(
        anchor="test",
        heading="Test",
        blocks=blocks_of(
            () if result is None else paragraphs(_describe_test(result)),
            Paragraph(describe_accesses(len(accesses))),
            Group(layout="panels", blocks=tuple(figures)),
            Group(layout="panels", blocks=() if result is None else _test_tables(result)),
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


def _describe_test(result: FinalTest) -> Iterator[str]:
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


def _test_tables(result: FinalTest) -> tuple[Block, ...]:
    return blocks_of(
        _chain_table(result),
        _measures_table(result),
        _classes_table(result),
        _networks_table(result),
        _published_table(result),
    )


def _chain_table(result: FinalTest) -> Table:
    validated = f"; validation: {result.validated}" if result.validated else ""
    return table_of(
        f"From validation to test{validated}",
        result.chain,
        (text_column("Figure"), lambda link: link.name),
        (number_column("Value"), lambda link: measure("", link.value)),
    )


def _measures_table(result: FinalTest) -> Table:
    def over_images(name: str) -> str:
        spread = result.mean_over_images.get(name)
        return ABSENT if spread is None else describe_interval(name, spread.interval)

    def exported(name: str) -> str:
        own, interval = result.first.measures[name], result.first.intervals.get(name)
        if interval is None:
            return measure(name, own)
        return f"{own:.4f} {describe_interval(name, interval)}"

    return table_of(
        "Test measures. Over seeds: other trainings on these images (t-interval). Over "
        "images: these networks on other images (bootstrap; Wilson for one network's accuracy)",
        result.over_seeds.items(),
        (text_column("Measure"), lambda pair: metric_headline(pair[0])),
        (number_column("Mean over seeds"), lambda pair: describe_spread(*pair)),
        (number_column("Std", 2), lambda pair: measure(pair[0], pair[1].std)),
        (text_column("Mean, over images", 1), lambda pair: over_images(pair[0])),
        (number_column("Exported network, over images", 3), lambda pair: exported(pair[0])),
    )


def _classes_table(result: FinalTest) -> Table:
    return table_of(
        "Each class, by the exported network, with Wilson's intervals",
        result.classes,
        (text_column("Class"), lambda c: c.name),
        (number_column("Images"), lambda c: whole(c.images)),
        (number_column("Recall"), lambda c: _share(c.recall, c.recall_interval)),
        (number_column("Precision"), lambda c: _share(c.precision, c.precision_interval)),
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
            (str(i), str(network.seed), *(measure(n, network.measures[n]) for n in names))
            for i, network in enumerate(result.networks, 1)
        ),
    )


def _published_table(result: FinalTest) -> Table | None:
    if not result.published:
        return None
    auc = result.over_seeds.get(AUC)
    ours = PublishedResult(
        name="This study, mean over seeds",
        accuracy=result.over_seeds[ACCURACY].mean,
        auc=None if auc is None else auc.mean,
        source=f"access {result.access}",
    )
    return table_of(
        "Published results on the same test part",
        (ours, *result.published),
        (text_column("Method"), lambda each: each.name),
        (number_column("Accuracy"), lambda each: measure("", each.accuracy)),
        (number_column("AUC"), lambda each: measure("", each.auc)),
        (
            text_column("This study minus published"),
            lambda each: ABSENT if each is ours else _against(result, each),
        ),
        (text_column("Source", 1), lambda each: each.source or ABSENT),
        strong={0},
    )


def _against(result: FinalTest, published: PublishedResult) -> str:
    """Return the difference in accuracy to a published result, and whether it is significant."""
    if published.accuracy is None:
        return ABSENT
    ours = result.over_seeds[ACCURACY].mean
    verdict = against_published(ours, published.accuracy, result.images)
    return f"{100 * (ours - published.accuracy):+.1f} points, {verdict}"


def _confusion_table(result: FinalTest) -> Table:
    names = [each.name for each in result.classes]
    return Table(
        caption="True class (row) by predicted class (column), exported network",
        columns=(text_column("True class"), *map(number_column, names)),
        rows=tuple(
            (name, *map(whole, row))
            for name, row in zip(names, result.first.confusion, strict=True)
        ),
    )


def _access_table(accesses: Sequence[Access]) -> Table:
    return table_of(
        "Test-set access log",
        enumerate(accesses, 1),
        (number_column("Access"), lambda entry: str(entry[0])),
        (text_column("When"), lambda entry: moment(entry[1].when)),
        (text_column("Candidate"), lambda entry: entry[1].candidate_id),
        (text_column("Trained on"), lambda entry: entry[1].fit_on),
        (text_column("Code", 1), lambda entry: entry[1].code_version),
    )
