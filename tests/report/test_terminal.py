from __future__ import annotations

import time

import pytest

from study.report.document import Code, Group, Paragraph, Table, number_column, text_column
from study.report.leaderboard import leaderboard
from study.report.terminal import render_text
from tests.report import rendered
from tests.report.builders import (
    full_summary,
    pruned,
    seed_study,
    seed_trial,
    stages_study,
    summary,
)


def test_columns_align_with_wide_and_combining_characters() -> None:
    rows = (("探索", "1"), ("cafe\u0301", "22"), ("plain", "333"))
    table = Table(caption="", columns=(text_column("Name"), number_column("N")), rows=rows)
    assert render_text(table).splitlines()[-3:] == ["探索     1", "cafe\u0301    22", "plain  333"]


def test_control_characters_never_reach_the_terminal() -> None:
    table = Table(
        caption="a\x1b[31m", columns=(text_column("X"),), rows=(("b\x1b]0;t\x07\nc [red]d",),)
    )
    text = render_text(table, Code(text="e\x1b[0m"), Paragraph("f\x1b"))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "c [red]d" in text


def test_a_narrow_terminal_leaves_out_columns_of_low_priority_and_says_so() -> None:
    table = leaderboard(seed_study(), summary())
    text = render_text(table, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "not shown: Parameters, MACs, Epochs, Seconds; --wide shows them" in text
    assert "Accuracy" in text
    assert "not shown" not in render_text(table)


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    records = [*stages_study(3), pruned(4, reason="a long reason " * 20)]
    text = rendered.terminal(records, full_summary(parameters=()), width=width)
    assert max(map(len, text.splitlines())) <= width


def test_plain_text_has_one_line_for_each_row_and_no_escape_codes() -> None:
    text = rendered.terminal([pruned(0, reason="a long reason " * 40)], summary())
    assert "\x1b" not in text
    assert "a long reason " * 39 in text
    assert "\x1b[1m" in render_text(Paragraph("best", "strong"), colour=True)


def test_blocks_of_a_group_follow_each_other_under_its_title() -> None:
    group = Group(layout="folded", title="All", blocks=(Paragraph("one"), Paragraph("two")))
    assert render_text(group) == "All\n\none\ntwo\n"


def test_an_empty_study_says_so() -> None:
    assert "(nothing yet)" in render_text(leaderboard([], summary()))
    assert rendered.best([], summary()) == "seed: no finished trial yet\n"


def test_two_thousand_trials_are_laid_out_within_seconds() -> None:
    start = time.process_time()
    render_text(leaderboard([seed_trial(0)] * 2_000, summary()), width=120)
    assert time.process_time() - start < 10
