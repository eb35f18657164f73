"""A study's report as one HTML page: everything inside, nothing fetched, safe to open.

The page's content security policy allows exactly the two scripts that are written here, by their
hashes, and no connection to anywhere; text from a study could not run even if escaping failed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib.resources import files

from study.common.redaction import redacted
from study.report.page import sections
from study.report.page.elements import Markup, data, joined, tag
from study.report.palette import css_variables, dark_partners
from study.report.study_summary import StudySummary
from study.storage.records import TrialRecord


def to_html(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the report as an HTML page of about 5 MB, nearly all of it plotly.js."""
    from plotly.offline import get_plotlyjs

    body = _body(records, summary)
    scripts = (get_plotlyjs(), _asset("page.js")) if 'class="plot"' in body else ()
    page = tag(
        "html",
        _head(summary, scripts),
        tag("body", body, *(tag("script", Markup(script)) for script in scripts)),
        lang="en",
    )
    return f"<!doctype html>\n{page}\n"


def _body(records: Sequence[TrialRecord], summary: StudySummary) -> Markup:
    content = joined(
        [
            sections.result(records, summary),
            sections.confirmation(summary),
            sections.final_test(summary),
            sections.board(records, summary),
            sections.pictures(records, summary),
            sections.method(records, summary),
            sections.data_notes(summary),
            sections.details(summary),
        ]
    )
    body = joined(
        [
            tag("a", "Skip to the content", href="#content", class_="skip"),
            sections.header(records, summary),
            sections.contents(content),
            tag("main", content, id="content"),
            tag("footer", "This page holds everything it shows; it opens without a network."),
            data(dark_partners(), id="partners"),
        ]
    )
    return Markup(redacted(body))


def _head(summary: StudySummary, scripts: Sequence[str]) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", redacted(f"{summary.name} – architecture search")),
        tag("style", Markup(css_variables() + _asset("page.css"))),
    )


def _policy(scripts: Sequence[str]) -> str:
    """Return the content security policy that allows these scripts and nothing else."""
    hashes = " ".join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _asset(name: str) -> str:
    return (files("study.report.page") / name).read_text(encoding="utf-8")
