"""Write a bundle: whole or not at all, and never over something that is there."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from torch import nn

from study.bundle.bundle import (
    CARD,
    DESCRIPTION,
    ONNX,
    SPACE,
    WEIGHTS,
    Bundle,
    Preprocessing,
    description_text,
    sealed,
)
from study.bundle.classifier import Classifier, check_stack, network_of
from study.bundle.model_card import model_card
from study.bundle.onnx_model import OnnxModel
from study.common.atomic_write import temporary_name
from study.common.errors import EvaluationError
from study.network.forward import MIDDLE
from study.network.weights import weights_of

PREPROCESSING = Preprocessing(subtract=MIDDLE, multiply=1 / MIDDLE)
"""What ``normalise`` does in training, as it is recorded in a bundle."""


def export(
    directory: Path,
    *,
    bundle: Bundle,
    network: nn.Module,
    space_text: str = "",
    onnx: OnnxModel | None = None,
) -> Bundle:
    """Write a bundle.

    It is made beside its place under a temporary name, read back, flushed to the disk and moved.

    Args:
        directory: The bundle's place; must not exist, or be empty.
        bundle: What it is; files, digest and ONNX check are filled in here.
        network: The trained network; not changed.
        space_text: YAML of the search space; empty where there is none.
        onnx: What ``onnx_model`` returned, for a bundle with ONNX.

    Returns:
        The description as written, with its digest.

    Raises:
        EvaluationError: The place is taken, cannot be written, or the network has weights that
            are not finite or are not those of its layers.
    """
    directory = directory.resolve()
    check_place(directory)
    described = dataclasses.replace(bundle, onnx=None if onnx is None else onnx.check)
    contents = _contents(described, network, space_text, onnx)
    written = sealed(described, contents)
    try:
        _check(written, contents[WEIGHTS])
    except ValueError as error:
        raise EvaluationError(f"{directory}: not written: {error}") from None
    try:
        _write(directory, {**contents, DESCRIPTION: description_text(written).encode()})
    except OSError as error:
        raise EvaluationError(
            f"{directory}: cannot be written: {error.strerror or error}; name another directory"
        ) from None
    return written


def classifier_of(bundle: Bundle, network: nn.Module) -> Classifier:
    """Return a network that is not exported yet as a classifier, for ``onnx_model``.

    The classifier has a copy of the weights, on the CPU.

    Raises:
        EvaluationError: The weights are not finite or are not those of its layers.
    """
    try:
        copied = network_of(bundle.stack, weights_of(network))
    except ValueError as error:
        raise EvaluationError(f"cannot be exported: {error}") from None
    return Classifier(bundle=bundle, network=copied)


def _contents(
    bundle: Bundle, network: nn.Module, space_text: str, onnx: OnnxModel | None
) -> dict[str, bytes]:
    contents = {WEIGHTS: weights_of(network), CARD: model_card(bundle).encode()}
    if space_text:
        contents[SPACE] = space_text.encode()
    if onnx is not None:
        contents[ONNX] = onnx.content
    return contents


def _check(bundle: Bundle, weights: bytes) -> None:
    """Raise ValueError for a bundle that ``load`` would refuse."""
    check_stack(bundle, weight_bytes=len(weights))
    network_of(bundle.stack, weights)
    description_text(bundle)


def check_place(directory: Path) -> None:
    """Refuse a place that is taken.

    Raises:
        EvaluationError: There is a file, or a folder with something in it.
    """
    if not directory.exists():
        return
    if not directory.is_dir():
        raise EvaluationError(f"{directory}: is a file; name a directory that does not exist yet")
    if any(directory.iterdir()):
        raise EvaluationError(
            f"{directory}: there is something in it, and nothing is overwritten; name another "
            "directory or remove this one"
        )


def _write(directory: Path, contents: Mapping[str, bytes]) -> None:
    directory = directory.resolve()  # the folder one is in has no name of its own
    directory.parent.mkdir(parents=True, exist_ok=True)
    temporary = directory.with_name(temporary_name(f".{directory.name}"))
    temporary.mkdir()
    try:
        for name, content in contents.items():
            _write_file(temporary / name, content)
        temporary.rename(directory)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _flush_directory(directory.parent)


def _write_file(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_directory(directory: Path) -> None:
    """Make a rename last; not every system can."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
