"""Small drawings in SVG that carry their own light and dark colours and need nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from study.report.palette import PALETTE

Rule = tuple[str, str, str]
"""Classes, a property, and the role in the palette that gives its colour."""

_TEXT = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;"
    "font-variant-numeric:tabular-nums}"
)
_COMMON: tuple[Rule, ...] = ((".paper", "fill", "paper"), (".ink", "fill", "ink"))


def drawing(
    body: str,
    *,
    size: tuple[float, float],
    title: str,
    description: str,
    rules: Sequence[Rule],
    fixed: str = "",
) -> str:
    """Return an SVG document on a sheet of paper.

    Args:
        body: Its elements.
        size: Width and height, in pixels.
        title: Its name, for screen readers.
        description: What it shows, in words.
        rules: What is coloured how.
        fixed: CSS that is the same in light and dark.
    """
    width, height = size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" aria-labelledby="title text">'
        f'<title id="title">{_xml(title)}</title><desc id="text">{_xml(description)}</desc>'
        f"<style>{_TEXT}{fixed}{coloured((*_COMMON, *rules))}</style>"
        f'<rect class="paper" width="{width:g}" height="{height:g}" rx="10"/>{body}</svg>'
    )


def coloured(rules: Sequence[Rule]) -> str:
    """Return the rules as CSS, with the dark colours where the reader prefers them."""
    light = "".join(f"{which}{{{what}:{PALETTE[role].light}}}" for which, what, role in rules)
    dark = "".join(f"{which}{{{what}:{PALETTE[role].dark}}}" for which, what, role in rules)
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


def text(x: float, y: float, words: str, kind: str) -> str:
    """Return text at a point, of these classes."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{_xml(words)}</text>'


def _xml(words: str) -> str:
    """Return text for XML, which no control character may enter, escaped or not."""
    return escape("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words))
