"""Remove passwords from everything that is shown. This is the last step of every renderer."""

from __future__ import annotations

import re

_IN_URL = re.compile(r"""([A-Za-z][\w+.-]*://[^\s:/@"<>]*):[^\s@"<>]+@""")
_NAMED = re.compile(
    r"""((?:password|passwd|pwd|secret|token)\s*=\s*)(?:'[^']*'|[^&\s"<>]+)""", re.IGNORECASE
)
_URL = re.compile(r"[a-z][\w+.-]*://\S+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][\w+.-]*://", re.IGNORECASE)
_WHOLE_PATH = re.compile(r"sqlite(\+\w+)?:////")
_NO_PORT = re.compile(r"\A([^:/\[]*):(?!\d*(?:[/?,]|$)).*", re.DOTALL)


def redacted(text: str, *, url: str | None = None) -> str:
    """Return the text with the password of every URL, and every ``password=…``, as ``***``.

    Args:
        url: A URL that the text may quote. It may be mistyped, so ``redacted_url`` is then applied
            to every URL in the text.
    """
    if url is not None:
        for given in (url, " ".join(url.split())):
            text = text.replace(given, redacted_url(given))
        text = _URL.sub(lambda found: redacted_url(found.group()), text)
    return _NAMED.sub(r"\1***", _IN_URL.sub(r"\1:***@", text))


def redacted_url(url: str) -> str:
    """Return a URL without its password, even where the rest of the URL is mistyped.

    The password is the text between the first ``:`` of the user's part and the last ``@``. Where
    there is no ``@``, it is a port that is not a number. A whole path of an SQLite file has none.
    """
    if _WHOLE_PATH.match(url):
        return url
    scheme = _SCHEME.match(url)
    head = scheme.group() if scheme else ""
    user, _, rest = url[len(head) :].partition(":")
    _, at, host = rest.rpartition("@")
    if at:
        url = f"{head}{user}:***@{host}"
    elif scheme:
        url = head + _NO_PORT.sub(r"\1:***", url[len(head) :])
    return _NAMED.sub(r"\1***", url)
