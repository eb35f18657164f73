from __future__ import annotations

from study.report.trial_document import study_note, trial_note
from tests.report import rendered
from tests.report.builders import seed_trial, summary, two_objectives


def test_an_empty_study_s_note_says_so() -> None:
    assert "0 finished trials; no result yet." in study_note([], summary())


def test_markup_in_a_note_is_escaped() -> None:
    assert r"\<script\>\*x\*" in study_note([], summary(name="<script>*x*"))


def test_a_trial_s_note_has_no_confusion_matrix_of_many_classes() -> None:
    many = {"confusion": [[1] * 20] * 20}
    assert "true class" not in trial_note(seed_trial(0, facts=many), summary())


def test_the_best_of_two_objectives_is_the_front() -> None:
    pairs = [(0.9, 10.0), (0.8, 5.0), (0.7, 20.0)]
    records = [seed_trial(n, objectives=pair) for n, pair in enumerate(pairs)]
    text = rendered.best(records, summary(objectives=two_objectives()))
    assert [f"trial {number}:" in text for number in range(3)] == [True, True, False]
