"""Escape user text for Markdown, spreadsheets and plotly labels."""

from __future__ import annotations

import html
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def in_markdown(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, also inside a table."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return text as Markdown code on one line."""
    fence = "``" if "`" in text else "`"
    inner = " ".join(text.replace("``", "` `").split())
    return f"{fence} {inner} {fence}" if fence == "``" else f"`{inner}`"


def in_spreadsheet(text: str) -> str:
    """Return text that no spreadsheet runs as a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def in_plot(text: str) -> str:
    """Return text that plotly shows as it is; plotly reads a few HTML tags in labels."""
    return html.escape(text, quote=False)
