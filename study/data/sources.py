"""Turn the name or the path of a data set into a source of its parts, checked before use."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from study.common.errors import DataError
from study.data.catalogue import DIGITS, MedMnistSet, default_data_root, medmnist_set
from study.data.digits import DigitsSource
from study.data.download import Progress, download
from study.data.npz import NpzFile
from study.data.npz_source import NpzSource, image_counts_of, image_format_of
from study.data.parts import TRAIN, VAL, Images, Labels, Part
from study.search_space.candidate import ImageCounts, ImageFormat

DIGITS_SIZES = (28, 64)


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
        """Return the number of images of a part, without reading them."""

    def images(self, part: Part) -> Images:
        """Read one part's images, ``(n, channels, size, size)``."""

    def labels(self, part: Part) -> Labels:
        """Read one part's labels, ``(n,)``."""

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Return the result of ``build``, shared between processes where that saves memory."""

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Return the result of ``build``, kept for the next process where that saves time."""


def open_source(
    dataset: str,
    *,
    data_root: Path | None = None,
    size: int = 28,
    progress: Progress | None = None,
) -> DataSource:
    """Open a data set. A set of MedMNIST that is not on the disk is downloaded first.

    Args:
        dataset: ``digits``, MedMNIST's name of a set, or a path that ends in ``.npz``.
        data_root: Folder of MedMNIST's files; the medmnist package's own when left out.
        size: Pixels; it chooses MedMNIST's file. A ``.npz`` file has its own size, and 28 stands
            for any size.
        progress: Called during a download.

    Raises:
        DataError: The data set is unknown, missing, damaged or of the wrong form.
    """
    if _is_path(dataset):
        return _open_file(_expanded(Path(dataset)), size)
    if dataset == DIGITS:
        return DigitsSource(size=_digits_size(size))
    return _open_medmnist(medmnist_set(dataset, size), data_root, progress)


def image_format(dataset: str, size: int = 28) -> ImageFormat:
    """Return channels, size and number of classes without loading images.

    The sets of MedMNIST are known without their file.

    Raises:
        DataError: The data set is unknown, or the ``.npz`` file is missing or not usable.
    """
    if _is_path(dataset):
        return image_format_of(NpzFile(_expanded(Path(dataset))), size)
    if dataset == DIGITS:
        return DigitsSource(size=_digits_size(size)).image
    return medmnist_set(dataset, size).image


def image_counts(dataset: str, size: int = 28) -> ImageCounts:
    """Return the number of training and of validation images, without loading them.

    Raises:
        DataError: The data set is unknown, or the ``.npz`` file is missing or not usable.
    """
    if _is_path(dataset):
        counts: Mapping[str, int] = image_counts_of(NpzFile(_expanded(Path(dataset))))
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
    image = image_format_of(file, size)
    return NpzSource(
        name=path.stem,
        file=file,
        digest=file.md5(),
        image=image,
        class_names=tuple(str(label) for label in range(image.classes)),
        notes=(),
        counts=image_counts_of(file),
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
        counts=image_counts_of(file),
    )
