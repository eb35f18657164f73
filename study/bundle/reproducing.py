"""``run_study.py reproduce``: a bundle's network trained again, from the bundle and the images."""

from __future__ import annotations

from functools import partial

from pydantic import ValidationError

from study.bundle.bundle import Bundle
from study.bundle.classifier import Classifier
from study.bundle.exporting import versions_of
from study.bundle.reproduce import Reproduction, reproduce, retrain
from study.common.errors import EvaluationError
from study.common.machine import choose_device, processor
from study.common.version import NUMERIC_VERSION, code_version, library_versions
from study.performance_estimation.training.data import TrainingData
from study.running.study_data import load_data
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, StudySettings


def reproduce_bundle(
    classifier: Classifier, run_context: RunContext, *, dataset: str | None = None
) -> Reproduction:
    """Train a bundle's network again, on the same images, and compare.

    Args:
        classifier: From ``load``.
        run_context: Data and device; no storage is needed.
        dataset: Where the data set is now; as in the bundle where left out.

    Raises:
        StudyError: The data are not here or not the same.
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
    """Return the settings of the training; the space has done its part in the candidate.

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
