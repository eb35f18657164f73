"""The only code that reads the test part: three functions, each for one caller.

- ``open_test_part`` is for ``study/final_test/``, which shows a receipt from the access log.
- ``pool_all_parts`` is for ``study/data/dataset.py``. The pooled split is by definition cut from
  all three parts, so ``open_test_part`` rejects a study on it.
- ``compare_with_test_part`` is for ``study/data/leak_check.py``. It returns counts, and the
  indices of the training and validation images that have a twin in the test part. It returns no
  test image and no label. A search can only leave such training images out, which makes a later
  test stricter and not easier.

``tests/data/test_locked_test.py`` parses every import of the project. It proves that no other
module uses these functions, and that no other module makes a ``Part`` besides train and val. The
lock prevents mistakes. It does not stop a person who changes the code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from study.common.errors import DataError
from study.data.parts import POOLED, TRAIN, VAL, Images, Labels, Part, PooledCut, pooled_cut
from study.data.sources import DataSource, open_source
from study.data.twins import (
    Overlap,
    PartPrints,
    PartSummary,
    compare,
    fingerprint_part,
    summarize,
)

_TEST = Part("test")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReceipt:
    """Proof that an access to the test part is in the study's access log, which alone makes it.

    Args:
        number: Number of the access in the log, from 1.
        dataset: ``SearchData.name`` of the study's search, as ``split``.
    """

    study: str
    number: int
    candidate_id: str
    dataset: str
    split: str


def open_test_part(
    dataset: str,
    *,
    receipt: AccessReceipt,
    data_root: Path | None = None,
    size: int = 28,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the images and labels of the official test part, for an access that is in the log.

    The other arguments are those of ``load_search_data``.

    Raises:
        DataError: The study searched on the pooled split or on another data set, or the file is
            missing or damaged.
    """
    source = open_source(dataset, data_root=data_root, size=size)
    _check(receipt, source)
    images, labels = source.images(_TEST), source.labels(_TEST)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _check(receipt: AccessReceipt, source: DataSource) -> None:
    if receipt.split == POOLED:
        raise DataError(
            f"study '{receipt.study}' searched on the pooled split, whose training part holds "
            "official test images; search with --split official to be able to test"
        )
    if receipt.dataset != source.name:
        raise DataError(
            f"study '{receipt.study}' searched on '{receipt.dataset}'; its candidate cannot be "
            f"tested on '{source.name}'"
        )
    if receipt.number < 1:
        raise ValueError(f"accesses are numbered from 1, but got {receipt.number=}")


def compare_with_test_part(
    source: DataSource, *, train: PartPrints, val: PartPrints
) -> tuple[PartSummary, tuple[Overlap, Overlap]]:
    """Return the test part in numbers, and its overlap with ``train`` and with ``val``."""
    test = fingerprint_part(source.images(_TEST), source.labels(_TEST))
    summary = summarize(_TEST.name, test, source.image.classes)
    with_train = compare((TRAIN.name, _TEST.name), train, test)
    return summary, (with_train, compare((VAL.name, _TEST.name), val, test))


def pool_all_parts(
    source: DataSource, seed: int
) -> tuple[tuple[Images, Labels, Images, Labels], PooledCut]:
    """Lay train, val and test end to end and cut them 70/30.

    It returns training images and labels, validation images and labels, and the cut.
    """
    parts = (TRAIN, VAL, _TEST)
    counts = {part.name: source.count(part) for part in parts}
    cut = pooled_cut(**counts, seed=seed)
    labels = np.concatenate([source.labels(part) for part in parts])
    # The name depends on the cut and not on its seed: another numpy may draw another cut.
    name = f"pooled-{hashlib.sha256(cut.train.tobytes()).hexdigest()[:16]}"

    def all_images() -> Images:
        return np.concatenate([source.images(part) for part in parts])

    train = source.shared(f"{name}-train", lambda: all_images()[cut.train])
    val = source.shared(f"{name}-val", lambda: all_images()[cut.val])
    return (train, labels[cut.train], val, labels[cut.val]), cut
