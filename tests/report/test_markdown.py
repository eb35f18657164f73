from __future__ import annotations

from study.report.document import Table, text_column
from study.report.markdown import render_markdown
from tests.report.builders import summary
from tests.report.rendered import markdown


def test_an_empty_study_has_no_candidate() -> None:
    text = markdown([], summary(processes=()))
    assert "No trial has begun yet." in text
    assert "candidate, trial" not in text


def test_user_text_cannot_break_a_table() -> None:
    columns = (text_column("A"), text_column("B"))
    table = Table(caption="c", columns=columns, rows=(("x | y\nz", "`<b>`"),))
    assert render_markdown(table).splitlines()[-1] == r"| x \| y z | \`\<b\>\` |"


def test_a_fence_in_the_data_notes_stays_inside() -> None:
    text = markdown([], summary(data_notes="```\n# not a heading\n```"))
    assert "````text\n```\n# not a heading\n```\n````" in text
