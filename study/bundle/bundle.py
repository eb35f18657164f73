"""A bundle: a directory with one trained network and everything needed to use and judge it.

    bundle.json          the description; size and SHA-256 of every other file; its own digest
    model.safetensors    weights
    model.onnx           the network with its preprocessing (optional)
    MODEL_CARD.md        for a person to read
    search_space.yaml    the space it was found in (optional)

``bundle.json`` has exactly one valid text (sorted keys, two spaces), so a single changed byte in
any of these files is found. The digest identifies the bundle. It protects against damage and
mix-ups. Someone who changes a bundle on purpose can write a new digest, so compare it with one
from another source.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.common.errors import EvaluationError
from study.common.stored_form import canonical, from_stored, to_stored
from study.network.build import sha256
from study.search_space.candidate import Candidate
from study.search_space.resolve import Stack
from study.settings.study_settings import FitOn
from study.statistics.results import Interval

FORMAT = 1
DESCRIPTION = "bundle.json"
WEIGHTS, ONNX = "model.safetensors", "model.onnx"
CARD, SPACE = "MODEL_CARD.md", "search_space.yaml"
FILES = frozenset({WEIGHTS, ONNX, CARD, SPACE})
"""The only file names that a description may list, so that no name leads out of the directory."""

_LARGEST_DESCRIPTION = 8 << 20  # bytes
_LARGEST_FILE = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocessing:
    """From uint8 pixels to the network's input: (pixel - ``subtract``) · ``multiply``."""

    subtract: float
    multiply: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What the network was trained on.

    Args:
        licence: Of the images.
        source: The publication to cite.
        sha256: ``SearchData.sha256``.
        notes: Sentences from the data checks.
    """

    name: str
    licence: str
    source: str = ""
    split: str = "official"
    sha256: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """How the network was trained.

    Args:
        precision: A name of ``gradients.DTYPES``.
        micro_batch: Largest number of images at a time; None for whole batches.
        study: Study whose trial trained the network.
        number: The search's trial that found the candidate.
    """

    seed: int
    epochs: int
    precision: str = "float32"
    micro_batch: int | None = None
    fit_on: FitOn = "train"
    study: str = ""
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredValue:
    """One measure of the network and its uncertainty.

    Args:
        over_images: Interval over images.
        mean: Over seeds of the same candidate.
        over_seeds: Interval of that mean.
        next_run: Range in which one further training is expected.
    """

    value: float
    over_images: Interval | None = None
    mean: float | None = None
    over_seeds: Interval | None = None
    next_run: Interval | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxCheck:
    """How ``model.onnx`` compares with the network in PyTorch.

    Args:
        images: Number of real images that both classified.
        largest_difference: Between two probabilities.
        same_class: Number of images for which both predict the same class.
        runtime: Version of ONNX Runtime.
    """

    images: int
    largest_difference: float
    same_class: int
    runtime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Size and SHA-256 of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The description of a bundle.

    Args:
        figures: Measures by name, with their split, as ``test_accuracy``.
        test_accesses: Number of times that the test part was opened for the study.
        settings: Settings of the study.
        versions: Of the code, the libraries and the hardware.
        limits: Sentences on what the figures do not show.
        created: Time of the export, UTC, ISO 8601.
        files: All other files of the bundle.
        digest: SHA-256 of this description with an empty digest.
    """

    name: str
    candidate_id: str
    candidate: Candidate
    stack: Stack
    class_names: tuple[str, ...]
    preprocessing: Preprocessing
    data: DataFacts
    training: TrainingFacts
    figures: Mapping[str, MeasuredValue] = field(default_factory=dict)
    test_accesses: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    onnx: OnnxCheck | None = None
    created: str = ""
    files: Mapping[str, FileFacts] = field(default_factory=dict)
    digest: str = ""
    format: int = FORMAT


def sealed(bundle: Bundle, contents: Mapping[str, bytes]) -> Bundle:
    """Return the description with sizes and hashes of ``contents``, and its digest."""
    files = {
        name: FileFacts(bytes=len(content), sha256=sha256(content))
        for name, content in sorted(contents.items())
    }
    return with_digest(dataclasses.replace(bundle, files=files))


def with_digest(bundle: Bundle) -> Bundle:
    """Return the description with its digest."""
    opened = dataclasses.replace(bundle, digest="")
    return dataclasses.replace(opened, digest=sha256(description_text(opened).encode()))


def description_text(bundle: Bundle) -> str:
    """Return the text of ``bundle.json``."""
    return canonical(to_stored(bundle))


def read_bundle(directory: Path, *, digest: str | None = None) -> tuple[Bundle, dict[str, bytes]]:
    """Return the description and the contents of the listed files, with every byte checked.

    Args:
        digest: The expected digest, from another source.
    """
    bundle = _read_description(directory)
    if digest is not None and bundle.digest != digest:
        raise EvaluationError(
            f"{directory}: another bundle: its digest is {bundle.digest}, expected {digest}"
        )
    return bundle, {
        name: _read_checked(directory / name, facts) for name, facts in bundle.files.items()
    }


def _read_description(directory: Path) -> Bundle:
    path = directory / DESCRIPTION
    if not path.is_file():
        raise EvaluationError(
            f"{directory}: no bundle, there is no {DESCRIPTION} in it; 'export' writes bundles"
        )
    content = _read(path, _LARGEST_DESCRIPTION)
    try:
        stored = json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise _changed(path, f"not JSON ({str(error)[:80]})") from None
    if not isinstance(stored, dict):
        raise _changed(path, "not a JSON object")
    if stored.get("format") != FORMAT:
        raise EvaluationError(
            f"{path}: format {stored.get('format')!r}, this version reads {FORMAT}; use the "
            "version of study-nas that wrote it"
        )
    bundle = from_stored(Bundle, stored, where=str(path))
    if not _is_sealed(bundle, content):
        raise _changed(path, "its text and its digest do not agree")
    if bundle.files.keys() - FILES or WEIGHTS not in bundle.files:
        raise _changed(path, f"it lists the files {', '.join(map(repr, sorted(bundle.files)))}")
    return bundle


def _is_sealed(bundle: Bundle, content: bytes) -> bool:
    try:
        return content == description_text(with_digest(bundle)).encode()
    except (ValueError, RecursionError):  # a number that JSON cannot hold, settings too deep
        return False


def _read_checked(path: Path, facts: FileFacts) -> bytes:
    if not path.is_file():
        raise EvaluationError(f"{path}: missing; export the bundle again or copy it again")
    size = path.stat().st_size
    if size != facts.bytes:
        raise _changed(path, f"{size:,} bytes, {facts.bytes:,} are listed")
    content = _read(path, _LARGEST_FILE)
    if sha256(content) != facts.sha256:
        raise _changed(path, "its SHA-256 is not the one listed")
    return content


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > limit:
        raise _changed(path, f"more than {limit:,} bytes")
    return content


def _changed(path: Path, found: str) -> EvaluationError:
    return EvaluationError(
        f"{path}: damaged or changed since the export: {found}; it is not used. Copy the bundle "
        "again or export it again"
    )
