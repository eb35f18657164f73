"""A data set in a ``.npz`` file in MedMNIST's layout.

The layout: for each of train, val and test ``<part>_images``, uint8 of shape ``(n, size, size)``,
``(n, size, size, 1)`` or ``(n, size, size, 3)``, and ``<part>_labels``, integers of shape
``(n,)`` or ``(n, 1)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from study.data.cache import kept_text, shared_array
from study.data.npz import Header, NpzFile
from study.data.parts import TRAIN, Images, Labels, Part, channels_first, channels_last
from study.search_space.candidate import ImageFormat

_PARTS = ("train", "val", "test")
_MEMBERS = tuple(f"{part}_{kind}" for part in _PARTS for kind in ("images", "labels"))
_LAYOUT = "MedMNIST's layout is uint8 (n, size, size) or (n, size, size, 3) with labels (n, 1)"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzSource:
    """A ``.npz`` file whose headers were checked.

    Args:
        digest: MD5 of the file.
        notes: Sentences about the data set.
        counts: Number of images by the part's name.
    """

    name: str
    file: NpzFile
    digest: str
    image: ImageFormat
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    counts: Mapping[str, int]

    def count(self, part: Part) -> int:
        return self.counts[part.name]

    def images(self, part: Part) -> Images:
        """Read one part's images into memory. RGB images are a view of channels-last memory."""
        return channels_first(self.file.read(f"{part.name}_images"))

    def labels(self, part: Part) -> Labels:
        """Read one part's labels, and check that each one is a class of the training part."""
        name, classes = f"{part.name}_labels", self.image.classes
        labels = self.file.read(name).reshape(-1)
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if wrong.size:
            raise self.file.error(
                f"{name}: label {labels[wrong[0]]} of image {wrong[0]} is out of range",
                f"the {classes} classes of the training part are 0..{classes - 1}",
            )
        return labels.astype(np.int64)

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Map the array ``name`` of this file's content, as ``shared_array`` does."""
        array = shared_array(self.file.path, self.digest, name, lambda: channels_last(build()))
        return channels_first(array)

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Return the text ``name`` about this file's content, as ``kept_text`` does."""
        return kept_text(self.file.path, self.digest, name, build)


def image_counts_of(file: NpzFile) -> dict[str, int]:
    """Return the number of images of each part, from the checked headers."""
    headers = _checked_headers(file)
    return {part: headers[f"{part}_images"].shape[0] for part in _PARTS}


def image_format_of(file: NpzFile, size: int) -> ImageFormat:
    """Return the format, from the checked headers and the training labels.

    Args:
        size: The requested size; 28 stands for any size.
    """
    shape = _checked_headers(file)[f"{TRAIN.name}_images"].shape
    if size not in (28, shape[1]):
        raise file.error(
            f"its images have {shape[1]} pixels a side, not {size}", "leave the size out"
        )
    channels = shape[3] if len(shape) == 4 else 1
    return ImageFormat(channels=channels, size=shape[1], classes=_count_classes(file))


def _count_classes(file: NpzFile) -> int:
    """Return the number of classes of the training part.

    A gap in their numbers is an error: it is more often a wrong label than a class without images.
    """
    name = f"{TRAIN.name}_labels"
    present = np.unique(file.read(name))
    if present[0] != 0 or present[-1] != len(present) - 1:
        some = ", ".join(str(label) for label in present[:12])
        raise file.error(
            f"{name}: labels {some}{', ...' * (len(present) > 12)} out of range",
            "number the classes 0, 1, 2, ... without a gap",
        )
    if len(present) < 2:
        raise file.error(f"{name}: only one class", "classification needs at least two")
    return len(present)


def _checked_headers(file: NpzFile) -> dict[str, Header]:
    """Read the headers of all six arrays, and check them against MedMNIST's layout."""
    present = file.names()
    missing = [name for name in _MEMBERS if name not in present]
    if missing:
        raise file.error(f"no array '{missing[0]}'", f"needed are {', '.join(_MEMBERS)}")
    headers = {name: file.header(name) for name in _MEMBERS}
    for part in _PARTS:
        _check_part(file, part, headers)
    return headers


def _check_part(file: NpzFile, part: str, headers: Mapping[str, Header]) -> None:
    images, labels = headers[f"{part}_images"], headers[f"{part}_labels"]
    image_shape = headers["train_images"].shape[1:]
    if images.dtype != np.uint8:
        raise file.error(f"{part}_images: dtype {images.dtype}", _LAYOUT)
    if not _is_image_shape(images.shape) or images.shape[1:] != image_shape:
        raise file.error(f"{part}_images: shape {images.shape}", _LAYOUT)
    if images.shape[0] == 0:
        raise file.error(f"{part}_images: no image", "every part needs at least one")
    if labels.dtype.kind not in "iu":
        raise file.error(f"{part}_labels: dtype {labels.dtype}", "labels are integers from 0")
    if len(labels.shape) == 2 and labels.shape[1] > 1:
        raise file.error(
            f"{part}_labels: {labels.shape[1]} labels an image", "give one label for each image"
        )
    if labels.shape not in ((images.shape[0],), (images.shape[0], 1)):
        raise file.error(
            f"{part}_labels: shape {labels.shape} for {images.shape[0]} images",
            "give one label for each image, (n, 1)",
        )


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    """Return whether it is ``(n, size, size)`` or ``(n, size, size, c)`` with c = 1 or 3."""
    if len(shape) not in (3, 4) or shape[1] != shape[2] or min(shape) < 0 or shape[1] == 0:
        return False
    return len(shape) == 3 or shape[3] in (1, 3)
