"""What a run writes for optuna-dashboard, read by the dashboard's own code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta
from optuna_dashboard._custom_plot_data import get_plotly_graph_objects
from optuna_dashboard._note import get_note_from_system_attrs, save_note
from safetensors.torch import load

from study.dashboard.attributes import write_study_note
from study.dashboard.observers import PageRefresh, TrialPictures
from study.dashboard.store import artifact_store, file_ids, listed, remove_files, store_folder
from study.dashboard.study_page import StudyPage, new_pages, study_page
from study.running.study_runner import StudyResult, run_study
from study.settings.run_context import RunContext
from study.storage import records
from study.storage.checkpoints import study_folder
from study.storage.stored_study import StoredStudy, open_study
from tests.studies import invoke, run_context, settings


@pytest.fixture(name="context")
def _context(tmp_path: Path) -> RunContext:
    return run_context(tmp_path)


def run_shown(context: RunContext, **changes: Any) -> StudyResult:
    """Run a study with the observers of the command line."""
    shown = (PageRefresh(artifacts=context.artifacts), TrialPictures(artifacts=context.artifacts))
    return run_study(settings(**changes), context, observers=shown)


def attributes(stored: StoredStudy) -> dict[str, Any]:
    return stored.study._storage.get_study_system_attrs(stored.study._study_id)


def note(stored: StoredStudy, trial: optuna.trial.FrozenTrial | None = None) -> tuple[int, str]:
    """Return the version and the text of a note, as the dashboard reads them."""
    identity = None if trial is None else trial._trial_id
    found = get_note_from_system_attrs(attributes(stored), identity)
    return found["version"], found["body"]


def files(stored: StoredStudy, trial: optuna.trial.FrozenTrial) -> list[str]:
    found = get_all_artifact_meta(trial, storage=stored.study._storage)
    return [meta.filename for meta in found]


def test_every_trial_has_a_note_and_a_drawing_and_a_duplicate_no_drawing(
    context: RunContext,
) -> None:
    text = """
name: depths that are one network, and one that is not
parameters:
  epochs: 3
  conv_layers: {type: int, low: 2, high: 5}
  hidden_units: 64
