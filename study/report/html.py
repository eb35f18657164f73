"""A report as one HTML page that contains everything it shows and fetches nothing.

Jinja2 escapes every text of the study. The content security policy of the page allows exactly
the two scripts of this page, by their hashes, and no connection. A script in a text of the study
could not run even if it was not escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from study.common.redaction import redacted
from study.report.document import Block, Document, Figure, Group, Table
from study.report.palette import css_variables, dark_partners

_HALF_PAGE = 58
"""Most characters in a line of a table that fits beside another."""
_LONG = 24
"""A column with a longer text gets a minimum width."""
_FOLD_ABOVE, _ROWS_OPEN = 20, 15
"""A table with more rows than the first number shows the second number and folds the rest."""


def render_html(document: Document) -> str:
    """Return the report as an HTML page; plotly.js makes up nearly all of its 5 MB."""
    templates = _environment()
    body = redacted(
        templates.get_template("body.html.j2").render(
            document=document,
            fold_above=_FOLD_ABOVE,
            rows_open=_ROWS_OPEN,
            partners=_script_json(json.dumps(dark_partners())),
        )
    )
    scripts = (get_plotlyjs(), _asset("page.js")) if 'class="plot"' in body else ()
    return templates.get_template("page.html.j2").render(
        policy=_policy(scripts),
        title=redacted(f"{document.title} – architecture search"),
        style=Markup(css_variables() + _asset("page.css")),
        body=Markup(body),
        scripts=[Markup(script) for script in scripts],
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("study.report"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "kind": lambda block: type(block).__name__,
        "arranged": lambda blocks: list(_arranged(blocks)),
        "plot_json": lambda plot: _script_json(plot.to_json()),
        "cell_classes": _cell_classes,
        "half_page": _is_half_page,
        "zip": lambda first, second: zip(first, second, strict=True),
    }
    return environment


def _arranged(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the blocks, with consecutive figures of one group as panels under its heading."""
    shared = groupby(blocks, key=lambda b: b.group if isinstance(b, Figure) else "")
    for title, members in shared:
        if title:
            yield Group(layout="panels", title=title, blocks=tuple(members))
        else:
            yield from members


def _cell_classes(table: Table) -> list[str]:
    """Return the CSS class of the cells in each column: numbers, long texts, or none."""
    longest = [max(map(len, column)) for column in zip(*table.rows, strict=True)]
    return [
        "n" if column.numeric else "long" if length > _LONG else ""
        for column, length in zip(table.columns, longest, strict=True)
    ]


def _is_half_page(table: Table) -> bool:
    lines = ([column.heading for column in table.columns], *table.rows)
    widths = (max(map(len, column)) for column in zip(*lines, strict=True))
    return sum(widths) <= _HALF_PAGE


def _script_json(text: str) -> Markup:
    """Return JSON that cannot end its ``script`` element."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _policy(scripts: Sequence[str]) -> str:
    """Return the content security policy that allows these scripts and nothing else."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    hashes = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests] or ["'none'"]
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return (files("study.report") / "templates" / name).read_text(encoding="utf-8")
