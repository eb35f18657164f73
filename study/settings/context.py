"""Where a study runs: storage, data on disk, device. None of it changes what results mean."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.common.artifact_path import ArtifactPath
from study.common.errors import SettingsError
from study.performance_estimation.registry import estimator_spec, table_named
from study.performance_estimation.screen import parse_screen
from study.search_space.candidate import ImageFormat
from study.settings.study_settings import StudySettings

if TYPE_CHECKING:
    import torch

    from study.data.audit import Audit
    from study.data.dataset import SearchData
    from study.settings.plan import FitOn


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Where a study runs; nothing here changes what its results mean.

    Args:
        url: The storage.
        data_root: Folder of downloaded data sets; None for medmnist's own.
        artifacts: Folder or URL of checkpoints and artifacts; None for one beside the storage.
        device: ``cpu``, ``cuda``, ``cuda:1``, …; None for the best there is.
        label: What this process is called, as ``worker 2``.
        lent: What ``load_data`` returns, where another process has loaded it for this one.
    """

    url: str
    data_root: Path | None = None
    artifacts: ArtifactPath | None = None
    device: str | None = None
    label: str = "worker"
    preloaded: tuple[SearchData | None, dict[str, Any]] | None = None


def load_data(
    settings: StudySettings,
    run_context: RunContext,
    *,
    fit_on: FitOn | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> tuple[SearchData | None, dict[str, Any]]:
    """Return the training and validation images, and what is stored of them.

    The images are None where the estimator looks at none. A download shows its progress on
    stderr.

    Args:
        settings: The study's.
        run_context: Where the data are.
        fit_on: What is trained on; as the study's plan says where it is left out.
        interrupted: Asked during a download.

    Raises:
        KeyboardInterrupt: ``interrupted`` said so while a file was downloaded; what is here is
            kept, and the next call goes on from there.
    """
    from study.data.dataset import image_format, load_search_data

    if run_context.preloaded is not None:
        return run_context.preloaded
    if not _needs_data(settings):
        image = _resized(
            settings, image_format(settings.dataset, settings.size, run_context.data_root)
        )
        return None, {"image": asdict(image), "notes": [], "warnings": [], **_looked_up(settings)}
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
    data = _to_learn(data, settings, run_context, fit_on)
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


def _looked_up(settings: StudySettings) -> dict[str, str]:
    """Return name and digest of what stands in the images' place: a table, or nothing."""
    table = table_named(settings.estimator)
    if table is None:
        return {"name": settings.dataset, "sha256": ""}
    return {"name": f"table {table.name}", "sha256": table.digest}


def _needs_data(settings: StudySettings) -> bool:
    screen = None if settings.screen is None else parse_screen(settings.screen)
    screened_on_images = screen is not None and screen.needs_data
    return screened_on_images or estimator_spec(settings.estimator).needs_data


def _to_learn(
    data: SearchData, settings: StudySettings, run_context: RunContext, fit_on: FitOn
) -> SearchData:
    """Return the data with what is learned as the training part, without leaks where asked for."""
    from study.data.audit import drop_leaks, leaking_val_indices
    from study.data.joined import joined

    if not settings.drop_leaks:
        return data if fit_on == "train" else joined(data)
    found = _audit(settings, run_context)
    data = drop_leaks(data, found)
    return data if fit_on == "train" else joined(data, left_out=leaking_val_indices(found))


def _audit(settings: StudySettings, run_context: RunContext) -> Audit:
    from study.data.audit import audit

    return audit(
        settings.dataset,
        data_root=run_context.data_root,
        size=settings.size,
        split=settings.split,
        seed=settings.seed,
    )


def _resized(settings: StudySettings, image: ImageFormat) -> ImageFormat:
    if settings.image_size is None:
        return image
    return ImageFormat(channels=image.channels, size=settings.image_size, classes=image.classes)


def choose_device(name: str | None) -> torch.device:
    """Return the device of this name, or the best there is.

    Raises:
        SettingsError: There is no such device.
    """
    import torch

    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"--device {name}: {reason}; write cpu, cuda or cuda:N") from error
    return device


def machine_facts(
    settings: StudySettings, run_context: RunContext, data: SearchData | None
) -> dict[str, Any]:
    """Return what is stored of the machine; the precision is measured once, when asked for."""
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
    from study.performance_estimation.training.precision import probe_precision

    probe = probe_precision(device)
    seconds = {name: round(value, 6) for name, value in probe.seconds.items()}
    return {**facts, "precision": probe.precision, "precision_seconds": seconds}


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


class _Download:
    """Shows how much of a file is here, and hears the wish to stop."""

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