"""
    stored = run_shown(context, space_text=text, sampler="grid", trials=None, timeout=100).stored
    trials = stored.study.get_trials()
    assert sum(records.REUSED_FROM in trial.user_attrs for trial in trials) == 2
    for trial in trials:
        version, body = note(stored, trial)
        original = trial.user_attrs.get(records.REUSED_FROM)
        assert version == 1
        assert "Conv layers:" in body
        assert (f"duplicate of {original}" in body) == (original is not None)
        assert files(stored, trial) == ([] if original is not None else ["network.svg"])


def test_a_resumed_study_doubles_nothing_and_renews_its_own_note(context: RunContext) -> None:
    first = run_shown(context, trials=3).stored
    assert f"run_study.py resume test --storage {context.url}" in note(first)[1]
    assert "3 finished trials; best so far, trial" in note(first)[1]
    before = {trial.number: files(first, trial) for trial in first.study.get_trials()}
    stored = run_shown(context, trials=5).stored
    trials = stored.study.get_trials()
    assert {t.number: files(stored, t) for t in trials[:3]} == before
    assert [note(stored, trial)[0] for trial in trials] == [1] * 5
    assert "5 finished trials" in note(stored)[1]


def test_a_note_that_a_person_wrote_stays(context: RunContext) -> None:
    save_note(run_shown(context, trials=2).stored.study, "mine")
    run_shown(context, trials=3)
    assert note(open_study("test", context.url))[1] == "mine"


def test_a_shorter_note_leaves_no_rest_of_a_longer_one(context: RunContext) -> None:
    stored = run_shown(context, trials=1).stored
    for body in ("x" * 5000, "short"):
        write_study_note(stored.study, body, attributes(stored))
        assert note(stored)[1] == body


def test_a_failed_trial_s_note_says_why(context: RunContext) -> None:
    result = run_shown(context, trials=6, estimator="synthetic,fail=0.6")
    failed = [t for t in result.trials if t.state == "failed"]
    assert failed
    trials = result.stored.study.get_trials()
    for record in failed:
        assert record.failure is not None
        body = note(result.stored, trials[record.number])[1]
        assert f"State: failed: {record.failure.kind}" in body.replace("\\", "")


def test_plots_are_the_report_s_figures_and_are_written_once(context: RunContext) -> None:
    stored = run_shown(context, trials=4).stored
    page = study_page(stored, None)
    page.write_plots()
    plots = get_plotly_graph_objects(attributes(stored))
    assert {"history", "curves", "parallel", "timeline", "size"} <= plots.keys()
    for text in plots.values():
        assert json.loads(text)["layout"]["title"]["text"]
    before = attributes(stored)
    page.write_plots()
    assert attributes(stored) == before


def test_a_long_plot_is_written_without_hover_texts(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.dashboard.attributes.LONGEST_PLOT", 1000)
    stored = run_shown(context, trials=4).stored
    study_page(stored, None).write_plots()
    plots = get_plotly_graph_objects(attributes(stored))
    assert all("text" not in trace for trace in json.loads(plots["history"])["data"])


def test_notes_that_a_killed_run_did_not_write_are_written_later(
    context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as silent:
        silent.setattr(StudyPage, "write_notes", lambda *_, **__: None)
        run_shown(context, trials=5)
    monkeypatch.setattr("study.dashboard.study_page.BATCH", 2)
    stored = open_study("test", context.url)
    study_page(stored, None).write_notes()
    trials = stored.study.get_trials()
    assert [note(stored, trial)[0] for trial in trials] == [1] * 5


def test_another_program_s_study_has_no_page(context: RunContext) -> None:
    run_shown(context, trials=1)
    optuna.create_study(study_name="strange", storage=context.url)
    assert list(new_pages(context.url, None, known=())) == ["test"]
    assert new_pages(context.url, None, known=["test"]) == {}


def test_a_study_runs_even_if_no_drawing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_text("a file where the folder should be")
    result = run_shown(run_context(tmp_path, artifacts=tmp_path / "artifacts"), trials=2)
    assert [trial.state for trial in result.trials] == ["complete", "complete"]
    assert note(result.stored)[0] > 0


def test_no_study_s_folder_is_that_of_the_dashboard_s_files(tmp_path: Path) -> None:
    folder = store_folder(tmp_path, "sqlite:///study.db")
    assert study_folder(tmp_path, "sqlite:///study.db", folder.name) != folder


def test_removing_a_study_s_files_leaves_those_of_others(context: RunContext) -> None:
    for name in ("one", "two"):
        run_shown(context, study=name, trials=2)
    store = artifact_store(None, context.url)
    one, two = (file_ids(open_study(name, context.url).study) for name in ("one", "two"))
    remove_files(store, one)
    remove_files(store, one)
    left = {path.name for path in store_folder(None, context.url).iterdir()}
    assert left == set(two)
    assert len(two) == 2


@pytest.mark.slow
def test_a_trained_study_shows_confusion_and_best_weights_and_delete_removes_them(
    tmp_path: Path,
) -> None:
    code, _, error = invoke(
        *("run", "seed", "--dataset", "digits", "--trials", "2", "--epochs", "1"), cwd=tmp_path
    )
    assert code == 0, error
    url = f"sqlite:///{tmp_path / 'study.db'}"
    stored = open_study("seed", url)
    trials = stored.study.get_trials()
    for trial in trials:
        assert files(stored, trial) == ["network.svg"]
        confusion = trial.user_attrs[records.FACTS]["confusion"]
        right = sum(confusion[i][i] for i in range(10)) / sum(map(sum, confusion))
        assert right == pytest.approx(trial.value)
    _check_weights(stored, tmp_path)
    assert invoke("delete", "seed", "--yes", cwd=tmp_path)[0] == 0
    assert list(store_folder(None, url).iterdir()) == []


def _check_weights(stored: StoredStudy, folder: Path) -> None:
    """Find the best network's weights among the study's files, and its layers in them."""
    best = stored.study.best_trial
    ((identity, name),) = listed(
        attributes(stored)
    )  # the weights of an earlier best are not listed
    assert name == f"best-weights-trial-{best.number}.safetensors"
    store = FileSystemArtifactStore(folder / "artifacts" / "@dashboard")
    with store.open_reader(identity) as file:
        weights = load(file.read())
    assert sum(tensor.numel() for tensor in weights.values()) == best.user_attrs["parameters"]
