from __future__ import annotations

import time

from study.report.after_search_account import after_search_words
from study.report.listing import StudyLine, best_text, study_list_text
from study.report.study_summary import Look
from study.report.table import Table, as_text, leaderboard
from tests.report.builders import (
    PASSWORD,
    confirmation,
    duplicate,
    failed,
    final_test,
    pruned,
    seed_study,
    seed_trial,
    stages_study,
    summary,
    two_objectives,
)


def test_the_leaderboard_shows_the_seed_s_row_under_its_headings() -> None:
    record = seed_trial(4, value=0.8193)
    text = as_text(leaderboard([record], summary()))
    assert text == (
        "seed: 1 trial; validation accuracy, maximized\n"
        "\n"
        "Rank  Trial  Conv layers  Hidden units  Dropout  Accuracy  Parameters    MACs  Epochs"
        "  Seconds  State\n"
        "────  ─────  ───────────  ────────────  ───────  ────────  ──────────  ──────  ──────"
        "  ───────  ────────\n"
        "   1      4            2           219      0.2    0.8193     185,867  1.49 M       3"
        "     12.5  complete\n"
    )


def test_every_kind_of_trial_has_its_reason_in_the_table() -> None:
    records = [seed_trial(0), duplicate(1, 0), pruned(2), failed(3), failed(4, "killed")]
    text = as_text(leaderboard(records, summary()))
    for words in ("twin of 0", "pruned at epoch 1", "failed: out of memory", "lost: killed"):
        assert words in text


def test_a_large_space_is_folded_into_words() -> None:
    table = leaderboard(stages_study(3), summary(parameters=()))
    assert "Architecture" in table.headers
    assert "Recipe" in table.headers
    assert len(table.headers) == 10
    assert "→" in as_text(table)


def test_only_the_first_rows_are_shown_on_request() -> None:
    table = leaderboard(seed_study(20), summary(), top=3)
    assert len(table.rows) == 3
    assert "the first 3" in table.caption


def test_two_objectives_have_a_column_each() -> None:
    records = [seed_trial(0, objectives=(0.8, 1_500_000.0))]
    table = leaderboard(records, summary(objectives=two_objectives()))
    row = dict(zip(table.headers, table.rows[0], strict=True))
    assert row["Accuracy"] == "0.8000"
    assert "1,500,000" in table.rows[0]


def test_what_followed_the_search_stands_under_the_table() -> None:
    look = Look(when=None, candidate_id="a" * 16)
    told = summary(confirmation=confirmation(), test=final_test(), looks=(look, look))
    lines = as_text(leaderboard(seed_study(3), told), below=after_search_words(told)).splitlines()
    assert lines[7] == ""
    assert lines[8].startswith("Trial 7 is confirmed: validation accuracy 0.8103")
    assert any("this was look 2 at the test part" in line for line in lines)
    assert lines[-1].startswith("The test part was opened 2 times.")
    assert after_search_words(summary(confirmation=None, test=None, looks=())) == []


def test_an_empty_study_says_so() -> None:
    assert "(nothing yet)" in as_text(leaderboard([], summary()))
    assert best_text([], summary()) == "seed: no finished trial yet\n"


def test_columns_align_with_wide_and_combining_characters() -> None:
    rows = (("探索", "1"), ("cafe\u0301", "22"), ("plain", "333"))
    table = Table(caption="", headers=("Name", "N"), rows=rows, numeric=frozenset({1}))
    lines = as_text(table).splitlines()[2:]
    assert lines[2] == "探索     1"
    assert lines[3] == "cafe\u0301    22"
    assert lines[4] == "plain  333"


def test_control_characters_never_reach_the_terminal() -> None:
    table = Table(caption="a\x1b[31m", headers=("X",), rows=(("b\x1b]0;t\x07\nc",),))
    text = as_text(table)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_best_is_told_with_its_network_and_cost() -> None:
    text = best_text([seed_trial(4, value=0.8193)], summary())
    assert "Conv layers: 2, Hidden units: 219, Dropout: 0.2, Accuracy: 0.8193" in text
    assert "conv3-32 → max → conv3-32 → max → flatten → 219 → 4" in text
    assert "185,867 parameters" in text
    assert "3 epochs, 12.5 s" in text


def test_the_best_of_two_objectives_is_the_front() -> None:
    pairs = [(0.9, 10.0), (0.8, 5.0), (0.7, 20.0)]
    records = [seed_trial(n, objectives=pair) for n, pair in enumerate(pairs)]
    text = best_text(records, summary(objectives=two_objectives()))
    assert "trial 0:" in text
    assert "trial 1:" in text
    assert "trial 2:" not in text


def test_studies_are_listed_with_their_best() -> None:
    line = StudyLine(
        name="seed", finished=15, target=15, metric="val_accuracy", best=0.8193, sampler="tpe"
    )
    other = StudyLine(name="night", finished=3, target=None, metric="val_loss", best=None)
    text = study_list_text([line, other], storage=f"postgresql://u:{PASSWORD}@h/db")
    assert "2 studies" in text
    assert "15 of 15" in text
    assert "0.8193" in text
    assert PASSWORD not in text


def test_ten_thousand_trials_are_laid_out_within_seconds() -> None:
    records = [seed_trial(0)] * 10_000
    start = time.perf_counter()
    as_text(leaderboard(records, summary()))
    assert time.perf_counter() - start < 10
