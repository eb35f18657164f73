"""The comparison of a stored study with a request to continue it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import optuna
import pytest

from study.common.errors import ResumeError
from study.common.version import library_versions
from study.search_space.candidate import OCTMNIST
from study.settings.problem import Problem, differences
from study.settings.study_settings import LIMITS, Plan, StudySettings
from study.storage.stored_study import (
    DATA,
    ENVIRONMENT,
    StoredStudy,
    create_or_load,
    open_study,
    validate_worker,
)
from tests.studies import invoke, run_context, settings

DATA_FOUND = {
    "name": "digits",
    "image": {"channels": 1, "size": 28, "classes": 4},
    "sha256": "a" * 64,
    "train_images": 1_000,
}
MACHINE = {"device": "cpu", "cpu": "Xeon", "machine": "x86_64", "system": "Linux"}
SPACE = """
name: guarded
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: int, low: 16, high: 64, step: 16}
  dropout: {type: categorical, choices: [0, 0.2]}
  epochs: 3
constraints: {parameters: 900000}
enqueue:
  - {conv_layers: 2, hidden_units: 32, dropout: 0}
  - {conv_layers: 1, hidden_units: 32, dropout: 0}
"""

CHANGES: dict[str, Any] = {
    "dataset": "octmnist",
    "split": "pooled",
    "size": 64,
    "drop_leaks": True,
    "objectives": ("auc",),
    "sampler": "random",
    "estimator": "synthetic,noise=0.1",
    "pruner": "median",
    "screen": "naswot:20",
    "epochs": 5,
    "fraction": 0.5,
    "image_size": 14,
    "precision": "bfloat16",
    "seed": 1,
    "warm_start": "other",
    "plan": Plan(kind="confirm", origin="x", candidates=(), repeats=1),
    "candidates": ({"conv_layers": 1},),
}
SPACE_CHANGES = [
    (
        "low: 16, high: 64, step: 16",
        "low: 16, high: 96, step: 16",
        "hidden_units: stored int 16 to 64 in steps of 16; asked for int 16 to 96 in steps of 16",
    ),
    (
        "choices: [0, 0.2]",
        "choices: [0.2, 0]",
        "dropout: stored categorical 0 or 0.2; asked for categorical 0.2 or 0",
    ),
    ("epochs: 3", "epochs: 4", "epochs: stored 3; asked for 4"),
    ("  epochs: 3", "", "epochs: stored 3; asked for 0 (the default)"),
    ("epochs: 3", "channels: 32\n  epochs: 3", ""),  # 32 is the default
    (
        "epochs: 3",
        "epochs: 3\n  padding: same",
        "padding: stored valid (the default); asked for same",
    ),
    (
        "  dropout: {type: categorical, choices: [0, 0.2]}",
        "",
        "dropout: stored categorical 0 or 0.2; asked for 0 (the default)",
    ),
    (
        "parameters: 900000",
        "parameters: 800000",
        "constraints.parameters: stored at most 900,000; asked for at most 800,000",
    ),
    (
        "conv_layers: 1, hidden_units: 32",
        "conv_layers: 1, hidden_units: 48",
        "enqueue, candidate 2: stored conv_layers 1, hidden_units 32, dropout 0;"
        " asked for conv_layers 1, hidden_units 48, dropout 0",
    ),
    ("name: guarded", "name: renamed", ""),
    ("name: guarded", "description: of no effect", ""),
]


def guarded(**changes: Any) -> StudySettings:
    return settings(**{"space_text": SPACE, **changes})


def changed_lines(asked: StudySettings) -> list[str]:
    stored, new = (Problem(settings=each, image=OCTMNIST) for each in (guarded(), asked))
    return differences(stored, new)


def load(
    folder: Path,
    asked: StudySettings | None = None,
    *,
    data: dict[str, Any] = DATA_FOUND,
    **machine: str,
) -> tuple[StoredStudy, tuple[str, ...]]:
    """Create the study, or continue it."""
    url = run_context(folder).url
    return create_or_load(asked or guarded(), url, data=data, environment=MACHINE | machine)


def load_changed(folder: Path, **environment: Any) -> tuple[str, ...]:
    """Create a study in another environment, continue it and return the notes."""
    stored, _ = load(folder)
    stored.study.set_user_attr(ENVIRONMENT, {**stored.environment, **environment})
    return load(folder)[1]


def test_every_setting_is_a_limit_or_is_compared() -> None:
    named = {"study", "space_name", "space_text"}
    assert StudySettings.model_fields.keys() == CHANGES.keys() | LIMITS | named


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_setting_is_reported_with_the_stored_and_the_new_value(name: str) -> None:
    (line,) = changed_lines(guarded().with_changes(**{name: CHANGES[name]}))
    assert line.startswith(f"{name.replace('_', ' ')}: ")
    if name not in ("plan", "candidates"):
        assert re.search(r": stored .+, asked for .+", line)
        assert all("(" not in part for part in line.split())  # no Python tuples shown


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_limit_may_change(name: str) -> None:
    values = {"keep": "all", "reuse": ("other",), "retries": 7}
    assert changed_lines(guarded().with_changes(**{name: values.get(name, 99)})) == []


@pytest.mark.parametrize(("old", "new", "line"), SPACE_CHANGES)
def test_a_changed_space_is_reported_with_the_stored_and_the_new_value(
    old: str, new: str, line: str
) -> None:
    assert old in SPACE
    text = SPACE.replace(old, new)
    if not new and "dropout" in old:
        text = text.replace(", dropout: 0}", "}")
    found = changed_lines(guarded(space_text=text))
    assert found[:1] == ([f"space: {line}"] if line else [])


def test_another_order_of_the_parameters_is_reported() -> None:
    lines = SPACE.splitlines()
    lines[3], lines[4] = lines[4], lines[3]
    assert changed_lines(guarded(space_text="\n".join(lines))) == [
        "space: order of the parameters: stored conv_layers, hidden_units, dropout;"
        " asked for hidden_units, conv_layers, dropout"
    ]


def test_the_error_is_one_message_that_says_what_to_do(tmp_path: Path) -> None:
    load(tmp_path)
    with pytest.raises(ResumeError) as raised:
        load(tmp_path, guarded(sampler="random", seed=4))
    for part in ("sampler: stored tpe, asked for random", "seed: stored 0, asked for 4", "--fork"):
        assert part in str(raised.value)
    assert open_study("test", run_context(tmp_path).url).settings == guarded()


def test_a_space_is_compared_for_the_images_of_the_study(tmp_path: Path) -> None:
    # no network for 28 pixels satisfies the bound; those for 8 pixels do
    text = SPACE.replace("parameters: 900000", "parameters: 6000").partition("enqueue")[0]
    small = {**DATA_FOUND, "image": {"channels": 1, "size": 8, "classes": 4}}
    asked = guarded(space_text=text, image_size=8)
    load(tmp_path, asked, data=small)
    again = asked.with_changes(space_text=text.replace("[0, 0.2]", "[0, 0.5]"))
    with pytest.raises(ResumeError, match=r"dropout: stored categorical 0 or 0\.2"):
        load(tmp_path, again, data=small)


def test_other_data_is_an_error_and_the_same_data_elsewhere_a_note(tmp_path: Path) -> None:
    load(tmp_path, guarded(dataset="a.npz"))
    with pytest.raises(ResumeError, match=r"content of 'digits'.*stored aaaa.*, found bbbb"):
        load(tmp_path, guarded(dataset="a.npz"), data=DATA_FOUND | {"sha256": "b" * 64})
    stored, notes = load(tmp_path, guarded(dataset="elsewhere/a.npz"))
    assert "dataset: stored a.npz, now elsewhere/a.npz: the same content" in notes
    assert stored.settings.dataset == "elsewhere/a.npz"


def test_another_direction_in_the_storage_is_an_error(tmp_path: Path) -> None:
    study = load(tmp_path)[0].study
    attributes, storage = study.user_attrs, study._storage
    optuna.delete_study(study_name="test", storage=storage)
    study = optuna.create_study(study_name="test", storage=storage, direction="minimize")
    for name, value in attributes.items():
        study.set_user_attr(name, value)
    with pytest.raises(ResumeError, match="direction: stored minimize, asked for maximize"):
        load(tmp_path)


def test_another_processor_and_device_are_noted(tmp_path: Path) -> None:
    load(tmp_path)
    _, notes = load(tmp_path, device="cuda", cpu="EPYC")
    assert notes == ("device: stored cpu, now cuda", "cpu: stored Xeon, now EPYC")


def test_another_major_version_or_arithmetic_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ResumeError) as raised:
        load_changed(tmp_path, libraries={**library_versions(), "torch": "1.9.0"}, numeric=0)
    for part in ("torch: stored 1.9.0, found", "install torch==1.9.0", "stored version 0"):
        assert part in str(raised.value)


def test_another_minor_version_or_commit_is_noted(tmp_path: Path) -> None:
    old = f"{library_versions()['torch'].partition('.')[0]}.0.0"
    libraries = {**library_versions(), "torch": old}
    notes = load_changed(tmp_path, libraries=libraries, code="0.0.1+older")
    assert any(note.startswith(f"torch: stored {old}, found ") for note in notes)
    assert any(note.startswith("code: stored 0.0.1+older, this is ") for note in notes)


def test_a_worker_with_other_data_or_versions_is_an_error(tmp_path: Path) -> None:
    stored, _ = load(tmp_path)
    validate_worker(stored, DATA_FOUND)
    with pytest.raises(ResumeError, match="content of 'digits'"):
        validate_worker(stored, DATA_FOUND | {"sha256": "c" * 64})
    stored.study.set_user_attr(ENVIRONMENT, {**stored.environment, "numeric": 0})
    with pytest.raises(ResumeError, match="arithmetic"):
        validate_worker(open_study("test", stored.url), DATA_FOUND)


@pytest.mark.slow
def test_the_command_reports_the_change_and_changes_nothing(tmp_path: Path) -> None:
    arguments = ("run", "seed", "--dataset", "digits", "--estimator", "synthetic", "--trials", "2")
    assert invoke(*arguments, "--workers", "1", "--quiet", cwd=tmp_path)[0] == 0
    code, _, error = invoke(*arguments, "--seed", "5", cwd=tmp_path)
    assert code == 1
    assert "seed: stored 0, asked for 5" in error
    stored = open_study("seed", run_context(tmp_path).url)
    assert len(stored.study.trials) == 2
    assert json.loads(stored.study.user_attrs["settings"])["seed"] == 0
    assert stored.study.user_attrs[DATA]["name"] == "digits"
