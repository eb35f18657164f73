"""Check a data set: twins across parts, conflicting labels, class shares, unusual images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError

from study.common.errors import DataError
from study.data.dataset import SearchData, content_sha256, load_search_data
from study.data.locked_test import compare_with_test_part
from study.data.parts import OFFICIAL, TRAIN, VAL
from study.data.sources import DataSource, open_source
from study.data.twins import (
    NEAR_BITS,
    NEAR_CORRELATION,
    NEAR_DIFFERENCE,
    Overlap,
    PartSummary,
    compare,
    fingerprint_part,
    summarize,
)

CheckedParts = Literal["all", "searched"]

_FORM = 2  # a kept result with another number is not used
_NOTABLE_SHIFT = 0.05

_PUBLISHED_TEST: Mapping[str, tuple[int, ...]] = {"octmnist": (250, 250, 250, 250)}
"""Images of each class in a test part, as published (Yang et al. 2023)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakCheck:
    """The findings in a data set: counts and indices, no image and no label.

    Args:
        sha256: ``SearchData.sha256`` of the checked data.
        parts: Training, validation and, for the official split, test part.
        overlaps: Every two parts, the earlier one first.
    """

    name: str
    split: str
    sha256: str
    class_names: tuple[str, ...]
    parts: tuple[PartSummary, ...]
    overlaps: tuple[Overlap, ...]


_LEAK_CHECK = TypeAdapter(LeakCheck)


def check_leaks(
    dataset: str,
    *,
    data_root: Path | None = None,
    size: int = 28,
    split: str = OFFICIAL,
    seed: int = 0,
    parts: CheckedParts = "all",
) -> LeakCheck:
    """Check a data set. The other arguments are those of ``load_search_data``.

    The result is kept beside the data, so that only the first call takes time: about 3 s on one
    core for OCTMNIST. The pooled split has no test part to compare with.

    Args:
        parts: ``searched`` leaves the test part closed: it is not read.
    """
    data = load_search_data(dataset, data_root=data_root, size=size, split=split, seed=seed)
    source = open_source(dataset, data_root=data_root, size=size)
    name = f"leak-check-{_FORM}-{parts}-{data.sha256[:16]}.json"
    stored = source.kept(
        name, lambda: _LEAK_CHECK.dump_json(_examine(data, source, parts)).decode()
    )
    try:
        return _LEAK_CHECK.validate_json(stored)
    except ValidationError:  # cut off by a full disk, or edited
        return _examine(data, source, parts)


def _examine(data: SearchData, source: DataSource, checked: CheckedParts) -> LeakCheck:
    train = fingerprint_part(data.train_images.numpy(), data.train_labels.numpy())
    val = fingerprint_part(data.val_images.numpy(), data.val_labels.numpy())
    classes = data.image.classes
    parts = [summarize(TRAIN.name, train, classes), summarize(VAL.name, val, classes)]
    overlaps = [compare((TRAIN.name, VAL.name), train, val)]
    if checked == "all" and data.split == OFFICIAL:
        test, with_test = compare_with_test_part(source, train=train, val=val)
        parts.append(test)
        overlaps.extend(with_test)
    return LeakCheck(
        name=data.name,
        split=data.split,
        sha256=data.sha256,
        class_names=data.class_names,
        parts=tuple(parts),
        overlaps=tuple(overlaps),
    )


def leaking_train_indices(found: LeakCheck) -> tuple[int, ...]:
    """Return the training images that have an exact or a near twin in another part, ascending."""
    of_train = (o.twins_in_first for o in found.overlaps if o.first == TRAIN.name)
    return tuple(sorted(set().union(*of_train)))


def leaking_val_indices(found: LeakCheck) -> tuple[int, ...]:
    """Return the validation images that have an exact or a near twin in the test part."""
    return next((o.twins_in_first for o in found.overlaps if o.first == VAL.name), ())


def drop_leaks(data: SearchData, found: LeakCheck) -> SearchData:
    """Leave out the training images that have a twin in validation or test.

    It returns ``data`` itself where no image has a twin; else a copy with its own digest and a
    note.

    Raises:
        DataError: A class would lose its last training image.
    """
    if found.sha256 != data.sha256:
        raise ValueError(f"check of {found.sha256[:12]} does not belong to {data.sha256[:12]}")
    leaks = leaking_train_indices(found)
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


