"""What a search may see of a data set: training and validation images, never the test part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from study.common.errors import DataError
from study.data.locked_test import PooledParts, pool_all_parts
from study.data.parts import TRAIN, VAL, Images, Labels
from study.data.sources import Source, image_format, open_source
from study.data.splits import OFFICIAL, POOLED, SPLITS
from study.search_space.candidate import ImageFormat

if TYPE_CHECKING:
    import torch

__all__ = ["SearchData", "image_format", "load_search_data"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchData:
    """A data set as a search sees it; there is no test part in it.

    Args:
        name: ``octmnist``, ``digits``, or the stem of a ``.npz`` file.
        split: ``official`` or ``pooled``.
        image: Channels, size and number of classes.
        class_names: One name for each label, from 0.
        train_images: ``(n, channels, size, size)``, uint8 on the CPU. Where it comes from a file
            it is a copy-on-write map of one file for all processes; RGB is a view of
            channels-last memory.
        train_labels: ``(n,)``, int64.
        val_images: As ``train_images``.
        val_labels: As ``train_labels``.
        sha256: Digest of the split and of these images and labels.
        notes: Sentences to print and to store with the study.
        warnings: Sentences that every report has to begin with.
    """

    name: str
    split: str
    image: ImageFormat
    class_names: tuple[str, ...]
    train_images: torch.Tensor
    train_labels: torch.Tensor
    val_images: torch.Tensor
    val_labels: torch.Tensor
    sha256: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def load_search_data(
    dataset: str,
    *,
    data_root: Path | None = None,
    size: int = 28,
    split: str = OFFICIAL,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> SearchData:
    """Load the training and validation part of a data set.

    Args:
        dataset: ``digits``, MedMNIST's name of a set, or a path that ends in ``.npz``.
        data_root: Folder of MedMNIST's files; the medmnist package's own when left out.
        size: Pixels; chooses MedMNIST's file. A ``.npz`` file has its own size: 28 stands for
            that as well.
        split: ``official`` keeps the parts; ``pooled`` lays all three end to end and cuts 70/30.
        seed: Decides the pooled cut; the official split does not use it.
        progress: Told the bytes that are here and those of the whole file (0 while unknown).

    Raises:
        DataError: The data set is unknown, missing, damaged or of the wrong form.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split '{split}'; known: {', '.join(SPLITS)}")
    source = open_source(dataset, data_root=data_root, size=size, progress=progress)
    if split == POOLED:
        pooled = pool_all_parts(source, seed)
        arrays = (
            pooled.train_images, pooled.train_labels, pooled.val_images, pooled.val_labels,
        )  # fmt: skip
        return _search_data(source, split, arrays, _pooled_warnings(source.name, pooled))
    train = source.shared("train_images", lambda: source.images(TRAIN))
    val = source.shared("val_images", lambda: source.images(VAL))
    return _search_data(source, split, (train, source.labels(TRAIN), val, source.labels(VAL)), ())


def _search_data(
    source: Source,
    split: str,
    arrays: tuple[Images, Labels, Images, Labels],
    warnings: tuple[str, ...],
) -> SearchData:
    import torch

    tensors = [torch.from_numpy(array) for array in arrays]
    return SearchData(
        name=source.name,
        split=split,
        image=source.image,
        class_names=source.class_names,
        train_images=tensors[0],
        train_labels=tensors[1],
        val_images=tensors[2],
        val_labels=tensors[3],
        sha256=content_sha256(split, arrays),
        notes=source.notes,
        warnings=warnings,
    )


def content_sha256(split: str, arrays: tuple[Images, Labels, Images, Labels]) -> str:
    """Return the digest of what a search sees, in hexadecimal.

    It does not depend on how a file stores its images: a grey image with and without a channel
    axis, and a label as uint8 and as int64, count as the same.

    Args:
        split: Name of the split.
        arrays: Images and labels of training and validation, images ``(n, channels, s, s)``.
    """
    digest = hashlib.sha256(split.encode())
    for array in arrays:
        digest.update(repr(array.shape).encode())
        by_pixel = np.moveaxis(array, 1, -1) if array.ndim == 4 else array  # as it lies in memory
        digest.update(np.ascontiguousarray(by_pixel).data)
    return digest.hexdigest()


def _pooled_warnings(name: str, pooled: PooledParts) -> tuple[str, ...]:
    cut = pooled.cut
    tests = cut.test_in_train + cut.test_in_val
    return (
        f"pooled split: {cut.test_in_train:,} of the {tests:,} official test images of {name} are "
        f"in its training part and {cut.test_in_val:,} in its validation part, so this study "
        "cannot be tested on the official test part, and its values do not compare with "
        "published ones.",
    )
