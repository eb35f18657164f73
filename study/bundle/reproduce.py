"""``run_study.py reproduce``: train a bundle's network again and compare.

On the same machine with the same versions the weights are the same to the last bit. Elsewhere
rounding differs, and the difference grows over the training until it acts like another seed. The
measures must then lie in the range in which another run is expected. The test part is not opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import ValidationError
from torch import nn

from study.bundle.bundle import Bundle
from study.bundle.classifier import Classifier
from study.bundle.export import versions_of
from study.common.errors import EvaluationError
from study.common.formats import describe_metric
from study.common.machine import choose_device, processor
from study.network.build import weights_of
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.training import TrainingSettings, train
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.statistics.results import Interval
from study.storage.stored_study import versions

Verdict = Literal["identical", "within", "outside", "not judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureComparison:
    """One measure of the first and of the second training.

    Args:
        name: With its split.
        then: In the bundle.
        now: Of the second training.
        expected: Range in which another run is expected; None if the bundle has none.
    """

    name: str
    then: float
    now: float
    expected: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """How the second training compares with the first.

    Args:
        identical: Whether all weights are the same to the last bit.
        largest_difference: Between two weights; None where the layers differ.
        measures: The measures of both trainings.
        differences: Versions and hardware that differ, one line each.
    """

    identical: bool
    largest_difference: float | None
    measures: tuple[MeasureComparison, ...]
    differences: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """``identical``, or whether every measure with an expected range lies in it.

        Without such a measure (the network learned the validation images), only identical
        weights show that it is the same network.
        """
        if self.identical:
            return "identical"
        if self.largest_difference is None:
            return "outside"
        judged = [m.expected.covers(m.now) for m in self.measures if m.expected is not None]
        if not judged:
            return "not judged"
        return "within" if all(judged) else "outside"


_VERDICTS: Mapping[Verdict, str] = {
    "identical": "the weights are the same to the last bit",
    "within": "the weights differ; the measures lie in the range expected of another run",
    "outside": "not reproduced: the network differs by more than another run would",
    "not judged": (
        "not judged: the weights differ, and the bundle has no range in which a validation figure "
        "of another run must lie"
    ),
}


def reproduce_bundle(
    classifier: Classifier, run_context: RunContext, *, dataset: str | None = None
) -> Reproduction:
    """Train a bundle's network again, on the same images, and compare.

    Args:
        run_context: Data and device; the storage is not used.
        dataset: Where the data set is now; by default as in the bundle.
    """
    bundle = classifier.bundle
    facts = bundle.training
    data, _ = load_data(_settings(bundle, dataset), run_context, fit_on=facts.fit_on)
    assert data is not None
    if bundle.data.sha256 and data.sha256 != bundle.data.sha256:
        raise EvaluationError(
            f"{bundle.name} was trained on other images or labels of {bundle.data.name} (SHA-256 "
            f"{bundle.data.sha256[:16]}…, here {data.sha256[:16]}…); give the same data set, size "
            "and split"
        )
    device = choose_device(run_context.device)
    images = TrainingData(
        train_images=data.train_images.to(device),
        train_labels=data.train_labels.to(device),
        val_images=data.val_images.to(device),
        val_labels=data.val_labels.to(device),
    )
    settings = TrainingSettings(
        seed=facts.seed,
        epochs=facts.epochs,
        precision=facts.precision,
        micro_batch=facts.micro_batch,
    )
    training = train(bundle.stack, bundle.candidate.recipe, images, settings=settings)
    environment = {**versions(), "cpu": processor(), "device": str(device)}
    return compare(classifier, training.network, training.metrics, versions_of(environment))


def _settings(bundle: Bundle, dataset: str | None) -> StudySettings:
    """Return the settings of the training. The search space is not needed."""
    changes = {} if dataset is None else {"dataset": dataset}
    try:
        return StudySettings.model_validate({"space_text": "", **bundle.settings, **changes})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise EvaluationError(
            f"{bundle.name}: its settings cannot be read: {where}: {first['msg']}; use the "
            f"version that made it, {bundle.versions.get('code', 'which is not stated')}"
        ) from None


def compare(
    classifier: Classifier,
    network: nn.Module,
    metrics: Mapping[str, float],
    versions_now: Mapping[str, str],
) -> Reproduction:
    """Compare a bundle's network with that of a second training.

    Args:
        metrics: Of the second training on the validation part, named with their split.
        versions_now: As ``Bundle.versions``.
    """
    bundle, then = classifier.bundle, classifier.bundle.versions
    measures = tuple(
        MeasureComparison(
            name=name,
            then=figure.value,
            now=float(metrics[name]),
            expected=figure.next_run or figure.over_images,
        )
        for name, figure in bundle.figures.items()
        if name in metrics
    )
    differences = tuple(
        f"{name}: {then.get(name, 'not known')} then, {versions_now.get(name, 'not known')} now"
        for name in sorted(then.keys() | versions_now.keys())
        if then.get(name) != versions_now.get(name)
    )
    return Reproduction(
        identical=weights_of(network) == weights_of(classifier.network),
        largest_difference=_largest_difference(classifier.network, network),
        measures=measures,
        differences=differences,
    )


def _largest_difference(first: nn.Module, second: nn.Module) -> float | None:
    ours, theirs = first.state_dict(), second.state_dict()
    if {n: t.shape for n, t in ours.items()} != {n: t.shape for n, t in theirs.items()}:
        return None
    with torch.inference_mode():
        return max(
            float((tensor.double() - theirs[name].cpu().double()).abs().max())
            for name, tensor in ours.items()
        )


def describe_reproduction(result: Reproduction) -> str:
    """Return the outcome as plain text."""
    return "\n".join(_lines(result)) + "\n"


def _lines(result: Reproduction) -> Iterator[str]:
    yield _VERDICTS[result.verdict]
    if not result.identical and result.largest_difference is not None:
        yield f"largest difference between two weights: {result.largest_difference:.2g}"
    for m in result.measures:
        yield f"{describe_metric(m.name)}: {m.now:.4f} now, {m.then:.4f} then{_position(m)}"
    yield from (f"differs: {line}" for line in result.differences)


def _position(measure: MeasureComparison) -> str:
    if measure.expected is None:
        return ""
    inside = "inside" if measure.expected.covers(measure.now) else "outside"
    low, high = measure.expected.low, measure.expected.high
    return f"; {inside} the expected {low:.4f} to {high:.4f}"
