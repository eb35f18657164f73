"""``run_study.py reproduce``: train a bundle's network again and compare.

On the same machine with the same versions the weights are the same to the last bit. Elsewhere
rounding differs, grows over the training, and in the end acts like another seed. The measures must
then lie in the range in which another run is expected. The test part is not opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
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
from study.common.version import NUMERIC_VERSION, code_version, library_versions
from study.network.build import weights_of
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.training import TrainingSettings, train
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, StudySettings
from study.statistics.results import Interval

Verdict = Literal["identical", "within", "outside", "not judged"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Retrained:
    """The result of the second training.

    Args:
        network: The trained network.
        metrics: On the validation part, named with their split.
        versions: Of the code and the libraries; hardware; under the bundle's names.
    """

    network: nn.Module
    metrics: Mapping[str, float]
    versions: Mapping[str, str]


def retrain(bundle: Bundle, data: TrainingData, *, versions: Mapping[str, str]) -> Retrained:
    """Train a bundle's network again, as its ``training`` says.

    Args:
        bundle: The description.
        data: The images and labels it was trained on.
        versions: Of the code and the libraries; hardware; under the bundle's names.
    """
    facts = bundle.training
    settings = TrainingSettings(
        seed=facts.seed,
        epochs=facts.epochs,
        precision=facts.precision,
        micro_batch=facts.micro_batch,
    )
    training = train(bundle.stack, bundle.candidate.recipe, data, settings=settings)
    return Retrained(network=training.network, metrics=training.metrics, versions=versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureComparison:
    """One measure of the first and of the second training.

    Args:
        name: With its split.
        then: In the bundle.
        now: Of the training done again.
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
        measures: Those that both have.
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
        judged = [m.expected.covers(m.now) for m in self.measures if m.expected is not None]
        if not judged or self.largest_difference is None:
            return "not judged" if self.largest_difference is not None else "outside"
        return "within" if all(judged) else "outside"


def reproduce(
    classifier: Classifier, retrain: Callable[[Bundle], Retrained], *, data_sha256: str
) -> Reproduction:
    """Train again and compare.

    Args:
        classifier: From ``load``.
        retrain: Trains the bundle's network again, as the function of this name does.
        data_sha256: Digest of the images and labels that ``retrain`` uses.

    Raises:
        EvaluationError: These are not the data the network was trained on.
    """
    bundle = classifier.bundle
    if bundle.data.sha256 and data_sha256 != bundle.data.sha256:
        raise EvaluationError(
            f"{bundle.name} was trained on other images or labels of {bundle.data.name} (SHA-256 "
            f"{bundle.data.sha256[:16]}…, here {data_sha256[:16]}…); give the same data set, size "
            "and split"
        )
    again = retrain(bundle)
    return Reproduction(
        identical=weights_of(again.network) == weights_of(classifier.network),
        largest_difference=_largest_difference(classifier.network, again.network),
        measures=_compare_measures(bundle, again.metrics),
        differences=_differences(bundle.versions, again.versions),
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


_VERDICTS: Mapping[Verdict, str] = {
    "identical": "the weights are the same to the last bit",
    "within": "the weights differ; the measures lie in the range expected of another run",
    "outside": "not reproduced: the network differs by more than another run would",
    "not judged": (
        "not judged: the weights differ, and the bundle has no range in which a validation figure "
        "of another run must lie"
    ),
}


def _position(measure: MeasureComparison) -> str:
    if measure.expected is None:
        return ""
    inside = "inside" if measure.expected.covers(measure.now) else "outside"
    low, high = measure.expected.low, measure.expected.high
    return f"; {inside} the expected {low:.4f} to {high:.4f}"


def _compare_measures(bundle: Bundle, now: Mapping[str, float]) -> tuple[MeasureComparison, ...]:
    return tuple(
        MeasureComparison(
            name=name,
            then=figure.value,
            now=float(now[name]),
            expected=figure.next_run or figure.over_images,
        )
        for name, figure in bundle.figures.items()
        if name in now
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


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"{name}: {then.get(name, 'not known')} then, {now.get(name, 'not known')} now"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    )


def reproduce_bundle(
    classifier: Classifier, run_context: RunContext, *, dataset: str | None = None
) -> Reproduction:
    """Train a bundle's network again, on the same images, and compare.

    Args:
        classifier: From ``load``.
        run_context: Data and device; the storage is not used.
        dataset: Where the data set is now; by default as in the bundle.

    Raises:
        StudyError: The data are missing or not the same.
    """
    bundle = classifier.bundle
    settings = _settings(bundle, dataset)
    fit_on: FitOn = "train" if bundle.training.fit_on == "train" else "train+val"
    data, described = load_data(settings, run_context, fit_on=fit_on)
    assert data is not None
    device = choose_device(run_context.device)
    images = TrainingData(
        train_images=data.train_images.to(device),
        train_labels=data.train_labels.to(device),
        val_images=data.val_images.to(device),
        val_labels=data.val_labels.to(device),
    )
    now = {
        "cpu": processor(),
        "device": str(device),
        "libraries": library_versions(),
        "code": code_version(),
        "numeric": NUMERIC_VERSION,
    }
    again = partial(retrain, data=images, versions=versions_of(now))
    return reproduce(classifier, again, data_sha256=described["sha256"])


def _settings(bundle: Bundle, dataset: str | None) -> StudySettings:
    """Return the settings of the training; the search space is not needed.

    Raises:
        EvaluationError: Another version of the program wrote them.
    """
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
