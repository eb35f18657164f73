from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from study.report.document import Figure
from study.report.figures import study_figures
from study.report.figures.course import best_so_far, history, timeline
from study.report.figures.kit import INACTIVE, standalone, value_range
from study.report.figures.outcomes import confirmation_figure, confusion_figure
from study.report.figures.parameters import MOST_SLICES, slices
from tests.report.builders import (
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


def drawn(figure: Figure | None) -> Figure:
    assert figure is not None
    return figure


def test_names_of_figures_are_different_file_names() -> None:
    figures = study_figures(stages_study(), summary(parameters=(), importance={"head": 1.0}))
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)
    assert not any("/" in name for name in names)


def test_an_empty_study_has_no_figure() -> None:
    assert study_figures([], summary()) == []


def test_duplicates_and_pruned_trials_differ_in_the_history() -> None:
    records = [seed_trial(0), duplicate(1, 0), pruned(2), failed(3), seed_trial(4, value=0.85)]
    figure = drawn(history(records, summary()))
    traces = {trace.name: list(trace.x) for trace in figure.plot.data}
    assert traces["Trained (2)"] == [0, 4]
    assert traces["Duplicate, result reused (1)"] == [1]
    assert traces["Pruned, last value (1)"] == [2]
    assert traces["Best so far"] == [0, 4]
    assert len({trace.marker.symbol for trace in figure.plot.data[:3]}) == 3


def test_the_best_so_far_never_gets_worse() -> None:
    records = [r for r in seed_study() if r.state == "complete"]
    assert all(a <= b for a, b in pairwise(best_so_far(records, summary())))
    loss = summary(objectives=(replace(two_objectives()[1], metric="val_loss"),))
    assert all(a >= b for a, b in pairwise(best_so_far(records, loss)))


def test_an_inactive_parameter_has_its_own_position_and_label() -> None:
    values = value_range([3, 5, None])
    assert values.position(None) == INACTIVE
    assert values.ticks()[0] == (INACTIVE, "inactive")
    assert (values.position(3), values.position(5)) == (0, 1)


@pytest.mark.parametrize("values", [[5, 5], ["a", "a"], [True, False], [1e308, -1e308], [0.0]])
def test_every_value_has_a_position_on_its_axis(values: list[float]) -> None:
    placed = value_range(values)
    assert all(0 <= placed.position(value) <= 1 for value in values)


def test_a_wide_range_is_placed_by_its_logarithm() -> None:
    values = value_range([1e-4, 1e-3, 1e-2])
    assert values.log
    assert values.position(1e-3) == pytest.approx(0.5)


def test_a_large_space_shows_its_most_important_parameters() -> None:
    study = summary(parameters=(), importance={"learning_rate": 0.9})
    figures = slices(stages_study(), study)
    assert len(figures) == MOST_SLICES
    assert figures[0].title == "Learning rate"


def test_the_timeline_has_a_line_for_every_worker() -> None:
    figure = drawn(timeline(seed_study(), summary()))
    assert list(figure.plot.layout.yaxis.categoryarray) == ["worker 0", "worker 1"]
    assert "40 trials by 2 workers within" in figure.text
    assert figure.plot.layout.yaxis.autorange == "reversed"  # the first worker on top
    total = sum(len(trace.x) for trace in figure.plot.data)
    assert total == 40


def test_the_confirmation_shows_each_run_the_mean_and_the_value_of_the_search() -> None:
    figure = drawn(confirmation_figure(confirmation()))
    runs, means, before = figure.plot.data
    assert len(runs.x) == 9
    assert means.x[0] == pytest.approx(0.81033, abs=1e-5)
    assert list(before.x) == [0.8193, 0.8188, 0.8160]
    assert "trial 7 0.8103 [0.8059, 0.8147]" in figure.text


def test_classes_without_names_have_their_labels() -> None:
    unnamed = drawn(confusion_figure(replace(final_test(), classes=())))
    assert "27 % of 2 taken for 0" in unnamed.text


def test_user_text_in_a_plot_is_escaped() -> None:
    records = [
        seed_trial(n, value=v, worker={"label": "<a href='x'>w</a>"}, params={"dropout": v})
        for n, v in enumerate((0.1, 0.2, 0.3))
    ]
    records[0] = replace(records[0], params={"dropout": "<b>bold</b>"})
    for figure in study_figures(
        records, summary(objectives=(replace(two_objectives()[0], metric="<i>"),))
    ):
        text = figure.plot.to_json()
        for tag in ("<a ", "<b>bold", "<i>", "\\u003cb\\u003ebold"):
            assert tag not in text


def test_a_standalone_plot_has_its_title_and_that_of_a_page_has_none() -> None:
    figure = drawn(history(seed_study(), summary()))
    assert standalone(figure).layout.title.text == "How the search went"
    assert figure.plot.layout.title.text is None


def test_a_thousand_trials_are_drawn_within_seconds() -> None:
    records = seed_study(1000)
    start = time.process_time()
    study_figures(records, summary())
    assert time.process_time() - start < 10


def test_worker_2_comes_before_worker_10() -> None:
    records = [seed_trial(n, worker={"label": f"worker {n}"}) for n in (10, 2, 1)]
    figure = drawn(timeline(records, summary()))
    assert list(figure.plot.layout.yaxis.categoryarray) == ["worker 1", "worker 2", "worker 10"]
