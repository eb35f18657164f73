from __future__ import annotations

import pytest

from study.report.palette import PALETTE, dark_partners

TEXTS = ("ink", "muted", "accent", "best", "duplicate", "pruned", "failed")
MARKS = ("mark", "accent", "best", "duplicate", "pruned", "failed")


def luminance(colour: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("role", TEXTS)
def test_text_can_be_read_on_every_ground(role: str, mode: str) -> None:
    for ground in ("paper", "page", "sunken"):
        pair = (getattr(PALETTE[name], mode) for name in (role, ground))
        assert contrast(*pair) >= 4.5, ground


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("role", MARKS)
def test_marks_stand_out_from_the_paper(role: str, mode: str) -> None:
    assert contrast(getattr(PALETTE[role], mode), getattr(PALETTE["paper"], mode)) >= 3


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_numbers_can_be_read_in_the_darkest_cell_of_a_matrix(mode: str) -> None:
    pair = (getattr(PALETTE[name], mode) for name in ("inverse", "accent"))
    assert contrast(*pair) >= 4.5


def test_each_light_colour_has_one_dark_partner() -> None:
    assert len(dark_partners()) == len(PALETTE)
    assert len({shade.light for shade in PALETTE.values()}) == len(PALETTE)
