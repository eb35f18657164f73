"""``run_study.py export``: a network of a study as a bundle."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study.bundle.bundle import Bundle, DataFacts, Figure, TrainingFacts
from study.bundle.chosen_network import Chosen, choose
from study.bundle.export import PREPROCESSING, check_place, classifier_of, export
from study.bundle.figures import final_figures, validation_figures
from study.bundle.onnx_model import OnnxModel, onnx_available, onnx_model
from study.data.catalogue import origin_of
from study.final_test.test_access_log import read_accesses
from study.network.weights import sha256, weights_of
from study.performance_estimation.training.training import Training
from study.retraining.retraining import Networks
from study.search_space.resolve import resolve
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.storage.stored_study import StoredStudy, open_study

ONNX_IMAGES = 256
"""Validation images on which ONNX and PyTorch are compared."""

RETRAINED = (
    "The network of this seed was tested, but its checkpoint is not here, and training it again "
    "gave other weights: these were never tested, so the test's figures are left out. Export "
    "where the checkpoint is to hand on the tested network."
)


def export_study(
    name: str,
    run_context: RunContext,
    *,
    directory: Path,
    now: dt.datetime,
    onnx: bool | None = None,
) -> Bundle:
    """Write the network of a study as a bundle.

    It is the tested one; where nothing was tested, a fresh one of the confirmed candidate; where
    nothing was confirmed, the best of the search.

    Args:
        name: The study that searched.
        run_context: Where it is.
        directory: The bundle's place.
        now: Time of the export.
        onnx: Whether ONNX is written; where left out, if the packages for it are there.

    Raises:
        StudyError: There is no network, or it cannot be written.
    """
    check_place(directory)  # before anything that takes time
    origin = open_study(name, run_context.url)
    chosen = choose(origin, run_context)
    networks = Networks.of(chosen.stored, run_context)
    training = networks.training(chosen.record)
    chosen = _as_tested(chosen, training)
    bundle = _bundle(origin, chosen, networks, training, now)
    return export(
        directory,
        bundle=bundle,
        network=training.network,
        space_text=origin.settings.space_text,
        onnx=_onnx(bundle, networks, training, onnx),
    )


def _as_tested(chosen: Chosen, training: Training) -> Chosen:
    """Return the choice, without its test where the tested network had other weights."""
    tested = chosen.result
    if tested is None or tested.first.weights == sha256(weights_of(training.network)):
        return chosen
    return replace(chosen, result=None, limits=(*chosen.limits, RETRAINED))


def _bundle(
    origin: StoredStudy, chosen: Chosen, networks: Networks, training: Training, now: dt.datetime
) -> Bundle:
    record, stored = chosen.record, chosen.stored
    candidate = networks.candidate(record)
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
            micro_batch=_micro_batch(training, candidate.recipe.batch_size),
            fit_on=chosen.fit_on,
            study=stored.settings.study,
            number=chosen.number,
        ),
        figures=_figures(chosen, training),
        test_accesses=len(read_accesses(origin.study)),
        settings=_shown(stored.settings),
        versions=versions_of(stored.environment),
        limits=chosen.limits,
        created=now.isoformat(timespec="seconds"),
    )


def _micro_batch(training: Training, batch_size: int) -> int | None:
    return training.micro_batch if training.micro_batch < batch_size else None


def _data_facts(origin: StoredStudy, stored: StoredStudy) -> DataFacts:
    """Return what the model card says of the data; the checks of the origin know the test part."""
    data, known = stored.data, origin_of(stored.settings.dataset)
    checks = str(origin.data.get("audit", "")).splitlines()
    return DataFacts(
        name=data["name"],
        licence=known.licence,
        source=known.source,
        split=data["split"],
        sha256=data["sha256"],
        notes=(*data.get("warnings", ()), *(line for line in checks if line.endswith("."))),
    )


def _figures(chosen: Chosen, training: Training) -> dict[str, Figure]:
    tested = {} if chosen.result is None else final_figures(chosen.result)
    if chosen.fit_on != "train":
        return tested  # the validation images were learned
    metrics = dict(training.metrics)
    siblings: Mapping[str, Sequence[float]] = {
        name: [run.metrics[name] for run in chosen.siblings] for name in metrics
    }
    images = int(chosen.stored.data["validation"])
    return {**validation_figures(metrics, images=images, siblings=siblings), **tested}


def _shown(settings: StudySettings) -> dict[str, Any]:
    """Return the settings without the space, which is a file of its own, and without the plan."""
    kept = settings.model_dump(mode="json", exclude={"space_text", "plan", "candidates"})
    return {name: value for name, value in kept.items() if value not in (None, [], {})}


def versions_of(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return versions and hardware as a bundle names them, from what a study stores."""
    facts = {key: environment[key] for key in ("cpu", "device") if key in environment}
    return {
        **environment.get("libraries", {}),
        **{key: str(value) for key, value in facts.items()},
        "code": str(environment.get("code", "")),
        "arithmetic": str(environment.get("numeric", "")),
    }


def _onnx(
    bundle: Bundle, networks: Networks, training: Training, wanted: bool | None
) -> OnnxModel | None:
    if wanted is False or (wanted is None and not onnx_available()):
        return None
    images = networks.estimator.data.val_images[:ONNX_IMAGES].cpu()
    return onnx_model(classifier_of(bundle, training.network), images)
