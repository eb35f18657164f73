from __future__ import annotations

from study.report.leaderboard import failures_table, front_table, leaderboard
from tests.report.builders import (
    duplicate,
    failed,
    pruned,
    seed_trial,
    stages_study,
    summary,
    two_objectives,
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
