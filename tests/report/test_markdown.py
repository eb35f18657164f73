from __future__ import annotations

from study.report.document import Table, text_column
from study.report.markdown import render_markdown
from tests.report.builders import PASSWORD, full_summary, seed_study, seed_trial, summary
from tests.report.rendered import markdown


def test_a_tested_study_has_every_section() -> None:
    text = markdown(seed_study(), full_summary())
    for heading in (
        "# seed", "## What was found", "### The confirmed candidate, trial 7", "## Confirmation",
        "## Test", "## Leaderboard", "## What was searched, how, at what cost", "## The data",
        "## Settings, versions, hardware", "### Continue the study",
    ):  # fmt: skip
        assert f"\n{heading}" in f"\n{text}"


def test_the_test_section_says_how_often_the_test_part_was_opened() -> None:
    assert "The test part was opened 2 times" in markdown(seed_study(), full_summary())
    assert "The test part has never been opened" in markdown(seed_study(), summary())


def test_an_unconfirmed_study_says_what_its_best_value_is_worth() -> None:
    assert "Not confirmed yet" in markdown([seed_trial(0)], summary())


def test_an_empty_study_reads_well() -> None:
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


def test_no_password_is_written() -> None:
    url = f"postgresql://nas:{PASSWORD}@h/db"
    text = markdown([], summary(resume=f"study-nas resume seed --storage {url}"))
    assert PASSWORD not in text
