"""``run_study.py export``: write a network of a study as a bundle.

A bundle is written completely or not at all, and nothing is overwritten.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from study.bundle.bundle import (
    CARD,
    DESCRIPTION,
    ONNX,
    SPACE,
    WEIGHTS,
    Bundle,
    DataFacts,
    MeasuredValue,
    Preprocessing,
    TrainingFacts,
    description_text,
    sealed,
)
from study.bundle.chosen_network import ChosenNetwork, choose, final_figures, validation_figures
from study.bundle.classifier import Classifier, classifier_of
from study.bundle.onnx_model import OnnxModel, onnx_available, onnx_model
from study.common.atomic_write import atomic_write, temporary_name
from study.common.errors import EvaluationError
from study.common.formats import ABSENT, describe_metric, in_markdown, measure
from study.confirmation.retraining import Networks
from study.data.catalogue import licence_and_source
from study.final_test.access_log import read_accesses
from study.network.build import sha256, weights_of
from study.network.forward import MIDDLE
from study.performance_estimation.training.training import Training
from study.search_space.describe import describe_layers
from study.search_space.resolve import complexity, resolve
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.statistics.results import LEVEL, Interval
from study.storage.stored_study import StoredStudy, open_study

PREPROCESSING = Preprocessing(subtract=MIDDLE, multiply=1 / MIDDLE)
"""What ``normalise`` does in training, in the form that a bundle stores."""

ONNX_IMAGES = 256
"""Number of validation images on which ONNX and PyTorch are compared."""

RETRAINED = (
    "The network of this seed was tested, but its checkpoint is missing. Training it again gave "
    "other weights, which were never tested, so the figures of the test are left out. Export on "
    "the machine that has the checkpoint to get the tested network."
)


def export_study(
    name: str,
    run_context: RunContext,
    *,
    directory: Path,
    now: dt.datetime,
    onnx: bool | None = None,
) -> Bundle:
    """Write the network of the study ``name`` as a bundle, and return its description.

    It is the tested network; without a test, a fresh one of the confirmed candidate; without a
    confirmation, the best of the search.

    Args:
        directory: Must not exist, or be empty.
        now: Time of the export.
        onnx: Whether to write ONNX; by default, if its packages are installed.
    """
    check_directory(directory)  # before anything that takes time
    origin = open_study(name, run_context.url)
    chosen = choose(origin, run_context)
    networks = Networks.of(chosen.stored, run_context)
    training = networks.training(chosen.record)
    tested = chosen.result
    if tested is not None and tested.first.weights != sha256(weights_of(training.network)):
        chosen = replace(chosen, result=None, limits=(*chosen.limits, RETRAINED))
    bundle = _bundle(origin, chosen, networks, training, now)
    try:
        classifier = classifier_of(bundle, weights_of(training.network))
    except ValueError as error:
        raise EvaluationError(f"the network cannot be exported: {error}") from None
    model = None
    if onnx or (onnx is None and onnx_available()):
        images = networks.estimator.data.val_images[:ONNX_IMAGES].cpu()
        model = onnx_model(classifier, images)
    return write_bundle(directory, classifier, space_text=origin.settings.space_text, onnx=model)


def _bundle(
    origin: StoredStudy,
    chosen: ChosenNetwork,
    networks: Networks,
    training: Training,
    now: dt.datetime,
) -> Bundle:
    record, stored = chosen.record, chosen.stored
    candidate = networks.candidate(record)
    whole_batches = training.micro_batch >= candidate.recipe.batch_size
    return Bundle(
        name=origin.settings.study,
        candidate_id=record.candidate_id,
        candidate=candidate,
        stack=resolve(candidate.architecture, stored.image),
        class_names=tuple(stored.data["classes"]),
        preprocessing=PREPROCESSING,
        data=_data_facts(origin, stored),
        training=TrainingFacts(
            seed=networks.seed(record),
            epochs=candidate.recipe.epochs,
            precision=networks.estimator.context.precision,
            micro_batch=None if whole_batches else training.micro_batch,
            fit_on=chosen.fit_on,
            study=stored.settings.study,
            number=chosen.number,
        ),
        figures=_figures(chosen, training),
        test_accesses=len(read_accesses(origin.study)),
        settings=_described_settings(stored.settings),
        versions=versions_of(stored.environment),
        limits=chosen.limits,
        created=now.isoformat(timespec="seconds"),
    )


def _data_facts(origin: StoredStudy, stored: StoredStudy) -> DataFacts:
    """Return the facts about the data; the original study's checks include the test part."""
    data = stored.data
    licence, source = licence_and_source(stored.settings.dataset)
    checks = str(origin.data.get("data_checks", "")).splitlines()
    return DataFacts(
        name=data["name"],
        licence=licence,
        source=source,
        split=data["split"],
        sha256=data["sha256"],
        notes=(*data.get("warnings", ()), *(line for line in checks if line.endswith("."))),
    )


