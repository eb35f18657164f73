"""Passwords out of everything that is shown; the last step of every renderer."""

from __future__ import annotations

import re

_IN_URL = re.compile(r"""([A-Za-z][\w+.-]*://[^\s:/@"<>]*):[^\s@"<>]+@""")
_IN_QUERY = re.compile(r"""\b(password|passwd|pwd|secret|token)=[^\s&;"'<>]+""", re.IGNORECASE)


def redacted(text: str) -> str:
    """Return the text with the password of every URL, and every ``password=…``, as ``***``."""
    return _IN_QUERY.sub(r"\1=***", _IN_URL.sub(r"\1:***@", text))
