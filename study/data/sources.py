"""Turn the name or the path of a data set into a source of its parts, checked before use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np

from study.common.errors import DataError
from study.data.catalogue import DIGITS, default_data_root, medmnist_set
from study.data.download import Progress, download
from study.data.npz import NpzFile
from study.data.npz_source import NpzSource, image_counts_of, image_format_of
from study.data.parts import TRAIN, VAL, Images, Labels, Part, shuffled_classes
from study.data.resize import resize
from study.search_space.candidate import ImageCounts, ImageFormat

_DIGITS_SIZES = (28, 64)
_DIGITS_SEED = 0  # the cut belongs to the data set and not to a study, so its test part is fixed
_DIGITS_SHARES = {"train": (0.0, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}
_DIGITS_BRIGHTEST = 16


class DataSource(Protocol):
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
        """Return the number of images of a part, without reading the images."""

    def images(self, part: Part) -> Images:
        """Read one part's images, ``(n, channels, size, size)``."""

    def labels(self, part: Part) -> Labels:
        """Read one part's labels, ``(n,)``."""

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Return the result of ``build``, shared between processes where that saves memory."""

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Return the result of ``build``, kept for the next process where that saves time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsSource:
    """Scikit-learn's handwritten digits at one size, in pixels. They need no download.

    1,797 grey images of 8 x 8 pixels in 17 levels (UCI "Optical Recognition of Handwritten
    Digits", Alpaydin and Kaynak 1998), resampled and cut 60/20/20 class by class, always in the
    same way.
    """

    size: int
    name: str = DIGITS
    class_names: tuple[str, ...] = tuple("0123456789")
    notes: tuple[str, ...] = (
        "data: scikit-learn's 1,797 handwritten digits, cut 60/20/20 by class.",
    )

    def __post_init__(self) -> None:
        if self.size not in _DIGITS_SIZES:
            raise DataError(f"data set '{DIGITS}' has no size {self.size}; it has 28 and 64")

    @property
    def image(self) -> ImageFormat:
        return ImageFormat(channels=1, size=self.size, classes=10)

    def count(self, part: Part) -> int:
        return len(self.labels(part))

    def images(self, part: Part) -> Images:
        levels, labels = _load_digits()
        chosen = levels[_digits_of(labels, part)]
        return resize(chosen[:, None], self.size, brightest=_DIGITS_BRIGHTEST)

    def labels(self, part: Part) -> Labels:
        _, labels = _load_digits()
        return labels[_digits_of(labels, part)]

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Build the array in every process, because a megabyte is not worth a file."""
        del name
        return build()

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Build the text in every process, because that takes no time."""
        del name
        return build()


@cache
def _load_digits() -> tuple[Images, Labels]:
    from sklearn.datasets import load_digits  # takes a second, and most data sets do without it

    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.int64)


def _digits_of(labels: Labels, part: Part) -> Labels:
    """Return the indices of a part, ascending."""
    first, last = _DIGITS_SHARES[part.name]
    groups = shuffled_classes(labels, _DIGITS_SEED)
    cut = [group[round(first * len(group)) : round(last * len(group))] for group in groups]
    return np.sort(np.concatenate(cut))


def open_source(
    dataset: str,
    *,
    data_root: Path | None = None,
    size: int = 28,
    progress: Progress | None = None,
) -> DataSource:
    """Open a data set, with the arguments of ``load_search_data``."""
    if dataset == DIGITS:
        return DigitsSource(size=size)
    if _is_path(dataset):
        file = _file(dataset)
        image = image_format_of(file, size)
        return NpzSource(
            name=file.path.stem,
            file=file,
            digest=file.md5(),
            image=image,
            class_names=tuple(str(label) for label in range(image.classes)),
            notes=(),
            counts=image_counts_of(file),
        )
    return _open_medmnist(dataset, size, data_root, progress)


def _open_medmnist(
    dataset: str, size: int, data_root: Path | None, progress: Progress | None
) -> NpzSource:
    entry = medmnist_set(dataset, size)
    path = _expanded(data_root or default_data_root()) / entry.file_name
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
        counts=image_counts_of(file),
    )


def image_format(dataset: str, size: int = 28) -> ImageFormat:
    """Return channels, size and number of classes, without loading images.

    A set of MedMNIST needs no file.
    """
    if dataset == DIGITS:
        return DigitsSource(size=size).image
    if _is_path(dataset):
        return image_format_of(_file(dataset), size)
    return medmnist_set(dataset, size).image


def image_counts(dataset: str, size: int = 28) -> ImageCounts:
    """Return the number of training and of validation images, as ``image_format`` does."""
    if dataset == DIGITS:
        source = DigitsSource(size=size)
        counts: Mapping[str, int] = {part.name: source.count(part) for part in (TRAIN, VAL)}
    elif _is_path(dataset):
        counts = image_counts_of(_file(dataset))
    else:
        counts = medmnist_set(dataset, size).counts
    return ImageCounts(train=counts[TRAIN.name], validation=counts[VAL.name])


def _is_path(dataset: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    return dataset.endswith(".npz") or any(separator in dataset for separator in separators)


def _file(dataset: str) -> NpzFile:
    return NpzFile(_expanded(Path(dataset)))


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise DataError(
            f"{path}: no home folder is known for '{path.parts[0]}'; write out the whole path"
        ) from None
