"""The only code that can read the test part. It has three doors, each for one caller.

- ``open_test_part`` is for ``study/evaluation/``, which shows a receipt that its ledger wrote.
- ``pool_all_parts`` is for ``study/data/dataset.py``: the pooled split is, by definition, cut from
  all three parts, and a study on it is refused at the first door.
- ``compare_with_test_part`` is for ``study/data/audit.py``. Counts come out, and which training
  and validation images have a twin in the test part; test images and their labels do not. What a
  search can do with that is to leave such training images out, which makes a later test stricter
  and not easier.

``tests/data/test_locked_test.py`` parses every import of the project and proves that nobody else
comes through, and that no other module makes a ``Part`` besides train and val. The lock guards
against a mistake, not against someone who changes the code.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from study.common.errors import DataError
from study.data.download import Progress
from study.data.overlap import Overlap, PartSummary, compare, print_part, summarize
from study.data.parts import TRAIN, VAL, Images, Labels, Part
from study.data.sources import Source, open_source
from study.data.splits import POOLED, PooledCut, pooled_cut
from study.data.twins import PartPrints

if TYPE_CHECKING:
    import torch

_TEST = Part("test")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerReceipt:
    """Proof that a look at the test part was written to the study's ledger; made there alone.

    Args:
        study: Name of the study that looks.
        look: Number of the look in the study's ledger, from 1.
        candidate_id: Which candidate it is for.
        dataset: Data set the study searched on, as ``SearchData.name`` has it.
        split: Split the study searched on.
    """

    study: str
    look: int
    candidate_id: str
    dataset: str
    split: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledParts:
    """The pooled split's arrays.

    Args:
        train_images: ``(n, channels, size, size)``, uint8; possibly mapped.
        train_labels: ``(n,)``, int64.
        val_images: As ``train_images``.
        val_labels: As ``train_labels``.
        cut: Which image went where.
    """

    train_images: Images
    train_labels: Labels
    val_images: Images
    val_labels: Labels
    cut: PooledCut


def open_test_part(
    dataset: str,
    *,
    receipt: LedgerReceipt,
    data_root: Path | None = None,
    size: int = 28,
    progress: Progress | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Read the official test part, for a look that stands in the ledger.

    Args:
        dataset: As for ``load_search_data``.
        receipt: The ledger's entry for this look.
        data_root: As for ``load_search_data``.
        size: As for ``load_search_data``.
        progress: Told how far a download is.

    Returns:
        Images ``(n, channels, size, size)`` uint8 and labels ``(n,)`` int64.

    Raises:
        DataError: The study searched on the pooled split or on another data set, or the file is
            missing or damaged.
    """
    import torch

    source = open_source(dataset, data_root=data_root, size=size, progress=progress)
    _check(receipt, source)
    images, labels = source.images(_TEST), source.labels(_TEST)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _check(receipt: LedgerReceipt, source: Source) -> None:
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
    if receipt.look < 1:
        raise ValueError(f"looks are numbered from 1, but got {receipt.look=}")


def compare_with_test_part(
    source: Source, *, train: PartPrints, val: PartPrints
) -> tuple[PartSummary, tuple[Overlap, Overlap]]:
    """Count what the test part has in common with training and validation.

    Args:
        source: The data set.
        train: Its training part.
        val: Its validation part.

    Returns:
        The test part in numbers, and its overlap with ``train`` and with ``val``.

    Raises:
        DataError: The test part is damaged.
    """
    test = print_part(source.images(_TEST), source.labels(_TEST))
    summary = summarize(_TEST.name, test, source.image.classes)
    with_train = compare((TRAIN.name, _TEST.name), train, test)
    return summary, (with_train, compare((VAL.name, _TEST.name), val, test))


def pool_all_parts(source: Source, seed: int) -> PooledParts:
    """Lay train, val and test end to end and cut them 70/30.

    Args:
        source: The data set.
        seed: Any whole number from 0; decides the cut.

    Raises:
        DataError: An array is damaged.
    """
    parts = (TRAIN, VAL, _TEST)
    counts = {part.name: source.count(part) for part in parts}
    cut = pooled_cut(**counts, seed=seed)
    labels = np.concatenate([source.labels(part) for part in parts])
    # The name holds the cut itself and not its seed: another numpy may draw another one.
    name = f"pooled-{hashlib.sha256(cut.train.tobytes()).hexdigest()[:16]}"

    def all_images() -> Images:
        return np.concatenate([source.images(part) for part in parts])

    return PooledParts(
        train_images=source.shared(f"{name}-train", lambda: all_images()[cut.train]),
        train_labels=labels[cut.train],
        val_images=source.shared(f"{name}-val", lambda: all_images()[cut.val]),
        val_labels=labels[cut.val],
        cut=cut,
    )
