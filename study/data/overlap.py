"""One part in numbers, and the overlap of two parts, without images and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.data.parts import Images, Labels
from study.data.twins import PartPrints, conflicting, find_twins, fingerprints


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary:
    """One part of a data set in numbers.

    Args:
        class_counts: Number of images of each class.
        constant: Images whose pixels are all equal.
        repeated: Images whose bytes occur earlier in the same part.
        conflicting: Images whose bytes also occur in the same part with another label.
    """

    name: str
    class_counts: tuple[int, ...]
    constant: int
    repeated: int
    conflicting: int

    @property
    def images(self) -> int:
        return sum(self.class_counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """The images that two parts have in common. Near twins do not include the exact ones.

    Args:
        exact_first: Images of the first part whose bytes are in the second.
        exact_second: Images of the second part whose bytes are in the first.
        near_first: Images of the first part with a near twin in the second.
        near_second: Images of the second part with a near twin in the first.
        conflicting_first: Images of the first part that are in the second with another label.
        twins_in_first: Indices of the images of the first part that have an exact or a near twin.
    """

    first: str
    second: str
    exact_first: int
    exact_second: int
    near_first: int
    near_second: int
    conflicting_first: int
    twins_in_first: tuple[int, ...]


def fingerprint_part(images: Images, labels: Labels) -> PartPrints:
    """Compute the fingerprints of a part, ``(n, channels, size, size)`` and ``(n,)``."""
    return PartPrints(images=images, labels=labels, prints=fingerprints(images))


def summarize(name: str, part: PartPrints, classes: int) -> PartSummary:
    """Return one part in numbers. ``classes`` is the number of classes of the data set."""
    content, labels = part.prints.content, part.labels
    counts = np.bincount(labels, minlength=classes)
    return PartSummary(
        name=name,
        class_counts=tuple(int(count) for count in counts),
        constant=int(part.prints.constant.sum()),
        repeated=len(content) - len(np.unique(content)),
        conflicting=int(conflicting(content, labels, content, labels).sum()),
    )


def compare(names: tuple[str, str], first: PartPrints, second: PartPrints) -> Overlap:
    """Count the twins of two parts, and list those of the first part by index."""
    twins = find_twins(first, second)
    in_first = np.flatnonzero(twins.exact_first | twins.near_first)
    return Overlap(
        first=names[0],
        second=names[1],
        exact_first=int(twins.exact_first.sum()),
        exact_second=int(twins.exact_second.sum()),
        near_first=int(twins.near_first.sum()),
        near_second=int(twins.near_second.sum()),
        conflicting_first=int(twins.conflicting_first.sum()),
        twins_in_first=tuple(int(index) for index in in_first),
    )
