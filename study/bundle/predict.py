"""Classify image files. Threads read them; the network takes them in batches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study.bundle.classifier import Classifier
from study.bundle.images import (
    SUFFIXES,
    ArrayFile,
    Fitting,
    Picture,
    Refusal,
    array_file,
    read_picture,
    read_pictures,
)
from study.network.forward import batch_size
from study.search_space.candidate import ImageFormat

_MOST_READERS = 8
_FILES_A_READER = 16  # that may wait for the network


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the network predicts for one image.

    Args:
        source: File, or file, array and index.
        label: Index of the most probable class.
        probabilities: Of each class, in the order of the class names.
    """

    source: str
    label: int
    class_name: str
    probabilities: tuple[float, ...]


def predict(
    classifier: Classifier,
    files: Iterable[str],
    *,
    fitting: Fitting | None = None,
    readers: int | None = None,
) -> Iterator[Prediction | Refusal]:
    """Classify images in the given order; an image that does not fit gives a refusal.

    Args:
        files: PNG, JPEG, ``file.npz``, ``file.npz:array``, or a directory of PNG and JPEG files,
            which are sorted by name.
        fitting: Changes that are allowed for images that do not fit; none by default.
        readers: Threads that read files; by default one for each processor, at most 8.
    """
    readers = readers or min(_MOST_READERS, os.cpu_count() or 1)
    pictures = _pictures(files, classifier.image, fitting or Fitting(), readers)
    size = batch_size(classifier.bundle.stack)
    while batch := list(islice(pictures, size)):
        yield from _classified(classifier, batch)


def prediction_row(found: Prediction | Refusal, class_names: Sequence[str]) -> dict[str, Any]:
    """Return a prediction as a row of JSON; a refusal has ``error`` and no class."""
    if isinstance(found, Refusal):
        return {"image": found.source, "error": found.reason}
    return {
        "image": found.source,
        "class": found.class_name,
        "label": found.label,
        "probabilities": dict(zip(class_names, found.probabilities, strict=True)),
    }


def _classified(
    classifier: Classifier, batch: Sequence[Picture | Refusal]
) -> Iterator[Prediction | Refusal]:
    pixels = [p.pixels for p in batch if isinstance(p, Picture)]
    shares: Iterator[list[float]] = iter(())
    if pixels:
        images = torch.from_numpy(np.stack(pixels))
        shares = iter(classifier.probabilities(images).tolist())
    for found in batch:
        if isinstance(found, Refusal):
            yield found
            continue
        probabilities = tuple(next(shares))
        label = int(np.argmax(probabilities))
        yield Prediction(
            source=found.source,
            label=label,
            class_name=classifier.class_names[label],
            probabilities=probabilities,
        )


def _pictures(
    files: Iterable[str], image: ImageFormat, fitting: Fitting, readers: int
) -> Iterator[Picture | Refusal]:
    """Yield every picture in order. Consecutive image files are read in parallel."""
    found = (each for file in files for each in _files(file))
    with ThreadPoolExecutor(readers) as pool:
        for in_array, group in groupby(found, key=lambda each: isinstance(each, ArrayFile)):
            while not in_array and (some := list(islice(group, _FILES_A_READER * readers))):
                yield from pool.map(partial(read_picture, image=image, fitting=fitting), some)
            for each in group:
                assert isinstance(each, ArrayFile)
                yield from read_pictures(each, image, fitting)


def _files(file: str) -> list[Path | ArrayFile]:
    """Return the array, the file itself, or the image files of a directory."""
    array = array_file(file)
    if array is not None:
        return [array]
    path = Path(file)
    try:
        inside = sorted(path.iterdir()) if path.is_dir() else []
    except OSError:  # ``read_picture`` reports it
        return [path]
    return [file for file in inside if file.suffix.lower() in SUFFIXES] or [path]
