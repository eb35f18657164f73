"""Check a data set before a search relies on it: twins across parts, class shares, odd images."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from study.common.errors import DataError
from study.data.dataset import SearchData, content_sha256, load_search_data
from study.data.locked_test import compare_with_test_part
from study.data.overlap import Overlap, PartSummary, compare, print_part, summarize
from study.data.parts import TRAIN, VAL
from study.data.sources import Source, open_source
from study.data.splits import OFFICIAL

Looked = Literal["all", "searched"]

_FORM = 1  # raised when a stored audit of before must not be used any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was found in a data set; numbers and indices only, no image and no label.

    Args:
        name: Name of the data set.
        split: Split that was looked at.
        sha256: ``SearchData.sha256`` of what was looked at.
        class_names: One name for each label.
        parts: Training, validation and, for the official split, test part.
        overlaps: Every two parts, the earlier one first.
    """

    name: str
    split: str
    sha256: str
    class_names: tuple[str, ...]
    parts: tuple[PartSummary, ...]
    overlaps: tuple[Overlap, ...]


def audit(
    dataset: str,
    *,
    data_root: Path | None = None,
    size: int = 28,
    split: str = OFFICIAL,
    seed: int = 0,
    parts: Looked = "all",
) -> Audit:
    """Look for what makes a result on a data set worth less than it seems.

    The answer is kept beside the data, so that only the first call takes time: about 3 s on one
    core for OCTMNIST. On the pooled split there is no test part to compare with.

    Args:
        dataset: As for ``load_search_data``.
        data_root: As for ``load_search_data``.
        size: As for ``load_search_data``.
        split: As for ``load_search_data``.
        seed: As for ``load_search_data``.
        parts: ``searched`` leaves the test part closed: it is not read and not compared with.

    Raises:
        DataError: The data set is unknown, missing, damaged or of the wrong form.
    """
    data = load_search_data(dataset, data_root=data_root, size=size, split=split, seed=seed)
    source = open_source(dataset, data_root=data_root, size=size)
    name = f"audit-{_FORM}-{parts}-{data.sha256[:16]}.json"
    stored = source.kept(
        name, lambda: json.dumps(dataclasses.asdict(_examine(data, source, parts)))
    )
    try:
        return _from_json(json.loads(stored))
    except (ValueError, KeyError, TypeError):  # cut off by a full disk or edited
        return _examine(data, source, parts)


def leaking_train_indices(audit: Audit) -> tuple[int, ...]:
    """Return the training images that have an exact or a near twin in another part, ascending."""
    leaks: set[int] = set()
    for overlap in audit.overlaps:
        if overlap.first == TRAIN.name:
            leaks.update(overlap.twins_in_first)
    return tuple(sorted(leaks))


def leaking_val_indices(audit: Audit) -> tuple[int, ...]:
    """Return the validation images that have an exact or a near twin in the test part."""
    return next((o.twins_in_first for o in audit.overlaps if o.first == VAL.name), ())


def drop_leaks(data: SearchData, audit: Audit) -> SearchData:
    """Leave out the training images that have a twin in validation or test.

    Args:
        data: What was audited.
        audit: Its audit.

    Returns:
        ``data`` itself where there is no such image; else a copy with its own digest and a note.

    Raises:
        DataError: A class would lose its last training image.
        ValueError: The audit is of other data.
    """
    if audit.sha256 != data.sha256:
        raise ValueError(f"audit of {audit.sha256[:12]} does not belong to {data.sha256[:12]}")
    leaks = leaking_train_indices(audit)
    if not leaks:
        return data
    keep = torch.ones(len(data.train_labels), dtype=torch.bool)
    keep[list(leaks)] = False
    images, labels = data.train_images[keep], data.train_labels[keep]
    gone = set(data.train_labels.tolist()) - set(labels.tolist())
    if gone:
        raise DataError(
            f"{data.name}: every training image of class '{data.class_names[min(gone)]}' has a "
            "twin in validation or test; run without --drop-leaks"
        )
    val_images, val_labels = data.val_images.numpy(), data.val_labels.numpy()
    arrays = (images.numpy(), labels.numpy(), val_images, val_labels)
    return dataclasses.replace(
        data,
        train_images=images,
        train_labels=labels,
        sha256=content_sha256(data.split, arrays),
        notes=(*data.notes, f"training images left out for a twin elsewhere: {len(leaks):,}."),
    )


def class_shift(audit: Audit, part: PartSummary) -> float:
    """Return the share of a part's images that would need another class to match training.

    This is the total variation distance between the two parts' class shares, 0..1.
    """
    own = np.array(part.class_counts) / part.images
    train = np.array(audit.parts[0].class_counts) / audit.parts[0].images
    return float(np.abs(own - train).sum() / 2)


def _examine(data: SearchData, source: Source, looked: Looked) -> Audit:
    train = print_part(data.train_images.numpy(), data.train_labels.numpy())
    val = print_part(data.val_images.numpy(), data.val_labels.numpy())
    classes = data.image.classes
    parts = [summarize(TRAIN.name, train, classes), summarize(VAL.name, val, classes)]
    overlaps = [compare((TRAIN.name, VAL.name), train, val)]
    if looked == "all" and data.split == OFFICIAL:
        test, with_test = compare_with_test_part(source, train=train, val=val)
        parts.append(test)
        overlaps.extend(with_test)
    return Audit(
        name=data.name,
        split=data.split,
        sha256=data.sha256,
        class_names=data.class_names,
        parts=tuple(parts),
        overlaps=tuple(overlaps),
    )


def _from_json(stored: dict[str, Any]) -> Audit:
    """Rebuild an audit; JSON has lists where the dataclasses have tuples."""

    def tuples(fields: dict[str, Any]) -> dict[str, Any]:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}

    parts = tuple(PartSummary(**tuples(part)) for part in stored.pop("parts"))
    overlaps = tuple(Overlap(**tuples(overlap)) for overlap in stored.pop("overlaps"))
    return Audit(parts=parts, overlaps=overlaps, **tuples(stored))
