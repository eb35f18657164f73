"""The model card: what a person must know before using the network."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from study.bundle.bundle import Bundle
from study.common.formats import ABSENT, describe_metric, in_markdown, measure
from study.search_space.describe import describe_layers
from study.search_space.resolve import complexity
from study.statistics.results import LEVEL, Interval


def model_card(bundle: Bundle) -> str:
    """Return the model card as Markdown."""
    return _TEMPLATE.render(
        bundle=bundle,
        image=bundle.stack.image,
        recipe=bundle.candidate.recipe,
        counts=complexity(bundle.stack),
        layers=describe_layers(bundle.stack),
    )


def _range(interval: Interval | None) -> str:
    if interval is None:
        return ABSENT
    level = "" if interval.level == LEVEL else f" ({100 * interval.level:g} %)"
    return f"{interval.low:.4f} to {interval.high:.4f}{level}"


_ENVIRONMENT = Environment(
    loader=PackageLoader("study.bundle", "."),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # Markdown; the template passes each text from outside through ``md``
)
_ENVIRONMENT.filters.update(
    md=in_markdown,
    metric=describe_metric,
    number=lambda value: measure("", value),
    range=_range,
)
_TEMPLATE = _ENVIRONMENT.get_template("model_card.md.j2")
