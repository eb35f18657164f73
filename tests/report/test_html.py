from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from study.report.document import Document, Figure, Section
from study.report.html import render_html
from tests.report import rendered
from tests.report.builders import (
    full_summary,
    seed_study,
    seed_trial,
    stages_study,
    summary,
)

VOID = frozenset({"meta", "link", "br", "hr"})


class Outline(HTMLParser):
    """The elements, ids and headings of a page, and its text outside of scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.described: list[str] = []
        self.headings: list[int] = []
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.captions = self.tables = 0
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID and tag not in ("rect", "line"):
            self.open.append(tag)
        known = dict(attrs)
        self.ids += [known["id"] or ""] if "id" in known else []
        for name in ("aria-labelledby", "aria-describedby"):
            self.described += (known.get(name) or "").split()
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action")]
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "script":
            self.scripts.append(known.get("type") or "text/javascript")
        self.tables += tag == "table"
        self.captions += tag == "caption"

    def handle_endtag(self, tag: str) -> None:
        if tag in ("rect", "line"):
            return
        assert self.open, f"</{tag}> without a start"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def page() -> str:
    return rendered.html(seed_study(), full_summary())


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_every_element_is_closed(outline: Outline) -> None:
    assert outline.open == []


def test_nothing_is_fetched_from_anywhere(outline: Outline) -> None:
    assert outline.addresses
    assert all(address.startswith("#") for address in outline.addresses)


def test_plots_have_their_text_and_only_known_scripts_may_run(page: str, outline: Outline) -> None:
    assert "27 % of drusen taken for choroidal neovascularization" in outline.text
    assert page.count("plotly.js v") == 1
    assert outline.scripts.count("text/javascript") == 2
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].count("sha256-") == 2
    assert "default-src &#39;none&#39;" in policy[1]
    assert "unsafe-inline" not in policy[1].split("style-src")[0]


def test_headings_go_down_one_level_at_a_time(outline: Outline) -> None:
    assert outline.headings.count(1) == 1
    steps = zip(outline.headings, outline.headings[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)


def test_every_table_has_a_caption_and_every_reference_a_target(outline: Outline) -> None:
    assert outline.captions == outline.tables
    assert len(set(outline.ids)) == len(outline.ids)
    assert set(outline.described) <= set(outline.ids)


EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;</title></style>-->"


def test_text_from_a_study_is_only_text() -> None:
    record = replace(seed_trial(0), params={"conv_layers": EVIL}, candidate_id=EVIL)
    study = summary(
        name=EVIL,
        space_name=EVIL,
        space_text=EVIL,
        data_notes=EVIL,
        notices=(EVIL,),
        settings={EVIL: EVIL},
        versions={EVIL: EVIL},
        resume=EVIL,
        storage=EVIL,
        parameters=(EVIL, "conv_layers"),
    )
    page = rendered.html([record], study)
    assert "<script>alert" not in page
    assert "<img" not in page.replace("plotly", "").split("</style>")[1].split("<script>")[0]
    found = Outline(page)
    assert found.open == []
    assert "<script>alert(1)</script>" in found.text


def test_an_empty_study_reads_well_and_needs_no_script() -> None:
    page = rendered.html([], summary(processes=(), resume="study-nas resume seed"))
    found = Outline(page)
    assert "No trial has begun yet." in found.text
    assert "The test part has never been opened." in found.text
    assert "plotly.js v" not in page
    assert len(page) < 40_000


def test_a_large_space_is_folded() -> None:
    text = Outline(rendered.html(stages_study(), summary(parameters=()))).text
    assert "All its parameters" in text
    assert "The other 45" in text


def test_a_plot_cannot_end_its_script() -> None:
    class Plot:
        layout = type("Layout", (), {"height": 300})()

        def to_json(self) -> str:
            return '{"a": "</script><!--"}'

    figure = Figure(name="f", title="t", text="w", plot=Plot())
    page = render_html(
        Document(title="d", sections=(Section(anchor="a", heading="h", blocks=(figure,)),))
    )
    assert '{"a": "\\u003c/script\\u003e\\u003c!--"}' in page
