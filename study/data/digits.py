"""Scikit-learn's handwritten digits as a data set that needs no download.

1,797 grey images of 8 x 8 pixels in 17 levels (UCI "Optical Recognition of Handwritten Digits",
Alpaydin and Kaynak 1998), resampled and cut 60/20/20 class by class, always in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from study.data.catalogue import DIGITS
from study.data.parts import Images, Labels, Part, shuffled_classes
from study.data.resize import resize
from study.search_space.candidate import ImageFormat

_CUT_SEED = 0  # the cut belongs to the data set and not to a study, so its test part is fixed
_LAST_LEVEL = 16
_SHARES = {"train": (0.0, 0.6), "val": (0.6, 0.8), "test": (0.8, 1.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsSource:
    """The digits at one size, in pixels."""

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
        chosen = levels[_indices(labels, part)]
        return resize(chosen[:, None], self.size, brightest=_LAST_LEVEL)

    def labels(self, part: Part) -> Labels:
        _, labels = _load()
        return labels[_indices(labels, part)]

    def shared(self, name: str, build: Callable[[], Images]) -> Images:
        """Build the array in every process, because a megabyte is not worth a file."""
        del name
        return build()

    def kept(self, name: str, build: Callable[[], str]) -> str:
        """Build the text in every process, because that takes no time."""
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
