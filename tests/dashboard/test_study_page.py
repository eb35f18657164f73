"""What a run leaves for optuna-dashboard, read back by the dashboard's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._note import get_note_from_system_attrs, save_note

from study.dashboard.attributes import write_study_note
from study.dashboard.observers import PageRefresh, TrialPictures
from study.dashboard.store import artifact_store, file_ids, listed, remove_files, store_folder
from study.dashboard.study_page import StudyPage, new_pages, study_page
from study.running.study_runner import StudyResult, run_study
from study.settings.run_context import RunContext
from study.settings.study_settings import StudySettings
from study.storage import records
from study.storage.stored_study import StoredStudy, open_study
from tests.studies import answer, settings


@pytest.fixture(name="run_context")
def _place(tmp_path: Path) -> RunContext:
    return RunContext(url=f"sqlite:///{tmp_path / 'study.db'}")


def run_shown(asked: StudySettings, context: RunContext) -> StudyResult:
    """Run a study with the observers of the command line."""
    shown = (PageRefresh(artifacts=context.artifacts), TrialPictures(artifacts=context.artifacts))
    return run_study(asked, context, observers=shown)


def attributes(stored: StoredStudy) -> dict[str, Any]:
    return stored.study._storage.get_study_system_attrs(stored.study._study_id)


def note(stored: StoredStudy, trial: optuna.trial.FrozenTrial | None = None) -> dict[str, Any]:
    identity = None if trial is None else trial._trial_id
    return dict(get_note_from_system_attrs(attributes(stored), identity))


def files(stored: StoredStudy, trial: optuna.trial.FrozenTrial) -> list[str]:
    found = get_all_artifact_meta(trial, storage=stored.study._storage)
    return [meta.filename for meta in found]


def test_every_trial_has_a_note_and_its_pictures_and_a_duplicate_no_pictures(
    run_context: RunContext,
) -> None:
    text = """
name: depths that are one network, and one that is not
parameters:
  conv_layers: {type: int, low: 2, high: 5}
  hidden_units: 64
