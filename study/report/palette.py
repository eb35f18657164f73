"""The colours of every picture and page, in light and dark; one source for CSS, SVG and plots.

Text colours reach a contrast of 4.5 to 1 against both paper and page, as WCAG 2.2 (1.4.3) asks;
lines and marks reach 3 to 1 (1.4.11). A test computes it. States differ in shape as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Shade:
    """One role's colour as ``#rrggbb``, on light paper and on dark."""

    light: str
    dark: str


PALETTE: Mapping[str, Shade] = MappingProxyType(
    {
        "page": Shade("#f4f6f7", "#0e1214"),
        "paper": Shade("#ffffff", "#161b1f"),
        "sunken": Shade("#eef2f4", "#1f262b"),
        "ink": Shade("#18222a", "#e7ecef"),
        "muted": Shade("#55646f", "#9dabb5"),
        "line": Shade("#d5dde2", "#303a41"),
        "mark": Shade("#84929c", "#6f7f8a"),
        "accent": Shade("#0a6a8f", "#58bfe6"),
        "accent_soft": Shade("#dcecf2", "#17323e"),
        "best": Shade("#17784a", "#5fd19a"),
        "duplicate": Shade("#7a4fb0", "#c0a1f2"),
        "pruned": Shade("#a85a00", "#f0ab5c"),
        "failed": Shade("#b3261e", "#ff8f85"),
        "inverse": Shade("#fefefe", "#0d1113"),
        "scale_1": Shade("#c4cfd6", "#3d4a53"),
        "scale_2": Shade("#9cbccb", "#41647a"),
        "scale_3": Shade("#6ba3bd", "#457f9d"),
        "scale_4": Shade("#3686ab", "#4e9fc3"),
    }
)


LIGHT: Mapping[str, str] = MappingProxyType({role: s.light for role, s in PALETTE.items()})
"""The colours that plots are drawn with."""


def css_variables() -> str:
    """Return the palette as CSS custom properties, dark where the reader prefers it."""
    names = {role: f"--{role.replace('_', '-')}" for role in PALETTE}
    light = "".join(f"{names[role]}:{shade.light};" for role, shade in PALETTE.items())
    dark = "".join(f"{names[role]}:{shade.dark};" for role, shade in PALETTE.items())
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"


def dark_partners() -> dict[str, str]:
    """Return the dark colour by its light one, for plots that change with the reader's choice."""
    return {shade.light: shade.dark for shade in PALETTE.values()}
