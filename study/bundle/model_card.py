"""The model card: what a person must know before using the network."""

from __future__ import annotations

from collections.abc import Iterator

from study.bundle.bundle import Bundle, Figure
from study.common.escaping import in_markdown
from study.common.formats import describe_metric
from study.search_space.describe import describe_layers
from study.search_space.resolve import complexity
from study.statistics.results import Interval

NOT_CLINICAL = (
    "**Not for clinical use.** This network is the outcome of an experiment on small public "
    "images. It is no medical device, was tested on no patient's behalf, and must not be used to "
    "diagnose, to treat, or to decide anything about a person."
)


def model_card(bundle: Bundle) -> str:
    """Return the model card as Markdown."""
    sections = {
        "": _summary(bundle),
        "How to use it": _use(bundle),
        "Figures": _figures(bundle),
        "Data": _data(bundle),
        "Network": _network(bundle),
        "Training": _training(bundle),
        "Limits": _limits(bundle),
        "Versions": (f"- {name}: {version}" for name, version in sorted(bundle.versions.items())),
    }
    parts = [f"# {in_markdown(bundle.name)}\n"]
    for title, lines in sections.items():
        text = "\n".join(lines)
        if text:
            parts.append(f"## {title}\n\n{text}\n" if title else f"{text}\n")
    return "\n".join(parts)


def _summary(bundle: Bundle) -> Iterator[str]:
    image = bundle.stack.image
    kind = "RGB" if image.channels == 3 else "grey"
    yield (
        f"A convolutional network that sorts {kind} images of {image.size}×{image.size} pixels "
        f"into {image.classes} classes: {', '.join(map(in_markdown, bundle.class_names))}. It was "
        f"found by neural architecture search (candidate `{bundle.candidate_id}`) and trained on "
        f"{in_markdown(bundle.data.name)}."
    )
    yield ""
    yield NOT_CLINICAL


def _use(bundle: Bundle) -> Iterator[str]:
    image = bundle.stack.image
    yield "```python"
    yield "from study import load"
    yield ""
    yield 'classifier = load("this directory")'
    yield (
        f"classifier.probabilities(images)  # uint8 (n, {image.channels}, {image.size}, "
        f"{image.size}) → (n, {image.classes})"
    )
    yield "```"
    yield ""
    yield "`run_study.py predict DIR IMAGES…` classifies files. " + (
        f"`model.onnx` takes uint8 (n, {image.size}, {image.size}, {image.channels}) as decoded "
        f"and holds the preprocessing; on {bundle.onnx.images:,} real images its probabilities "
        f"differ from PyTorch's by {bundle.onnx.largest_difference:.1e} at most, and it names the "
        f"same class for {bundle.onnx.same_class:,}."
        if bundle.onnx
        else "There is no ONNX file in this bundle."
    )


def _figures(bundle: Bundle) -> Iterator[str]:
    if not bundle.figures:
        yield "None: the network has been neither confirmed nor tested."
        return
    yield "| measure | this network | over images | mean over seeds | over seeds |"
    yield "|---|---|---|---|---|"
    for name, figure in bundle.figures.items():
        yield _figure_row(name, figure)
    yield ""
    yield (
        "Intervals are 95 % unless another level is stated. Over images: how the same network "
        "could fare on other images of this kind. Over seeds: the mean of several trainings of "
        "this candidate."
    )
    yield ""
    if bundle.test_accesses:
        times = "once" if bundle.test_accesses == 1 else f"{bundle.test_accesses} times"
        yield f"The test part was opened {times} for this study."
    else:
        yield (
            "The test part has not been opened: these figures are from validation images, by "
            "which the candidate was chosen, and are too good by an unknown amount."
        )


def _figure_row(name: str, figure: Figure) -> str:
    mean = "–" if figure.mean is None else f"{figure.mean:.4f}"
    cells = (describe_metric(name), f"{figure.value:.4f}", _range(figure.over_images), mean)
    return f"| {' | '.join(cells)} | {_range(figure.over_seeds)} |"


def _range(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    level = "" if interval.level == 0.95 else f" ({100 * interval.level:g} %)"
    return f"{interval.low:.4f} to {interval.high:.4f}{level}"


def _data(bundle: Bundle) -> Iterator[str]:
    data = bundle.data
    fit_on = bundle.training.fit_on
    yield f"- data set: {in_markdown(data.name)}, {data.split} split; fitted on: {fit_on}"
    yield f"- licence of the images: {in_markdown(data.licence) or 'not stated'}"
    if data.source:
        yield f"- source: {in_markdown(data.source)}"
    if data.sha256:
        yield f"- SHA-256 of images and labels: `{data.sha256}`"
    yield from (f"- {in_markdown(note)}" for note in data.notes)


def _network(bundle: Bundle) -> Iterator[str]:
    counts = complexity(bundle.stack)
    yield f"{counts.parameters:,} parameters, {counts.macs:,} multiply-accumulates an image."
    yield ""
    yield "| layer | | out |"
    yield "|---|---|---|"
    for layer in describe_layers(bundle.stack):
        yield f"| {layer.name} | {layer.detail} | {layer.shape} |"


def _training(bundle: Bundle) -> Iterator[str]:
    training, recipe = bundle.training, bundle.candidate.recipe
    yield f"- seed {training.seed}, {training.epochs} epochs, {training.precision}"
    yield (
        f"- {recipe.optimizer}, learning rate {recipe.learning_rate:g} ({recipe.schedule}), "
        f"batches of {recipe.batch_size}, weight decay {recipe.weight_decay:g}"
    )
    yield (
        f"- flips: {'left-right' if recipe.flip else 'none'}; shifts up to {recipe.shift} pixels; "
        f"label smoothing {recipe.label_smoothing:g}; unequal classes: {recipe.balance}"
    )
    yield (
        f"- pixels are fed as (pixel - {bundle.preprocessing.subtract:g}) · "
        f"{bundle.preprocessing.multiply:g}"
    )


def _limits(bundle: Bundle) -> Iterator[str]:
    prior = (
        "as if all classes were equally frequent"
        if bundle.candidate.recipe.balance != "none"
        else "for the class shares of the training images"
    )
    yield f"- Probabilities hold {prior}; elsewhere they are off, whatever their ranking is worth."
    yield (
        "- It knows images prepared like its training images and no others; it gives a class and "
        "a probability to anything it is fed."
    )
    yield (
        "- Several images may come from one patient or device; the intervals take them as "
        "independent and are then too narrow."
    )
    yield from (f"- {in_markdown(limit)}" for limit in bundle.limits)
