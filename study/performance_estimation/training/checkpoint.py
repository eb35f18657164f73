"""The checkpoint file of a training, written atomically and verified when read."""

from __future__ import annotations

import hashlib
import io
import logging
import pickle
from typing import Any

import torch

from study.common.artifact_path import ArtifactPath, replace_file

_LOG = logging.getLogger(__name__)

State = dict[str, Any]
"""Tensors, numbers, strings, lists and dicts of them."""

_DAMAGE = (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError)

_DIGEST_BYTES = hashlib.sha256().digest_size
"""A file begins with the SHA-256 of the rest: ``torch.load`` does not notice a flipped bit."""


def save_checkpoint(path: ArtifactPath, state: State, *, fingerprint: str) -> None:
    """Replace the file by ``state``. After a kill there is the old file or the new one.

    One training at a time writes a file. A missing folder is created.

    Raises:
        OSError: The file cannot be written, on a full disk for example. The old file remains.
    """
    buffer = io.BytesIO()
    torch.save({"fingerprint": fingerprint, "state": state}, buffer)
    content = buffer.getbuffer()
    replace_file(path, (hashlib.sha256(content).digest(), content))


def load_checkpoint(path: ArtifactPath, *, fingerprint: str) -> State | None:
    """Return the state saved under this fingerprint, or None.

    A damaged file or another training's file is not used, and a warning is logged. The training
    then starts from the beginning and replaces the file.
    """
    try:
        stored = _unpack(path.read_bytes())
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        _LOG.warning("%s: damaged checkpoint not used: %s", path, str(error).partition("\n")[0])
        return None
    if not isinstance(stored, dict) or stored.get("fingerprint") != fingerprint:
        _LOG.warning("%s: checkpoint of another training not used", path)
        return None
    state: State = stored["state"]
    return state


def network_weights(path: ArtifactPath) -> dict[str, torch.Tensor] | None:
    """Return the weights in a checkpoint of any training; None where it is damaged or missing."""
    try:
        stored = _unpack(path.read_bytes())
    except _DAMAGE:
        return None
    found: dict[str, torch.Tensor] = stored["state"]["network"]
    return found


def _unpack(content: bytes) -> Any:
    digest, saved = content[:_DIGEST_BYTES], memoryview(content)[_DIGEST_BYTES:]
    if hashlib.sha256(saved).digest() != digest:
        raise ValueError("its checksum is wrong")
    return torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
