"""Scikit-learn's handwritten digits as a data set that needs no download.

1,797 grey images of 8 x 8 pixels in 17 levels (UCI "Optical Recognition of Handwritten Digits",
Alpaydin and Kaynak 1998), resampled and cut 60/20/20 once and for all, class by class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from study.data.catalogue import DIGITS
from study.data.parts import Images, Labels, Part
from study.data.resize import resampling_weights
from study.data.stratified import shuffled_classes
from study.search_space.candidate import ImageFormat

_CUT_SEED = 0  # the cut belongs to the data set, not to a study: its test part never moves
_LAST_LEVEL = 16
_SHARES = {"train": (0.0, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsSource:
    """The digits at one size.

    Args:
        size: Height and width in pixels.
    """

    size: int

    @property
    def name(self) -> str:
        return DIGITS

    @property
    def image(self) -> ImageFormat:
        return ImageFormat(channels=1, size=self.size, classes=10)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(str(digit) for digit in range(10))

    @property
    def notes(self) -> tuple[str, ...]:
        return ("data: scikit-learn's 1,797 handwritten digits, cut 60/20/20 by class.",)

    def count(self, part: Part) -> int:
        return len(_indices(_load()[1], part))

    def images(self, part: Part) -> Images:
        levels, labels = _load()
        return _resampled(levels[_indices(labels, part)], self.size)

    def labels(self, part: Part) -> Labels:
        _, labels = _load()
        return labels[_indices(labels, part)]

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Build the array anew in every process: a megabyte is not worth a file."""
        del name
        return build()

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Build the text anew in every process: it takes no time."""
        del name
        return build()


def _load() -> tuple[Images, Labels]:
    from sklearn.datasets import load_digits  # heavy

    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target.astype(np.int64)


def _indices(labels: Labels, part: Part) -> Labels:
    first, last = _SHARES[part.name]
    groups = shuffled_classes(labels, _CUT_SEED)
    cut = [group[round(first * len(group)) : round(last * len(group))] for group in groups]
    return np.sort(np.concatenate(cut))


def _resampled(levels: Images, size: int) -> Images:
    """Resample levels 0..16 to ``size`` and spread them over 0..255, rounding half up."""
    weights, total = resampling_weights(levels.shape[-1], size)
    scaled = weights @ levels.astype(np.float64) @ weights.T * 255
    whole = _LAST_LEVEL * total**2
    return np.floor((2 * scaled + whole) / (2 * whole)).astype(np.uint8).reshape(-1, 1, size, size)
