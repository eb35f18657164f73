from __future__ import annotations

from study.report.leaderboard import failures_table, front_table, leaderboard
from study.report.outcomes import after_search
from study.report.terminal import render_text
from tests.report.builders import (
    duplicate,
    failed,
    full_summary,
    pruned,
    seed_trial,
    stages_study,
    summary,
    two_objectives,
)


def test_the_leaderboard_shows_the_seed_s_row_under_its_headings() -> None:
    text = render_text(leaderboard([seed_trial(4, value=0.8193)], summary()))
    lines = text.splitlines()
    assert lines[0] == "seed: 1 trial; validation accuracy, maximized"
    assert lines[2] == (
        "Rank  Trial  Conv layers  Hidden units  Dropout  Accuracy  Parameters    MACs  Epochs"
        "  Seconds  State"
    )
    assert lines[4] == (
        "   1      4            2           219      0.2    0.8193     185,867  1.49 M       3"
        "     12.5  complete"
    )


def test_every_kind_of_trial_has_its_reason_in_the_table() -> None:
    records = [seed_trial(0), duplicate(1, 0), pruned(2), failed(3), failed(4, "killed")]
    states = " ".join(row[-1] for row in leaderboard(records, summary()).rows)
    for words in ("duplicate of 0", "pruned at epoch 1", "failed: out of memory", "lost: killed"):
        assert words in states


def test_a_large_space_is_shown_as_architecture_and_recipe() -> None:
    table = leaderboard(stages_study(3), summary(parameters=()))
    headings = [column.heading for column in table.columns]
    assert headings[2:4] == ["Architecture", "Recipe"]
    assert len(headings) == 10
    assert "→" in table.rows[0][2]


def test_two_objectives_have_a_column_each_and_a_front() -> None:
    pairs = [(0.8, 1_500_000.0), (0.7, 1_600_000.0)]
    records = [seed_trial(n, objectives=pair) for n, pair in enumerate(pairs)]
    study = summary(objectives=two_objectives())
    table = leaderboard(records, study)
    row = dict(zip((column.heading for column in table.columns), table.rows[0], strict=True))
    assert row["Accuracy"] == "0.8000"
    assert row["MACs"] == "1,500,000"
    front = front_table(records, study)
    assert front is not None
    assert [row[0] for row in front.rows] == ["0"]


def test_failures_are_counted_by_kind() -> None:
    records = [failed(0), failed(1, "killed"), failed(2, "killed"), seed_trial(3)]
    assert [row[:3] for row in failures_table(records).rows] == [
        ("killed, lost", "2", "1-2"),
        ("out of memory, failed", "1", "0"),
    ]


def test_what_followed_the_search_is_described_in_sentences() -> None:
    text = render_text(*after_search(full_summary()))
    assert text.startswith("Trial 7 (candidate 0000000000000007) is chosen:")
    assert "The test part was opened 2 times." in text
    assert after_search(summary()) == []
