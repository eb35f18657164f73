"""An audit as one short block of text."""

from __future__ import annotations

from study.data.audit import Audit, class_shift, leaking_train_indices
from study.data.overlap import PartSummary
from study.data.splits import OFFICIAL
from study.data.twins import NEAR_BITS, NEAR_CORRELATION, NEAR_DIFFERENCE

_NOTABLE_SHIFT = 0.05


def audit_text(audit: Audit) -> str:
    """Write an audit down, a table of the parts and then one sentence a finding.

    Args:
        audit: What was found.

    Returns:
        Lines without a line break at the end.
    """
    return "\n".join([*_table(audit), *_twins(audit), *_conflicts(audit), *_shifts(audit)])


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


def _twins(audit: Audit) -> list[str]:
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
    leaks = len(leaking_train_indices(audit))
    if leaks:
        elsewhere = " or ".join(part.name for part in audit.parts[1:])
        lines.append(
            f"Training images with a twin in {elsewhere}: {leaks:,}; --drop-leaks leaves them out."
        )
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
        return []
    names = " and ".join(f"{part.name} ({_shift(audit, part)})" for part in shifted)
    return [
        f"Class shares differ from those of train in {names}: that share of the images would need "
        "another class to match. Compare balanced accuracy between parts, not accuracy."
    ]
