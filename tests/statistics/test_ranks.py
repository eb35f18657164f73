from __future__ import annotations

import numpy as np
import pytest

from study.statistics.ranks import areas, band


def test_bands_hold_the_mean_and_come_out_the_same_each_time() -> None:
    curves = np.random.default_rng(1).random((12, 30))
    first, again = band(curves), band(curves.copy())

    assert (first.low == again.low).all()
    assert (first.high == again.high).all()
    assert (first.low < first.mean).all()
    assert (first.mean < first.high).all()
    one = band(curves[:1])
    assert (one.low == one.mean).all()


def test_bands_are_as_wide_as_the_standard_error_says() -> None:
    curves = np.random.default_rng(2).normal(size=(400, 1))
    found = band(curves)

    width = float((found.high - found.low)[0])
    assert width == pytest.approx(2 * 1.96 * curves.std() / 20, rel=0.1)


def test_areas_are_mean_losses() -> None:
    assert areas(np.array([[1.0, 0.5, 0.0], [2.0, 2.0, 2.0]])).tolist() == [0.5, 2.0]
