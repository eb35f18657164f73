"""The processor and the devices of this machine."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from study.common.errors import SettingsError


def choose_device(name: str | None) -> torch.device:
    """Return the device of this name; for None CUDA where there is a GPU, else the CPU."""
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingsError(f"--device {name}: {reason}; write cpu, cuda or cuda:N") from error
    return device


def gpu_count() -> int:
    """Return the number of usable GPUs."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def processor() -> str:
    """Return the processor's name as Linux knows it, elsewhere as Python does."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