"""
    asked = settings(space_text=text, sampler="grid", trials=None, timeout=100)
    stored = run_shown(asked, run_context).stored
    trials = stored.study.get_trials()
    duplicates = [t for t in trials if records.REUSED_FROM in t.user_attrs]
    assert len(duplicates) == 2
    for trial in trials:
        told = note(stored, trial)
        assert told["version"] == 1
        assert "Conv layers:" in told["body"]
        if trial in duplicates:
            assert f"duplicate of {trial.user_attrs[records.REUSED_FROM]}" in told["body"]
            assert files(stored, trial) == []
        else:
            assert files(stored, trial) == ["network.svg"]


def test_the_study_s_note_says_what_was_set_and_how_to_go_on(run_context: RunContext) -> None:
    stored = run_shown(settings(trials=3), run_context).stored
    told = note(stored)["body"]
    assert "3 finished trials; best so far, trial" in told
    assert "| Sampler | tpe |" in told
    assert f"run_study.py resume test --storage {run_context.url}" in told


def test_a_resumed_study_doubles_nothing_and_renews_its_own_note(run_context: RunContext) -> None:
    run_shown(settings(trials=3), run_context)
    first = open_study("test", run_context.url)
    before = {trial.number: files(first, trial) for trial in first.study.get_trials()}
    stored = run_shown(settings(trials=5), run_context).stored
    trials = stored.study.get_trials()
    assert {t.number: files(stored, t) for t in trials[:3]} == before
    assert [note(stored, trial)["version"] for trial in trials] == [1] * 5
    assert "5 finished trials" in note(stored)["body"]


def test_what_a_person_wrote_is_left_alone(run_context: RunContext) -> None:
    stored = run_shown(settings(trials=2), run_context).stored
    save_note(stored.study, "mine")
    run_shown(settings(trials=3), run_context)
    assert note(open_study("test", run_context.url))["body"] == "mine"


def test_a_shorter_note_leaves_no_rest_of_a_longer_one(run_context: RunContext) -> None:
    stored = run_shown(settings(trials=1), run_context).stored
    for body in ("x" * 5000, "short"):
        write_study_note(stored.study, body, attributes(stored))
        assert note(stored)["body"] == body


def test_a_failed_trial_s_note_says_why(run_context: RunContext) -> None:
    result = run_shown(settings(trials=6, estimator="synthetic,fail=0.6"), run_context)
    failed = [t for t in result.trials if t.state == "failed"]
    assert failed
    trials = result.stored.study.get_trials()
    for record in failed:
        assert record.failure is not None
        told = note(result.stored, trials[record.number])["body"]
        assert f"State: failed: {record.failure.kind}" in told.replace("\\", "")


def test_plots_are_the_report_s_figures_and_are_written_once(run_context: RunContext) -> None:
    stored = run_shown(settings(trials=4), run_context).stored
    page = study_page(stored, None)
    page.write_plots()
    plots = get_plotly_graph_objects(attributes(stored))
    assert {"history", "curves", "parallel", "timeline", "size"} <= plots.keys()
    for text in plots.values():
        assert json.loads(text)["layout"]["title"]["text"]
    before = attributes(stored)
    page.write_plots()
    assert attributes(stored) == before


def test_a_long_plot_goes_without_its_hover_texts(
    run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.dashboard.attributes.LONGEST_PLOT", 1000)
    stored = run_shown(settings(trials=4), run_context).stored
    study_page(stored, None).write_plots()
    plots = get_plotly_graph_objects(attributes(stored))
    assert all("text" not in trace for trace in json.loads(plots["history"])["data"])


def test_notes_that_a_killed_run_left_unwritten_are_written_by_the_next(
    run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as silent:
        silent.setattr(StudyPage, "write_notes", lambda *_, **__: None)
        run_shown(settings(trials=5), run_context)
    monkeypatch.setattr("study.dashboard.study_page.BATCH", 2)
    stored = open_study("test", run_context.url)
    study_page(stored, None).write_notes()
    trials = stored.study.get_trials()
    assert all(note(stored, trial)["version"] == 1 for trial in trials)


def test_another_program_s_study_has_no_page(run_context: RunContext) -> None:
    run_shown(settings(trials=1), run_context)
    optuna.create_study(study_name="strange", storage=run_context.url)
    assert list(new_pages(run_context.url, None, known=())) == ["test"]
    assert new_pages(run_context.url, None, known=["test"]) == {}


def test_a_study_without_room_for_pictures_goes_on(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the folder should be")
    run_context = RunContext(
        url=f"sqlite:///{tmp_path / 'study.db'}", artifacts=tmp_path / "artifacts"
    )
    result = run_shown(settings(trials=2), run_context)
    assert [trial.state for trial in result.trials] == ["complete", "complete"]
    assert note(result.stored)["version"] > 0


def test_no_study_s_folder_is_the_folder_of_the_pictures(tmp_path: Path) -> None:
    from study.storage.checkpoints import study_folder

    folder = store_folder(tmp_path, "sqlite:///study.db")
    assert study_folder(tmp_path, "sqlite:///study.db", folder.name) != folder


def test_removing_a_study_s_files_leaves_those_of_others(run_context: RunContext) -> None:
    for name in ("one", "two"):
        run_shown(settings(study=name, trials=2), run_context)
    store = artifact_store(None, run_context.url)
    one, two = (file_ids(open_study(name, run_context.url).study) for name in ("one", "two"))
    remove_files(store, one)
    remove_files(store, one)
    left = {path.name for path in store_folder(None, run_context.url).iterdir()}
    assert left == set(two)
    assert len(two) == 2


@pytest.mark.slow
def test_a_trained_study_shows_confusion_and_best_weights_and_delete_removes_them(
    tmp_path: Path,
) -> None:
    code, _, said = answer(
        *("run", "seed", "--dataset", "digits", "--trials", "2", "--epochs", "1"), cwd=tmp_path
    )
    assert code == 0, said
    url = f"sqlite:///{tmp_path / 'study.db'}"
    stored = open_study("seed", url)
    trials = stored.study.get_trials()
    for trial in trials:
        assert files(stored, trial) == ["network.svg"]
        confusion = trial.user_attrs[records.FACTS]["confusion"]
        right = sum(confusion[i][i] for i in range(10)) / sum(map(sum, confusion))
        assert right == pytest.approx(trial.value)
    _check_weights(stored, tmp_path)
    assert answer("delete", "seed", "--yes", cwd=tmp_path)[0] == 0
    assert list(store_folder(None, url).iterdir()) == []


def _check_weights(stored: StoredStudy, folder: Path) -> None:
    """Find the best network's weights among the study's files, and its layers in them."""
    from safetensors.torch import load

    best = stored.study.best_trial
    ((identity, name),) = listed(attributes(stored))  # what was replaced is listed no more
    assert name == f"best-weights-trial-{best.number}.safetensors"
    store = FileSystemArtifactStore(folder / "artifacts" / "@dashboard")
    with store.open_reader(identity) as file:
        weights = load(file.read())
    assert sum(tensor.numel() for tensor in weights.values()) == best.user_attrs["parameters"]
