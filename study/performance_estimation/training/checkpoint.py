"""A training on disk, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
from dataclasses import dataclass
from typing import Any

import torch

from study.common.artifact_path import ArtifactPath, replace_file

_LOG = logging.getLogger(__name__)

State = dict[str, Any]

_DIGEST_BYTES = hashlib.sha256().digest_size
"""A file begins with the SHA-256 of what follows: ``torch.load`` does not see a flipped bit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Where a training keeps its state after every epoch.

    Args:
        path: The file; its folder is made when it is missing. One training at a time writes it.
    """

    path: ArtifactPath

    def save(self, state: State, *, fingerprint: str) -> None:
        """Replace the file by ``state``. Killed at any instant, the old file or the new is there.

        Args:
            state: Tensors, numbers, strings, lists and dicts of them.
            fingerprint: What the state belongs to.

        Raises:
            OSError: The file cannot be written; a full disk, say. The old file is still there.
        """
        buffer = io.BytesIO()
        torch.save({"fingerprint": fingerprint, "state": state}, buffer)
        content = buffer.getbuffer()
        replace_file(self.path, (hashlib.sha256(content).digest(), content))

    def load(self, *, fingerprint: str) -> State | None:
        """Return the state saved under this fingerprint, or None where there is none.

        A damaged file and another training's file are left alone, with a warning in the log: the
        training then starts anew and replaces them.
        """
        try:
            stored = _unpacked(self.path.read_bytes())
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


def network_weights(path: ArtifactPath) -> dict[str, torch.Tensor] | None:
    """Return the weights in a training's file, whoever wrote it; None where it is not whole."""
    try:
        stored = _unpacked(path.read_bytes())
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError):
        return None
    found: dict[str, torch.Tensor] = stored["state"]["network"]
    return found


def _unpacked(content: bytes) -> Any:
    """Return what was saved.

    Raises:
        ValueError: The content is not what was written.
    """
    digest, saved = content[:_DIGEST_BYTES], memoryview(content)[_DIGEST_BYTES:]
    if hashlib.sha256(saved).digest() != digest:
        raise ValueError("its checksum is wrong")
    return torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