def class_shift(found: LeakCheck, part: PartSummary) -> float:
    """Return the total variation distance between the class shares of a part and of training.

    It is the share of the part's images that would need another class for the shares to match.
    """
    own = np.array(part.class_counts) / part.images
    train = np.array(found.parts[0].class_counts) / found.parts[0].images
    return float(np.abs(own - train).sum() / 2)


def describe_leak_check(found: LeakCheck, *, leaks: Literal["kept", "left out"] = "kept") -> str:
    """Return a table of the parts and then one sentence for each finding.

    ``leaks`` is what the study does with training images that have a twin in another part.
    """
    return "\n".join([*_table(found), *_twins(found, leaks), *_conflicts(found), *_shifts(found)])


def _table(found: LeakCheck) -> list[str]:
    parts = found.parts
    shifts = [f"{class_shift(found, part):.1%}" for part in parts[1:]]
    rows = [
        (f"{found.name}, {found.split} split", [part.name for part in parts]),
        ("images", [f"{part.images:,}" for part in parts]),
    ]
    for label, name in enumerate(found.class_names):
        shares = [f"{part.class_counts[label] / part.images:.1%}" for part in parts]
        rows.append((f"class {name}", shares))
    rows.append(("shares differ from train", ["", *shifts]))
    rows.append(("constant images", [f"{part.constant:,}" for part in parts]))
    rows.append(("repeated within the part", [f"{part.repeated:,}" for part in parts]))
    width = max(len(title) for title, _ in rows)
    return [
        f"{title:<{width}}" + "".join(f"{cell:>10}" for cell in cells) for title, cells in rows
    ]


def _twins(found: LeakCheck, leaks: str) -> list[str]:
    twins = ", ".join(
        f"{both.exact_second:,} + {both.near_second:,} of {both.second} in {both.first}"
        for both in found.overlaps
    )
    lines = [
        f"Twins, exact + near: {twins}.",
        f"Near: {NEAR_BITS} of 64 bits of a perceptual hash, {NEAR_DIFFERENCE:g} grey levels on "
        f"average and a correlation of {NEAR_CORRELATION:g}, or closer; neighbouring scans of "
        "one patient can be near twins.",
    ]
    if found.split == OFFICIAL and len(found.parts) == 2:
        lines.append("A search leaves the test part closed; 'data' and 'test' check it for twins.")
    count = len(leaking_train_indices(found))
    if count:
        elsewhere = " or ".join(part.name for part in found.parts[1:])
        done = "--drop-leaks leaves them out" if leaks == "kept" else "left out by --drop-leaks"
        lines.append(f"Training images with a twin in {elsewhere}: {count:,}; {done}.")
    return lines


def _conflicts(found: LeakCheck) -> list[str]:
    within = sum(part.conflicting for part in found.parts)
    across = sum(overlap.conflicting_first for overlap in found.overlaps)
    if not within + across:
        return ["No image has two labels."]
    return [
        f"The same image with two labels: {within:,} images within a part, {across:,} across "
        "parts; such labels cannot all be right."
    ]


def _shifts(found: LeakCheck) -> list[str]:
    shifts = {part.name: class_shift(found, part) for part in found.parts[1:]}
    notable = [
        f"{name} ({shift:.1%})" for name, shift in shifts.items() if shift >= _NOTABLE_SHIFT
    ]
    if not notable:
        return _published_shift(found)
    return [
        f"Class shares differ from those of train in {' and '.join(notable)}: that share of the "
        "images would need another class to match. Compare balanced accuracy between parts, not "
        "accuracy."
    ]


def _published_shift(found: LeakCheck) -> list[str]:
    """Return what is published about the class shares of a test part that is not read."""
    counts = _PUBLISHED_TEST.get(found.name)
    if counts is None or len(found.parts) > 2 or found.split != OFFICIAL:
        return []
    val = found.parts[1]
    test = dataclasses.replace(val, name="test", class_counts=counts)
    most = max(range(len(counts)), key=lambda label: val.class_counts[label])
    return [
        f"Published: the test part has {counts[most]} images of class {found.class_names[most]} "
        f"among {sum(counts):,}, while {val.class_counts[most] / val.images:.0%} of val are of "
        f"it; class shares differ by {class_shift(found, test):.1%} from train. Accuracies on "
        "the two parts do not compare: use balanced accuracy, and let the space choose 'balance'."
    ]
