"""Where a data set's parts come from: a name or a path becomes a source, checked before use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from study.common.errors import DataError
from study.data.cache import kept_text, shared_array
from study.data.catalogue import DIGITS, MedMnistSet, default_data_root, medmnist_set
from study.data.digits import DigitsSource
from study.data.download import Progress, download
from study.data.npz import NpzFile
from study.data.parts import TRAIN, VAL, Images, Labels, Part, channels_first, channels_last
from study.search_space.candidate import ImageCounts, ImageFormat

DIGITS_SIZES = (28, 64)


class Source(Protocol):
    """A data set whose parts can be read one at a time."""

    @property
    def name(self) -> str: ...
    @property
    def image(self) -> ImageFormat: ...
    @property
    def class_names(self) -> tuple[str, ...]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...

    def count(self, part: Part) -> int:
        """Return the number of images of a part, without reading them."""

    def images(self, part: Part) -> Images:
        """Read one part's images, ``(n, channels, size, size)``."""

    def labels(self, part: Part) -> Labels:
        """Read one part's labels, ``(n,)``."""

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Return what ``build`` makes, shared between processes where that pays."""

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Return what ``build`` makes, kept for the next process where that pays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzSource:
    """A ``.npz`` file whose headers were checked.

    Args:
        name: What reports call the data set.
        file: The file.
        digest: MD5 of its content.
        image: Channels, size and number of classes.
        class_names: One name for each class.
        notes: Sentences about the data set.
        counts: Number of images by the part's name.
    """

    name: str
    file: NpzFile
    digest: str
    image: ImageFormat
    class_names: tuple[str, ...]
    notes: tuple[str, ...]
    counts: dict[str, int]

    def count(self, part: Part) -> int:
        return self.counts[part.name]

    def images(self, part: Part) -> Images:
        """Read one part's images into memory; RGB ones are a view of channels-last memory.

        Raises:
            DataError: The array is damaged.
        """
        return channels_first(self.file.read(f"{part.name}_images"))

    def labels(self, part: Part) -> Labels:
        """Read one part's labels into memory.

        Raises:
            DataError: The array is damaged or a label is out of range.
        """
        return read_labels(self.file, part, self.image.classes)

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Map the array ``name`` of this file's content; see ``shared_array``.

        Raises:
            DataError: As ``build`` does, or the unpacked copy can be written nowhere.
        """
        array = shared_array(self.file.path, self.digest, name, lambda: channels_last(build()))
        return channels_first(array)

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Read the text ``name`` about this file's content; see ``kept_text``."""
        return kept_text(self.file.path, self.digest, name, build)


def read_labels(file: NpzFile, part: Part, classes: int) -> Labels:
    """Read one part's labels, ``(n,)`` int64.

    Raises:
        DataError: A label is not in 0..classes - 1.
    """
    name = f"{part.name}_labels"
    labels = file.read(name).reshape(-1)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise file.error(
            f"{name}: label {labels[wrong[0]]} of image {wrong[0]} is out of range",
            f"the {classes} classes of the training part are 0..{classes - 1}",
        )
    return labels.astype(np.int64)


def open_source(
    dataset: str,
    *,
    data_root: Path | None = None,
    size: int = 28,
    progress: Progress | None = None,
) -> Source:
    """Find a data set, downloading it if it is MedMNIST's and not there.

    Args:
        dataset: ``digits``, MedMNIST's name of a set, or a path that ends in ``.npz``.
        data_root: Folder of MedMNIST's files; the medmnist package's own when left out.
        size: Pixels; chooses MedMNIST's file. A ``.npz`` file has its own size: 28 stands for
            that as well.
        progress: Told how far a download is.

    Raises:
        DataError: The data set is unknown, missing, damaged or of the wrong form.
    """
    if _is_path(dataset):
        return _open_file(_expanded(Path(dataset)), size)
    if dataset == DIGITS:
        return DigitsSource(size=_digits_size(size))
    return _open_medmnist(medmnist_set(dataset, size), data_root, progress)


