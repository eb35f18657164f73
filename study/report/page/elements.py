"""HTML that is safe by construction: text is escaped unless it is already ``Markup``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

VOID = frozenset({"meta", "link", "br", "hr"})


class Markup(str):
    """HTML made by this package; everything else is text and is escaped."""

    __slots__ = ()


Child = Markup | str | None


def tag(name: str, /, *children: Child, **attributes: str | None) -> Markup:
    """Return an element; children that are text are escaped, None is left out.

    A trailing underscore of an attribute's name is dropped (``class_``), other underscores become
    hyphens (``aria_label``); an attribute that is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(stored)}"'
        for key, stored in attributes.items()
        if stored is not None
    )
    if name in VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Markup:
    """Return children one after another, text escaped."""
    return Markup("".join(_markup(child) for child in children if child is not None))


def _markup(child: str) -> str:
    return child if isinstance(child, Markup) else escape(child)


def data(content: Any, **attributes: str) -> Markup:
    """Return JSON in a ``script`` element that is never run and cannot be broken out of."""
    return data_text(json.dumps(content, ensure_ascii=False, allow_nan=False), **attributes)


def data_text(text: str, **attributes: str) -> Markup:
    """Return text that is JSON already; ``<``, ``>`` and ``&`` are written as escapes of JSON."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return tag("script", Markup(text), type_="application/json", **attributes)
