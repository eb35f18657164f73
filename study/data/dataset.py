"""The images that a search may see: training and validation, never the test part."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from study.common.errors import DataError
from study.data.download import Progress
from study.data.locked_test import pool_all_parts
from study.data.parts import OFFICIAL, POOLED, SPLITS, TRAIN, VAL, Images, Labels, PooledCut
from study.data.sources import open_source
from study.search_space.candidate import ImageFormat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchData:
    """A data set as a search sees it; there is no test part in it.

    Args:
        name: ``octmnist``, ``digits``, or the stem of a ``.npz`` file.
        train_images: ``(n, channels, size, size)``, uint8 on the CPU, as ``val_images``. Images
            from a file are a copy-on-write map that all processes share. RGB is a view of
            channels-last memory.
        train_labels: ``(n,)``, int64, as ``val_labels``.
        sha256: ``content_sha256`` of the split, the images and the labels.
        notes: Sentences to print and to store with the study.
        warnings: Sentences at the beginning of every report.
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
    progress: Progress | None = None,
) -> SearchData:
    """Load the training and validation part of a data set.

    Args:
        dataset: ``digits``, MedMNIST's name of a set, or a path that ends in ``.npz``.
        data_root: Folder of MedMNIST's files; by default, the medmnist package's own. A missing
            file is downloaded to it.
        size: Pixels; it chooses MedMNIST's file. A ``.npz`` file has its own size, and 28 stands
            for any size.
        split: ``official`` keeps the parts; ``pooled`` lays all three end to end and cuts 70/30.
        seed: Determines the pooled cut.
        progress: Called during a download.

    Raises:
        DataError: The data set is unknown, missing, damaged or of the wrong form.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split '{split}'; known: {', '.join(SPLITS)}")
    source = open_source(dataset, data_root=data_root, size=size, progress=progress)
    warnings: tuple[str, ...] = ()
    if split == POOLED:
        arrays, cut = pool_all_parts(source, seed)
        warnings = (_pooled_warning(source.name, cut),)
    else:
        train = source.shared("train_images", lambda: source.images(TRAIN))
        val = source.shared("val_images", lambda: source.images(VAL))
        arrays = (train, source.labels(TRAIN), val, source.labels(VAL))
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
    """Return the digest of the images and labels that a search sees, in hexadecimal.

    It does not depend on how a file stores them: a grey image has the same digest with and without
    a channel axis, and a label has the same digest as uint8 and as int64.
    """
    digest = hashlib.sha256(split.encode())
    for array in arrays:
        digest.update(repr(array.shape).encode())
        by_pixel = np.moveaxis(array, 1, -1) if array.ndim == 4 else array  # as it lies in memory
        digest.update(np.ascontiguousarray(by_pixel).data)
    return digest.hexdigest()


def joined(data: SearchData, *, left_out: Sequence[int] = ()) -> SearchData:
    """Return the data with the validation images added to the training images.

    The validation part stays as it is, so its metrics are those of learned images.

    Args:
        left_out: Indices of validation images that are not added. The result then has its own
            digest and a note.
    """
    keep = torch.ones(len(data.val_labels), dtype=torch.bool)
    keep[list(left_out)] = False
    together = dataclasses.replace(
        data,
        train_images=torch.cat([data.train_images, data.val_images[keep]]),
        train_labels=torch.cat([data.train_labels, data.val_labels[keep]]),
        warnings=(
            *data.warnings,
            "trained on the training and validation images: the validation figures of these "
            "trainings are from learned images and do not show how good the networks are.",
        ),
    )
    if not left_out:
        return together
    train = together.train_images.numpy(), together.train_labels.numpy()
    val = data.val_images.numpy(), data.val_labels.numpy()
    note = f"validation images not learned for a twin in test: {len(left_out):,}."
    return dataclasses.replace(
        together, sha256=content_sha256(data.split, (*train, *val)), notes=(*data.notes, note)
    )


def _pooled_warning(name: str, cut: PooledCut) -> str:
    tests = cut.test_in_train + cut.test_in_val
    return (
        f"pooled split: {cut.test_in_train:,} of the {tests:,} official test images of {name} are "
        f"in its training part and {cut.test_in_val:,} in its validation part. This study "
        "cannot be tested on the official test part, and its values do not compare with "
        "published ones."
    )