def image_format(dataset: str, size: int = 28, data_root: Path | None = None) -> ImageFormat:
    """Return channels, size and number of classes without loading images; needs no torch.

    MedMNIST's sets are known without their file, so ``data_root`` changes nothing for them.

    Raises:
        DataError: The data set is unknown, or the ``.npz`` file is missing or not usable.
    """
    del data_root
    if _is_path(dataset):
        file = NpzFile(_expanded(Path(dataset)))
        return _file_format(file, size)
    if dataset == DIGITS:
        return DigitsSource(size=_digits_size(size)).image
    return medmnist_set(dataset, size).image


def image_counts(dataset: str, size: int = 28) -> ImageCounts:
    """Return how many images are trained and validated on, without loading them.

    Raises:
        DataError: The data set is unknown, or the ``.npz`` file is missing or not usable.
    """
    if _is_path(dataset):
        counts: Mapping[str, int] = _counts(NpzFile(_expanded(Path(dataset))))
    elif dataset == DIGITS:
        source = DigitsSource(size=_digits_size(size))
        counts = {part.name: source.count(part) for part in (TRAIN, VAL)}
    else:
        counts = medmnist_set(dataset, size).counts
    return ImageCounts(train=counts[TRAIN.name], validation=counts[VAL.name])


def _expanded(path: Path) -> Path:
    """Return a path with a leading ``~`` replaced by the home folder.

    Raises:
        DataError: There is no such home folder.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise DataError(
            f"{path}: no home folder is known for '{path.parts[0]}'; write out the whole path"
        ) from None


def _is_path(dataset: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    return dataset.endswith(".npz") or any(separator in dataset for separator in separators)


def _digits_size(size: int) -> int:
    if size not in DIGITS_SIZES:
        raise DataError(f"data set '{DIGITS}' has no size {size}; it has 28 and 64")
    return size


def _open_file(path: Path, size: int) -> NpzSource:
    file = NpzFile(path)
    image = _file_format(file, size)
    return NpzSource(
        name=path.stem,
        file=file,
        digest=file.md5(),
        image=image,
        class_names=tuple(str(label) for label in range(image.classes)),
        notes=(),
        counts=_counts(file),
    )


def _open_medmnist(
    entry: MedMnistSet, data_root: Path | None, progress: Progress | None
) -> NpzSource:
    root = _expanded(data_root or default_data_root())
    path = root / entry.file_name
    if not path.exists():
        download(url=entry.url, destination=path, md5=entry.md5, progress=progress)
    file = NpzFile(path)
    digest = file.md5()
    if digest != entry.md5:
        raise file.error(
            f"MD5 is {digest}, MedMNIST's is {entry.md5}",
            f"delete it to download it again, or give it as --dataset {path} to use it as it is",
        )
    return NpzSource(
        name=entry.flag,
        file=file,
        digest=digest,
        image=entry.image,
        class_names=entry.class_names,
        notes=(f"data: {entry.flag} of MedMNIST v2 (Yang et al. 2023), {entry.licence}.",),
        counts=_counts(file),
    )


def _counts(file: NpzFile) -> dict[str, int]:
    headers = file.headers()
    suffix = "_images"
    return {
        name.removesuffix(suffix): header.shape[0]
        for name, header in headers.items()
        if name.endswith(suffix)
    }


def _file_format(file: NpzFile, size: int) -> ImageFormat:
    """Read a file's format off its headers and its training labels."""
    shape = file.headers()[f"{TRAIN.name}_images"].shape
    if size not in (28, shape[1]):
        raise file.error(
            f"its images have {shape[1]} pixels a side, not {size}", "leave the size out"
        )
    channels = shape[3] if len(shape) == 4 else 1
    return ImageFormat(channels=channels, size=shape[1], classes=_count_classes(file))


def _count_classes(file: NpzFile) -> int:
    """Return the number of classes: those of the training part, numbered without a gap.

    A gap is refused: it is far more often a wrong label than a class without an example.
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
