"""Read a bundle and check every byte of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.bundle.bundle import (
    DESCRIPTION,
    FILES,
    FORMAT,
    WEIGHTS,
    Bundle,
    FileFacts,
    description_text,
    with_digest,
)
from study.common.errors import EvaluationError
from study.common.stored_form import from_stored
from study.network.weights import sha256

LARGEST_DESCRIPTION = 8 << 20
LARGEST_FILE = 2 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFiles:
    """A bundle as read from disk, every byte checked.

    Args:
        bundle: The description.
        contents: Every other file by name.
    """

    bundle: Bundle
    contents: Mapping[str, bytes]


def read_bundle(directory: Path, *, digest: str | None = None) -> BundleFiles:
    """Read a bundle and check every byte of it.

    Files that the description does not list are left alone.

    Args:
        directory: The bundle.
        digest: What its digest must be, where that is known by another way.

    Raises:
        EvaluationError: It is not a bundle, is damaged, was changed, or is another one.
    """
    bundle = _read_description(directory)
    if digest is not None and bundle.digest != digest:
        raise EvaluationError(
            f"{directory}: another bundle: its digest is {bundle.digest}, expected {digest}"
        )
    contents = {
        name: _read_checked(directory / name, facts) for name, facts in bundle.files.items()
    }
    return BundleFiles(bundle=bundle, contents=contents)


def _read_description(directory: Path) -> Bundle:
    path = directory / DESCRIPTION
    if not path.is_file():
        raise EvaluationError(
            f"{directory}: no bundle, there is no {DESCRIPTION} in it; 'export' writes bundles"
        )
    text = _text(_read(path, LARGEST_DESCRIPTION), path)
    stored = _parse(text, path)
    if stored.get("format") != FORMAT:
        raise EvaluationError(
            f"{path}: format {stored.get('format')!r}, this version reads {FORMAT}; use the "
            "version of study-nas that wrote it"
        )
    bundle = from_stored(Bundle, stored, where=str(path))
    if not _is_sealed(bundle, text):
        raise _changed(path, "its text and its digest do not agree")
    if bundle.files.keys() - FILES or WEIGHTS not in bundle.files:
        raise _changed(path, f"it lists the files {', '.join(map(repr, sorted(bundle.files)))}")
    return bundle


def _parse(text: str, path: Path) -> dict[str, Any]:
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _changed(path, f"not JSON ({str(error)[:80]})") from None
    if not isinstance(stored, dict):
        raise _changed(path, "not a JSON object")
    return stored


def _is_sealed(bundle: Bundle, text: str) -> bool:
    try:
        return text == description_text(with_digest(bundle))
    except (ValueError, RecursionError):  # a number that JSON cannot hold, settings too deep
        return False


def _read_checked(path: Path, facts: FileFacts) -> bytes:
    if not path.is_file():
        raise EvaluationError(f"{path}: missing; export the bundle again or copy it anew")
    size = path.stat().st_size
    if size != facts.bytes:
        raise _changed(path, f"{size:,} bytes, {facts.bytes:,} are listed")
    content = _read(path, LARGEST_FILE)
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


def _text(content: bytes, path: Path) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise _changed(path, "not text") from None


def _changed(path: Path, found: str) -> EvaluationError:
    return EvaluationError(
        f"{path}: damaged or changed since the export: {found}; it is not used. Copy the bundle "
        "anew or export it again"
    )
