"""An audit as one short block of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from study.data.audit import Audit, class_shift, leaking_train_indices
from study.data.overlap import PartSummary
from study.data.splits import OFFICIAL
from study.data.twins import NEAR_BITS, NEAR_CORRELATION, NEAR_DIFFERENCE

_NOTABLE_SHIFT = 0.05

_PUBLISHED_TEST: Mapping[str, tuple[int, ...]] = {"octmnist": (250, 250, 250, 250)}
"""Images of each class in a test part, as published (Yang et al. 2023): known without a look."""


def audit_text(audit: Audit, *, leaks: Literal["kept", "left out"] = "kept") -> str:
    """Write an audit down, a table of the parts and then one sentence a finding.

    Args:
        audit: What was found.
        leaks: What the study does with training images that have a twin elsewhere.

    Returns:
        Lines without a line break at the end.
    """
    return "\n".join([*_table(audit), *_twins(audit, leaks), *_conflicts(audit), *_shifts(audit)])


def _table(audit: Audit) -> list[str]:
    parts = audit.parts
    rows = [
        (f"{audit.name}, {audit.split} split", [part.name for part in parts]),
        ("images", [f"{part.images:,}" for part in parts]),
    ]
    for label, name in enumerate(audit.class_names):
        shares = [f"{part.class_counts[label] / part.images:.1%}" for part in parts]
        rows.append((f"class {name}", shares))
    rows.append(("shares differ from train", ["", *(_shift(audit, part) for part in parts[1:])]))
    rows.append(("constant images", [f"{part.constant:,}" for part in parts]))
    rows.append(("repeated within the part", [f"{part.repeated:,}" for part in parts]))
    width = max(len(title) for title, _ in rows)
    return [
        f"{title:<{width}}" + "".join(f"{cell:>10}" for cell in cells) for title, cells in rows
    ]


def _shift(audit: Audit, part: PartSummary) -> str:
    return f"{class_shift(audit, part):.1%}"


def _twins(audit: Audit, leaks: str) -> list[str]:
    found = ", ".join(
        f"{both.exact_second:,} + {both.near_second:,} of {both.second} in {both.first}"
        for both in audit.overlaps
    )
    lines = [
        f"Twins, exact + near: {found}.",
        f"Near: {NEAR_BITS} of 64 bits of a perceptual hash, {NEAR_DIFFERENCE:g} grey levels on "
        f"average and a correlation of {NEAR_CORRELATION:g}, or closer; neighbouring scans of "
        "one patient can count.",
    ]
    if audit.split == OFFICIAL and len(audit.parts) == 2:
        lines.append(
            "A search leaves the test part closed; 'data' and 'test' look for twins in it."
        )
    count = len(leaking_train_indices(audit))
    if count:
        elsewhere = " or ".join(part.name for part in audit.parts[1:])
        done = "--drop-leaks leaves them out" if leaks == "kept" else "left out by --drop-leaks"
        lines.append(f"Training images with a twin in {elsewhere}: {count:,}; {done}.")
    return lines


def _conflicts(audit: Audit) -> list[str]:
    within = sum(part.conflicting for part in audit.parts)
    across = sum(overlap.conflicting_first for overlap in audit.overlaps)
    if not within + across:
        return ["No image has two labels."]
    return [
        f"The same image with two labels: {within:,} images within a part, {across:,} across "
        "parts; such labels cannot all be right."
    ]


def _shifts(audit: Audit) -> list[str]:
    shifted = [part for part in audit.parts[1:] if class_shift(audit, part) >= _NOTABLE_SHIFT]
    if not shifted:
        return _published_shift(audit)
    names = " and ".join(f"{part.name} ({_shift(audit, part)})" for part in shifted)
    return [
        f"Class shares differ from those of train in {names}: that share of the images would need "
        "another class to match. Compare balanced accuracy between parts, not accuracy."
    ]


def _published_shift(audit: Audit) -> list[str]:
    """Say what is published of a test part that is closed here."""
    counts = _PUBLISHED_TEST.get(audit.name)
    if counts is None or len(audit.parts) > 2 or audit.split != OFFICIAL:
        return []
    test = replace(audit.parts[1], name="test", class_counts=counts)
    most = max(range(len(counts)), key=lambda label: audit.parts[1].class_counts[label])
    share = audit.parts[1].class_counts[most] / audit.parts[1].images
    return [
        f"Published: the test part has {counts[most]} images of class {audit.class_names[most]} "
        f"among {sum(counts):,}, while {share:.0%} of val are of it; class shares differ by "
        f"{class_shift(audit, test):.1%} from train. Accuracy on it is another measure: look at "
        "balanced accuracy, and let spaces choose 'balance'."
    ]
