"""The images that a study searches on, what is stored of them, and what an estimator needs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from study.common.artifact_path import ArtifactPath
from study.common.machine import choose_device, processor
from study.common.stop import Stop
from study.data.dataset import SearchData, joined, load_search_data
from study.data.leak_check import (
    CheckedParts,
    LeakCheck,
    check_leaks,
    describe_leak_check,
    drop_leaks,
    leaking_val_indices,
)
from study.data.sources import image_counts, image_format
from study.performance_estimation.estimator import EstimatorContext
from study.performance_estimation.training.speed import probe_precision
from study.search_space.candidate import ImageFormat
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, StudySettings
from study.storage.checkpoints import study_folder
from study.storage.stored_study import TOKEN, StoredStudy, validate_worker


def checkpoints(stored: StoredStudy, run_context: RunContext) -> ArtifactPath:
    """Return the folder of a study's checkpoints."""
    folder = study_folder(run_context.artifacts, run_context.url, stored.settings.study)
    return folder / "checkpoints"


def estimator_context(
    stored: StoredStudy, run_context: RunContext, *, stop: Stop
) -> EstimatorContext:
    """Return the context of a stored study's estimator, with its images loaded."""
    settings, problem = stored.settings, stored.problem
    data, described = load_data(settings, run_context)
    validate_worker(stored, described)
    return EstimatorContext(
        space=problem.space,
        image=problem.image,
        data=data,
        fraction=settings.fraction,
        precision=stored.environment.get("precision", "float32"),
        device=choose_device(run_context.device),
        seed=settings.seed,
        folder=checkpoints(stored, run_context),
        origin=f"{settings.sampler} {stored.study.user_attrs.get(TOKEN, '')}",
        learns_policy=problem.sampler.learns_policy,
        several_seeds=settings.plan is not None,
        interrupted=stop,
    )


def load_data(
    settings: StudySettings,
    run_context: RunContext,
    *,
    fit_on: FitOn | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[SearchData | None, dict[str, Any]]:
    """Return the training and validation images, and what is stored of them.

    The images are None where the estimator needs none. A download shows its progress on stderr.

    Args:
        fit_on: The images to train on; those of the study's plan by default.
        interrupted: Asked during a download; True stops it.

    Raises:
        KeyboardInterrupt: A download was stopped. The next call continues it.
    """
    if run_context.preloaded is not None:
        return run_context.preloaded
    if not settings.needs_data:
        table = settings.table
        return None, {
            "image": asdict(_resized(settings, image_format(settings.dataset, settings.size))),
            "train_images": image_counts(settings.dataset, settings.size).train,
            "notes": [],
            "warnings": [],
            "name": settings.dataset if table is None else f"table {table.name}",
            "sha256": "" if table is None else table.digest,
        }
    data = load_search_data(
        settings.dataset,
        data_root=run_context.data_root,
        size=settings.size,
        split=settings.split,
        seed=settings.seed,
        progress=_Download(settings.dataset, interrupted),
    )
    train_images = len(data.train_labels)  # with fit_on and drop_leaks, too: epochs stay the same
    if fit_on is None:
        fit_on = "train" if settings.plan is None else settings.plan.fit_on
    data = _for_training(data, settings, run_context, fit_on)
    return data, {
        "name": data.name,
        "split": data.split,
        "image": asdict(_resized(settings, data.image)),
        "train_images": train_images,
        "sha256": data.sha256,
        "classes": list(data.class_names),
        "train": len(data.train_labels),
        "validation": len(data.val_labels),
        "notes": list(data.notes),
        "warnings": list(data.warnings),
    }


def _for_training(
    data: SearchData, settings: StudySettings, run_context: RunContext, fit_on: FitOn
) -> SearchData:
    """Return the data with the images to train on as training part, without leaks if asked."""
    if not settings.drop_leaks:
        return data if fit_on == "train" else joined(data)
    found = _leak_check(settings, run_context, "all")
    data = drop_leaks(data, found)
    return data if fit_on == "train" else joined(data, left_out=leaking_val_indices(found))


def _leak_check(
    settings: StudySettings, run_context: RunContext, parts: CheckedParts
) -> LeakCheck:
    return check_leaks(
        settings.dataset,
        data_root=run_context.data_root,
        size=settings.size,
        split=settings.split,
        seed=settings.seed,
        parts=parts,
    )


def describe_data_checks(
    settings: StudySettings, run_context: RunContext, *, parts: CheckedParts
) -> str:
    """Return the data checks of a study as a block of text.

    Args:
        parts: ``searched`` leaves the test part closed. A study that drops leaks has compared
            with the test part already, so its checks include it.
    """
    found = _leak_check(settings, run_context, "all" if settings.drop_leaks else parts)
    return describe_leak_check(found, leaks="left out" if settings.drop_leaks else "kept")


def _resized(settings: StudySettings, image: ImageFormat) -> ImageFormat:
    return image if settings.image_size is None else replace(image, size=settings.image_size)


def machine_facts(
    settings: StudySettings, run_context: RunContext, data: SearchData | None
) -> dict[str, Any]:
    """Return what is stored of the machine, with the faster precision where it is to be probed."""
    facts: dict[str, Any] = {
        "cpu": processor(),
        "machine": platform.machine(),
        "system": platform.system(),
    }
    if data is None:
        return facts
    device = choose_device(run_context.device)
    facts["device"] = str(device)
    if settings.precision != "auto":
        return {**facts, "precision": settings.precision}
    probe = probe_precision(device)
    seconds = {name: round(value, 6) for name, value in probe.seconds.items()}
    return {**facts, "precision": probe.precision, "precision_seconds": seconds}


class _Download:
    """Shows how much of a file has been downloaded, and stops the download when asked to."""

    def __init__(self, name: str, interrupted: Callable[[], bool]) -> None:
        self._name, self._interrupted, self._shown = name, interrupted, -1

    def __call__(self, here: int, whole: int) -> None:
        if self._interrupted():
            raise KeyboardInterrupt
        tenth = 10 * here // whole if whole else 0
        if tenth != self._shown:
            self._shown = tenth
            size = f" of {whole / 1e6:,.0f}" if whole else ""
            text = f"downloading {self._name}: {here / 1e6:,.0f}{size} MB"
            print(text, file=sys.stderr, flush=True)  # noqa: T201
