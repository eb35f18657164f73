"""``enqueue:`` in a space: tried first and in order, whatever the sampler is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.running.candidate_source.source import make_source
from study.running.study_runner import run_study
from study.search_space.reading.loading import load_space, read_space_text
from study.search_strategy.registry import SAMPLERS
from study.settings.run_context import RunContext
from study.storage.lifecycle import StudyState, study_state
from study.storage.stored_study import create_or_load
from tests.studies import settings

ROWS = load_space("seed_rows").enqueue
DATA = {"name": "digits", "image": {"channels": 1, "size": 28, "classes": 10}, "sha256": ""}


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_shipped_rows_are_tried_first_by_every_sampler(tmp_path: Path, sampler: str) -> None:
    name, text = read_space_text("seed_rows")
    objectives = ("accuracy", "macs") if sampler == "nsga2" else ("accuracy",)
    asked = settings(
        space_name=name, space_text=text, sampler=sampler, objectives=objectives, trials=20
    )
    url = f"sqlite:///{tmp_path}/study.db"
    stored, _ = create_or_load(asked, url, data=DATA, environment={})
    source = make_source(stored)
    for index, row in enumerate(ROWS):
        drawn = source.next(_at(index))
        assert drawn is not None
        assert drawn.values == dict(row)
        assert (drawn.draw.sequence_index, drawn.draw.source) == (index, "enqueued")


def _at(index: int) -> StudyState:
    return replace(study_state((), retries=0), next_index=index)


def test_with_as_many_trials_as_rows_a_study_trains_the_list_and_nothing_else(
    tmp_path: Path,
) -> None:
    assert len(ROWS) == 15
    name, text = read_space_text("seed_rows")
    asked = settings(space_name=name, space_text=text, trials=15)
    result = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/study.db"))
    assert [dict(t.params) for t in result.trials] == [dict(row) for row in ROWS]
    assert all(t.reused_from is None and t.draw for t in result.trials)


def test_the_rows_are_tried_in_a_fork_and_after_a_restart_too(tmp_path: Path) -> None:
    run_context = RunContext(url=f"sqlite:///{tmp_path}/study.db")
    run_study(settings(study="old", sampler="random", trials=4), run_context)
    name, text = read_space_text("seed_rows")
    new = settings(study="new", space_name=name, space_text=text, trials=3)
    for trials in (1, 3):
        asked = new.with_changes(trials=trials)
        result = run_study(asked, run_context, fork_of="old")
    drawn = [t for t in result.trials if t.sequence_index is not None]
    assert [dict(t.params) for t in drawn] == [dict(row) for row in ROWS[:3]]
    assert len(result.trials) == 4 + 3
