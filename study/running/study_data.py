"""The images that a study searches on, and what is stored of them and of the machine."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from study.common.machine import choose_device, processor
from study.data.dataset import SearchData, joined, load_search_data
from study.data.leak_check import (
    CheckedParts,
    LeakCheck,
    check_leaks,
    describe_leak_check,
    drop_leaks,
    leaking_val_indices,
)
from study.data.sources import image_format
from study.performance_estimation.training.speed import probe_precision
from study.search_space.candidate import ImageFormat
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, StudySettings


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
        settings: Data set, split and estimator.
        run_context: Where the data are.
        fit_on: The images to train on; those of the study's plan by default.
        interrupted: Asked during a download; True stops it.

    Raises:
        KeyboardInterrupt: A download was stopped. The next call continues it.
    """
    if run_context.preloaded is not None:
        return run_context.preloaded
    if not settings.needs_data:
        image = image_format(settings.dataset, settings.size)
        return None, {
            "image": asdict(_resized(settings, image)),
            "notes": [],
            "warnings": [],
            **_name_and_digest(settings),
        }
    data = load_search_data(
        settings.dataset,
        data_root=run_context.data_root,
        size=settings.size,
        split=settings.split,
        seed=settings.seed,
        progress=_Download(settings.dataset, interrupted),
    )
    if fit_on is None:
        fit_on = "train" if settings.plan is None else settings.plan.fit_on
    data = _for_training(data, settings, run_context, fit_on)
    return data, {
        "name": data.name,
        "split": data.split,
        "image": asdict(_resized(settings, data.image)),
        "sha256": data.sha256,
        "classes": list(data.class_names),
        "train": len(data.train_labels),
        "validation": len(data.val_labels),
        "notes": list(data.notes),
        "warnings": list(data.warnings),
    }


def _name_and_digest(settings: StudySettings) -> dict[str, str]:
    """Return name and digest of the table that stands in for images, if there is one."""
    table = settings.table
    if table is None:
        return {"name": settings.dataset, "sha256": ""}
    return {"name": f"table {table.name}", "sha256": table.digest}


def _for_training(
    data: SearchData, settings: StudySettings, run_context: RunContext, fit_on: FitOn
) -> SearchData:
    """Return the data with the images to train on as training part, without leaks if asked."""
    if not settings.drop_leaks:
        return data if fit_on == "train" else joined(data)
    found = _leak_check(settings, run_context)
    data = drop_leaks(data, found)
    return data if fit_on == "train" else joined(data, left_out=leaking_val_indices(found))


def _leak_check(
    settings: StudySettings, run_context: RunContext, parts: CheckedParts = "all"
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
        settings: Data set and split.
        run_context: Where the data are.
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
        if tenth == self._shown:
            return
        self._shown = tenth
        size = f" of {whole / 1e6:,.0f}" if whole else ""
        text = f"downloading {self._name}: {here / 1e6:,.0f}{size} MB"
        print(text, file=sys.stderr, flush=True)  # noqa: T201
