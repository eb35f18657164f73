"""Find images that are in two parts: the same bytes, or nearly the same picture.

Near twins fulfil all of these conditions, the cheapest to check first:

1. The mean brightnesses are at most ``NEAR_DIFFERENCE`` apart. No pair that fulfils condition 3
   is lost, because a mean absolute difference is never less than the difference of the means.
2. The perceptual hashes are at most ``NEAR_BITS`` bits apart. The hash holds the signs of the 64
   lowest frequencies of the discrete cosine transform except the constant one (after Zauner 2010,
   "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2), so it does
   not depend on brightness and contrast.
3. The mean absolute difference is at most ``NEAR_DIFFERENCE`` grey levels and the correlation of
   the pixels is at least ``NEAR_CORRELATION``. The correlation excludes pairs of flat images.

The thresholds come from 3,057 OCT images of 28 x 28 pixels. None of the 13 pairs within 4 grey
levels had two labels, and all 7 with known patients were scans of one patient. Five of the 27
pairs between 4 and 5 grey levels had two labels. The 13 pairs are at most 14 bits apart. Gaussian
noise of 4 grey levels moves an image by at most 16 bits and JPEG at quality 75 by at most 5, and
the three conditions find all of both. They find less than half of the shifts by one pixel. Of
random pairs, 1.5 % are within 16 bits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from study.data.parts import Images, Labels, channels_last

NEAR_BITS = 16
NEAR_DIFFERENCE = 4.0
NEAR_CORRELATION = 0.95

_CHUNK = 1024  # images or pairs handled at once; at 28 x 28 they fit a core's cache

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPrints:
    """The images of one part, with numbers that are compared before the pixels.

    Args:
        images: ``(n, channels, size, size)``.
        labels: ``(n,)``, as are the rest.
        content: Equal for equal images. BLAKE2b, cut to 64 bits: two different images of 100,000
            have the same one by chance once in 10^9 data sets.
        perceptual: The hash of condition 2.
        brightness: Mean grey level.
        constant: Whether all pixels are equal.
    """

    images: Images
    labels: Labels
    content: NDArray[np.uint64]
    perceptual: NDArray[np.uint64]
    brightness: NDArray[np.float64]
    constant: Mask


class Twins(NamedTuple):
    """Masks of the images of two parts, ``(n,)`` and ``(m,)``, that have a twin in the other part.

    Args:
        near_first: Without the images that have an exact twin, as ``near_second``.
        conflicting_first: Images with an exact twin of another label.
    """

    exact_first: Mask
    exact_second: Mask
    near_first: Mask
    near_second: Mask
    conflicting_first: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSummary:
    """One part of a data set in numbers, without images and labels.

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
    """Number of images in each mask of ``Twins``, for the two parts of these names.

    Args:
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
    blocks = [images[start : start + _CHUNK] for start in range(0, len(images), _CHUNK)]
    digests = [_digest(image) for block in blocks for image in channels_last(block)]
    flat = [block.reshape(len(block), -1) for block in blocks]
    return PartPrints(
        images=images,
        labels=labels,
        content=np.array(digests, dtype=np.uint64),
        perceptual=np.concatenate([_perceptual_hash(block) for block in blocks]),
        brightness=np.concatenate([block.mean(axis=1, dtype=np.float64) for block in flat]),
        constant=np.concatenate([block.min(axis=1) == block.max(axis=1) for block in flat]),
    )


def summarize(name: str, part: PartPrints, classes: int) -> PartSummary:
    """Return one part in numbers. ``classes`` is the number of classes of the data set."""
    content, labels = part.content, part.labels
    counts = np.bincount(labels, minlength=classes)
    return PartSummary(
        name=name,
        class_counts=tuple(int(count) for count in counts),
        constant=int(part.constant.sum()),
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
        **{name: int(mask.sum()) for name, mask in twins._asdict().items()},
        twins_in_first=tuple(int(index) for index in in_first),
    )


def _digest(image: Images) -> int:
    data = np.ascontiguousarray(image).data
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def _perceptual_hash(images: Images) -> NDArray[np.uint64]:
    """Return ``(n,)`` hashes. Whole-number cosines keep the sums exact in any order."""
    size = images.shape[-1]
    frequencies = np.arange(11)
    angles = np.pi / (2 * size) * np.outer(frequencies, 2 * np.arange(size) + 1)
    cosines = np.rint(1024 * np.cos(angles))
    grey = images.sum(axis=1, dtype=np.float64)
    spectrum = cosines @ grey @ cosines.T
    by_frequency = sorted((u * u + v * v, u, v) for u in range(11) for v in range(11))[1:65]
    rows = [u for _, u, _ in by_frequency]
    columns = [v for _, _, v in by_frequency]
    signs = spectrum[:, rows, columns] > 0
    packed = np.ascontiguousarray(np.packbits(signs, axis=1))
    return packed.view(np.uint64)[:, 0]


def find_twins(first: PartPrints, second: PartPrints) -> Twins:
    """Return the twins of two parts.

    The time grows with the product of their sizes: 2 ns a pair on one Zen 4 core for images like
    OCTMNIST's, so 2 s for its 97,477 x 10,832. A pair that fulfils conditions 1 and 2 costs about
    2 us, so a set of nearly equal images takes a thousand times as long.
    """
    content, other_content = first.content, second.content
    exact_first = np.isin(content, other_content)
    exact_second = np.isin(other_content, content)
    near_first, near_second = _near(first, second)
    return Twins(
        exact_first=exact_first,
        exact_second=exact_second,
        near_first=near_first & ~exact_first,
        near_second=near_second & ~exact_second,
        conflicting_first=conflicting(content, first.labels, other_content, second.labels),
    )


def conflicting(
    content: NDArray[np.uint64],
    labels: Labels,
    other_content: NDArray[np.uint64],
    other_labels: Labels,
) -> Mask:
    """Return a mask of the images ``(n,)`` whose bytes also occur with another label."""
    known, index = np.unique(other_content, return_inverse=True)
    lowest = np.full(len(known), np.iinfo(np.int64).max)
    highest = np.full(len(known), -1)
    np.minimum.at(lowest, index, other_labels)
    np.maximum.at(highest, index, other_labels)
    found = np.minimum(np.searchsorted(known, content), len(known) - 1)
    differs: Mask = (lowest[found] != labels) | (highest[found] != labels)
    present: Mask = known[found] == content
    return differs & present


def _near(first: PartPrints, second: PartPrints) -> tuple[Mask, Mask]:
    if len(first.images) > len(second.images):  # Python loops over the shorter one
        near_second, near_first = _near(second, first)
        return near_first, near_second
    near_first = np.zeros(len(first.images), dtype=bool)
    near_second = np.zeros(len(second.images), dtype=bool)
    for one, other in _batches(_candidates(first, second)):
        # Where many images are alike, most pairs are of images with a known twin.
        fresh = ~(near_first[one] & near_second[other])
        if not fresh.any():
            continue
        one, other = one[fresh], other[fresh]
        alike = _alike(first.images[one], second.images[other])
        near_first[one[alike]] = True
        near_second[other[alike]] = True
    return near_first, near_second


Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def _candidates(first: PartPrints, second: PartPrints) -> Iterator[Pairs]:
    """Yield pairs that fulfil conditions 1 and 2, without equal and without constant images."""
    order = np.flatnonzero(~second.constant)
    order = order[np.argsort(second.brightness[order], kind="stable")]
    brightness, hashes = second.brightness[order], second.perceptual[order]
    starts = np.searchsorted(brightness, first.brightness - NEAR_DIFFERENCE, side="left")
    ends = np.searchsorted(brightness, first.brightness + NEAR_DIFFERENCE, side="right")
    for index in np.flatnonzero(~first.constant):
        window = slice(starts[index], ends[index])
        bits = np.bitwise_count(hashes[window] ^ first.perceptual[index])
        found = order[window][bits <= NEAR_BITS]
        found = found[second.content[found] != first.content[index]]
        if found.size:
            yield np.full(len(found), index), found


def _batches(pairs: Iterator[Pairs]) -> Iterator[Pairs]:
    """Gather pairs into arrays of about ``_CHUNK``."""
    gathered: list[Pairs] = []
    size = 0
    for one, other in pairs:
        for start in range(0, len(one), _CHUNK):
            gathered.append((one[start : start + _CHUNK], other[start : start + _CHUNK]))
            size += len(gathered[-1][0])
            if size >= _CHUNK:
                yield _joined(gathered)
                gathered, size = [], 0
    if gathered:
        yield _joined(gathered)


def _joined(pairs: list[Pairs]) -> Pairs:
    return np.concatenate([one for one, _ in pairs]), np.concatenate([two for _, two in pairs])


def _alike(one: Images, other: Images) -> Mask:
    """Apply condition 3 to images paired by their index."""
    one, other = one.reshape(len(one), -1), other.reshape(len(other), -1)
    apart = np.maximum(one, other) - np.minimum(one, other)  # stays uint8, which is fast
    alike: Mask = apart.mean(axis=1, dtype=np.float32) <= NEAR_DIFFERENCE
    a, b = one[alike].astype(np.float32), other[alike].astype(np.float32)
    a -= a.mean(axis=1, keepdims=True)
    b -= b.mean(axis=1, keepdims=True)
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    alike[alike] = (a * b).sum(axis=1) >= NEAR_CORRELATION * scale
    return alike
