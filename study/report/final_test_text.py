"""A final test in words and figures."""

from __future__ import annotations

from collections.abc import Iterator

from study.final_test.final_test import FinalTest
from study.final_test.network_result import ACCURACY, AUC, BALANCED, CALIBRATION
from study.final_test.published import resolution_text
from study.report.against_published import standing
from study.results.outcomes import Published, Spread
from study.statistics.intervals import Interval

_NAMES = {
    ACCURACY: "accuracy",
    BALANCED: "balanced accuracy",
    AUC: "macro AUC",
    CALIBRATION: "calibration error",
}


def final_test_text(result: FinalTest, *, looks: int) -> str:
    """Return the figures of a final test, as plain text.

    Args:
        result: What was found.
        looks: How many looks at the test part there have been, this one included.
    """
    parts = (
        _head(result, looks),
        _over_seeds(result),
        _first_network(result),
        _confusion(result),
        _chain(result),
        _published(result),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(result: FinalTest, looks: int) -> Iterator[str]:
    yield (
        f"candidate {result.candidate_id} (trial {result.number}) on the {result.images:,} test "
        f"images of {result.dataset}, {result.size} pixels; trained on {result.fit_on}"
    )
    yield (
        f"look {result.look} of {looks} at this test part"
        + (
            "."
            if looks == 1
            else "; what was chosen after an earlier look was chosen knowing the test part."
        )
    )


def _over_seeds(result: FinalTest) -> Iterator[str]:
    share = f"{100 * result.level:.0f} %"
    runs = len(result.networks)
    yield f"{'':18} {'mean':>7} {'sd':>7}  {'over seeds':16} over images ({share})"
    for name, spread in result.over_seeds.items():
        images = result.mean_over_images.get(name)
        yield (
            f"{_NAMES[name]:18} {spread.mean:7.4f} {_number(spread.std):>7}  {_range(spread):16} "
            f"{'–' if images is None else _range(images)}"
        )
    yield (
        f"means of {runs} network{'s' * (runs > 1)} (seed{'s' * (runs > 1)} "
        f"{', '.join(map(str, result.seeds))}); over seeds: t-interval, another training on these "
        "images; over images: class-stratified bootstrap, these networks on other images"
    )
    yield ""
    yield f"{'seed':>20} {'accuracy':>9} {'Wilson':16} {'balanced':>9} {'AUC':>7} {'ECE':>7}"
    for network in result.networks:
        m = network.measures
        yield (
            f"{network.seed:20} {m[ACCURACY]:9.4f} {network.wilson!s:16} {m[BALANCED]:9.4f} "
            f"{m[AUC]:7.4f} {m[CALIBRATION]:7.4f}"
        )


def _first_network(result: FinalTest) -> Iterator[str]:
    yield f"the network of the first seed, {result.seeds[0]}, which 'export' writes:"
    width = max(len(c.name) for c in result.classes)
    yield f"  {'class':{width}} {'images':>7}  {'recall':22} precision"
    for c in result.classes:
        yield (
            f"  {c.name:{width}} {c.images:7,}  {_share(c.recall, c.recall_interval):22} "
            f"{_share(c.precision, c.precision_interval)}"
        )


def _confusion(result: FinalTest) -> Iterator[str]:
    yield "true class (row) taken for (column):"
    width = max(len(c.name) for c in result.classes)
    cell = max(5, *(len(f"{n:,}") + 1 for row in result.confusion for n in row))
    yield f"  {'':{width}}" + "".join(f"{i:>{cell}}" for i in range(len(result.classes)))
    for i, (c, row) in enumerate(zip(result.classes, result.confusion, strict=True)):
        yield f"  {c.name:{width}}" + "".join(f"{n:{cell},}" for n in row) + f"   {i}"


def _chain(result: FinalTest) -> Iterator[str]:
    yield " → ".join(f"{link.name} {link.value:.4f}" for link in result.chain)
    if result.validated:
        yield f"(validation: {result.validated}; means over networks)"


def _published(result: FinalTest) -> Iterator[str]:
    accuracy = result.over_seeds[ACCURACY].mean
    yield resolution_text(result.images, accuracy)
    if not result.published:
        return
    yield "published on this test part (ours against it):"
    width = max(len(p.name) for p in result.published)
    for p in result.published:
        yield f"  {p.name:{width}} {_cells(p)}  {_standing(result, p):14} {p.source}"


def _cells(published: Published) -> str:
    return f"ACC {_number(published.accuracy, 3)}  AUC {_number(published.auc, 3)}"


def _standing(result: FinalTest, published: Published) -> str:
    if published.accuracy is None:
        return ""
    mean = result.over_seeds[ACCURACY].mean
    return standing(mean, published.accuracy, result.images, level=result.level)


def _share(value: float | None, interval: Interval | None) -> str:
    return "–" if value is None else f"{value:.3f} {interval}"


def _range(spread: Spread) -> str:
    if spread.low is None or spread.high is None:
        return "–"
    return f"[{spread.low:.4f}, {spread.high:.4f}]"


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
