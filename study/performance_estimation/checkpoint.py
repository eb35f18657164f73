"""A training on disk, whole or not at all."""

from __future__ import annotations

import logging
import os
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

_LOG = logging.getLogger(__name__)

State = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a training keeps its state after every epoch.

    Args:
        path: The file; its folder is made when it is missing. One training at a time writes it.
    """

    path: Path

    def save(self, state: State, *, fingerprint: str) -> None:
        """Replace the file by ``state``. Killed at any instant, the old file or the new is there.

        Args:
            state: Tensors, numbers, strings, lists and dicts of them.
            fingerprint: What the state belongs to.

        Raises:
            OSError: The file cannot be written; a full disk, say. The old file is still there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                torch.save({"fingerprint": fingerprint, "state": state}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def load(self, *, fingerprint: str) -> State | None:
        """Return the state saved under this fingerprint, or None where there is none.

        A damaged file and another training's file are left alone, with a warning in the log: the
        training then starts anew and replaces them.
        """
        try:
            stored = torch.load(self.path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
            reason = str(error).partition("\n")[0]
            _LOG.warning("%s: damaged checkpoint not used: %s", self.path, reason)
            return None
        if not isinstance(stored, dict) or stored.get("fingerprint") != fingerprint:
            _LOG.warning("%s: checkpoint of another training not used", self.path)
            return None
        state: State = stored["state"]
        return state

    def remove(self) -> None:
        """Delete the file, if it is there."""
        self.path.unlink(missing_ok=True)