def _figures(chosen: ChosenNetwork, training: Training) -> dict[str, MeasuredValue]:
    tested = {} if chosen.result is None else final_figures(chosen.result)
    if chosen.fit_on != "train":
        return tested  # the validation images were learned
    siblings = {name: [run.metrics[name] for run in chosen.siblings] for name in training.metrics}
    images = int(chosen.stored.data["validation"])
    validated = validation_figures(training.metrics, images=images, siblings=siblings)
    return {**validated, **tested}


def _described_settings(settings: StudySettings) -> dict[str, Any]:
    """Return the settings without the space, which is a file of its own, and without the plan."""
    kept = settings.model_dump(mode="json", exclude={"space_text", "plan", "candidates"})
    return {name: value for name, value in kept.items() if value not in (None, [], {})}


def versions_of(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return versions and hardware under a bundle's names, from a stored environment."""
    return {
        **environment.get("libraries", {}),
        **{key: str(environment[key]) for key in ("cpu", "device") if key in environment},
        "code": str(environment.get("code", "")),
        "arithmetic": str(environment.get("numeric", "")),
    }


def write_bundle(
    directory: Path,
    classifier: Classifier,
    *,
    space_text: str = "",
    onnx: OnnxModel | None = None,
) -> Bundle:
    """Write a bundle, and return its description with files, digest and ONNX check.

    It is written under a temporary name in the same folder, flushed to disk, and renamed.

    Args:
        directory: Must not exist, or be empty.
        space_text: YAML of the search space; empty for none.
    """
    directory = directory.resolve()  # "." has no name
    check_directory(directory)
    bundle = replace(classifier.bundle, onnx=None if onnx is None else onnx.check)
    contents = {WEIGHTS: weights_of(classifier.network), CARD: model_card(bundle).encode()}
    if space_text:
        contents[SPACE] = space_text.encode()
    if onnx is not None:
        contents[ONNX] = onnx.content
    try:
        written = sealed(bundle, contents)
    except ValueError as error:  # a number that JSON cannot hold
        raise EvaluationError(f"{directory}: not written: {error}") from None
    try:
        _write(directory, {**contents, DESCRIPTION: description_text(written).encode()})
    except OSError as error:
        raise EvaluationError(
            f"{directory}: cannot be written: {error.strerror or error}; name another directory"
        ) from None
    return written


def check_directory(directory: Path) -> None:
    """Raise EvaluationError unless a directory does not exist or is empty."""
    if not directory.exists():
        return
    if not directory.is_dir():
        raise EvaluationError(f"{directory}: is a file; name a directory that does not exist yet")
    if any(directory.iterdir()):
        raise EvaluationError(
            f"{directory}: not empty, and nothing is overwritten; name another directory "
            "or remove this one"
        )


def _write(directory: Path, contents: Mapping[str, bytes]) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = directory.with_name(temporary_name(f".{directory.name}"))
    temporary.mkdir()
    try:
        for name, content in contents.items():
            with atomic_write(temporary / name) as file:
                file.write(content)
        temporary.rename(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    if os.name == "posix":  # make the rename durable
        descriptor = os.open(directory.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def model_card(bundle: Bundle) -> str:
    """Return the model card as Markdown: what a person must know before using the network."""
    return _MODEL_CARD.render(
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
_MODEL_CARD = _ENVIRONMENT.get_template("model_card.md.j2")
