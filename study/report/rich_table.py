"""A table of text as something rich prints: colours and wrapping for a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from study.report.redaction import redacted
from study.report.table import Table

_STATE_STYLES = {"pruned": "yellow", "failed": "red", "lost": "red", "twin": "magenta"}


def as_rich(table: Table) -> RichTable:
    """Return a table for a rich console; user text is taken literally, never as markup."""
    shown = RichTable(
        title=Text(redacted(table.caption)),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for index, heading in enumerate(table.headers):
        numeric = index in table.numeric
        shown.add_column(Text(heading), justify="right" if numeric else "left", no_wrap=numeric)
    for index, row in enumerate(table.rows):
        style = "bold green" if index in table.strong else _row_style(row[-1])
        shown.add_row(*(Text(redacted(cell)) for cell in row), style=style)
    return shown


def _row_style(state: str) -> str:
    return next((style for word, style in _STATE_STYLES.items() if state.startswith(word)), "")
