from __future__ import annotations

from study.report.markdown import as_markdown, to_markdown
from study.report.table import Table
from tests.report.builders import PASSWORD, full_summary, seed_study, seed_trial, summary


def test_a_tested_study_has_every_section() -> None:
    text = to_markdown(seed_study(), full_summary())
    for heading in (
        "# seed", "## Best: trial", "## Leaderboard", "## Confirmation", "## Test",
        "## How, and at what cost",
        "## Data", "## Search space", "## Settings, versions, hardware", "## Go on with the study",
    ):  # fmt: skip
        assert f"\n{heading}" in f"\n{text}"


def test_the_test_section_says_how_often_the_test_part_was_opened() -> None:
    assert "The test part was opened 2 times" in to_markdown(seed_study(), full_summary())
    assert "The test part has never been opened" in to_markdown(seed_study(), summary())


def test_an_unconfirmed_study_says_what_its_best_value_is_worth() -> None:
    assert "Not confirmed yet" in to_markdown([seed_trial(0)], summary())


def test_an_empty_study_reads_well() -> None:
    text = to_markdown([], summary(processes=()))
    assert "No trial has begun yet." in text
    assert "Best" not in text


def test_user_text_cannot_break_a_table() -> None:
    table = Table(caption="c", headers=("A", "B"), rows=(("x | y\nz", "`<b>`"),))
    assert as_markdown(table).splitlines()[-1] == r"| x \| y z | \`\<b\>\` |"


def test_a_fence_in_the_data_notes_stays_inside() -> None:
    text = to_markdown([], summary(data_notes="```\n# not a heading\n```"))
    assert "````text\n```\n# not a heading\n```\n````" in text


def test_no_password_is_written() -> None:
    url = f"postgresql://nas:{PASSWORD}@h/db"
    text = to_markdown([], summary(resume=f"study-nas resume seed --storage {url}"))
    assert PASSWORD not in text
