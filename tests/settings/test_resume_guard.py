"""What a stored study is compared by before it is gone on with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

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
from tests.studies import answer, settings

DATA_FOUND = {
    "name": "digits",
    "image": {"channels": 1, "size": 28, "classes": 4},
    "sha256": "a" * 64,
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
SPACE_CHANGES = {
    "low: 16, high: 64, step: 16 -> low: 16, high: 96, step: 16": (
        "space: hidden_units: stored int 16 to 64 in steps of 16;"
        " asked for int 16 to 96 in steps of 16"
    ),
    "choices: [0, 0.2] -> choices: [0.2, 0]": (
        "space: dropout: stored categorical 0 or 0.2; asked for categorical 0.2 or 0"
    ),
    "epochs: 3 -> epochs: 4": "space: epochs: stored 3; asked for 4",
    "  epochs: 3 -> ": "",  # 3 is the default
    "epochs: 3 -> padding: same": "space: padding: stored valid (the default); asked for same",
    "  dropout: {type: categorical, choices: [0, 0.2]} -> ": (
        "space: dropout: stored categorical 0 or 0.2; asked for 0 (the default)"
    ),
    "parameters: 900000 -> parameters: 800000": (
        "space: constraints.parameters: stored at most 900,000; asked for at most 800,000"
    ),
    "conv_layers: 1, hidden_units: 32 -> conv_layers: 1, hidden_units: 48": (
        "space: enqueue, candidate 2: stored conv_layers 1, hidden_units 32, dropout 0;"
        " asked for conv_layers 1, hidden_units 48, dropout 0"
    ),
    "name: guarded -> name: renamed": "",
    "name: guarded -> description: of no account": "",
}


def guarded(**changes: Any) -> StudySettings:
    return settings(**{"space_text": SPACE, **changes})


def problem(asked: StudySettings) -> Problem:
    return Problem(settings=asked, image=OCTMNIST)


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/study.db"


def create(folder: Path, asked: StudySettings | None = None, **found: Any) -> StoredStudy:
    return load(folder, asked, **found)[0]


def load(
    folder: Path, asked: StudySettings | None = None, **found: Any
) -> tuple[StoredStudy, tuple[str, ...]]:
    data = {**DATA_FOUND, **{k: v for k, v in found.items() if k in ("sha256", "name")}}
    machine = {**MACHINE, **{k: v for k, v in found.items() if k in MACHINE}}
    return create_or_load(asked or guarded(), url(folder), data=data, environment=machine)


def test_every_setting_is_a_limit_or_is_guarded() -> None:
    named = {"study", "space_name", "space_text"}
    assert StudySettings.model_fields.keys() == CHANGES.keys() | LIMITS | named


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_setting_is_reported_with_the_stored_and_the_new_value(name: str) -> None:
    old = guarded()
    new = old.with_changes(**{name: CHANGES[name]})
    (line,) = differences(problem(old), problem(new))
    assert line.startswith(f"{name.replace('_', ' ')}: ")
    if name not in ("plan", "candidates"):
        assert re.search(r": stored .+, asked for .+", line)
        assert all("(" not in part for part in line.split())  # no Python tuples shown


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_a_limit_may_change(name: str) -> None:
    values = {"keep": "all", "reuse": ("other",), "retries": 7}
    new = guarded().with_changes(**{name: values.get(name, 99)})
    assert differences(problem(guarded()), problem(new)) == []


@pytest.mark.parametrize("change", SPACE_CHANGES)
def test_a_changed_space_is_reported_with_the_stored_and_the_new_value(change: str) -> None:
    old, _, new = change.partition(" -> ")
    assert old in SPACE
    text = SPACE.replace(old, new)
    if old.startswith("  dropout"):
        text = text.replace(", dropout: 0}", "}")
    found = differences(problem(guarded()), problem(guarded(space_text=text)))
    wanted = SPACE_CHANGES[change]
    assert found[:1] == ([wanted] if wanted else [])


def test_another_order_of_the_parameters_is_refused() -> None:
    lines = SPACE.splitlines()
    lines[3], lines[4] = lines[4], lines[3]
    new = guarded(space_text="\n".join(lines))
    found = differences(problem(guarded()), problem(new))
    assert found == [
        "space: order of the parameters: stored conv_layers, hidden_units, dropout;"
        " asked for hidden_units, conv_layers, dropout"
    ]


def test_the_refusal_is_one_message_that_says_what_to_do(tmp_path: Path) -> None:
    create(tmp_path)
    with pytest.raises(ResumeError) as refused:
        load(tmp_path, guarded(sampler="random", seed=4))
    text = str(refused.value)
    assert "sampler: stored tpe, asked for random" in text
    assert "seed: stored 0, asked for 4" in text
    assert "--fork NEW" in text
    assert open_study("test", url(tmp_path)).settings == guarded()


def test_a_space_is_compared_for_the_images_of_the_study(tmp_path: Path) -> None:
    # no network for 28 pixels is so small; those for 8 are
    text = SPACE.replace("parameters: 900000", "parameters: 6000").partition("enqueue")[0]
    small = {**DATA_FOUND, "image": {"channels": 1, "size": 8, "classes": 4}}
    asked = guarded(space_text=text, image_size=8)
    create_or_load(asked, url(tmp_path), data=small, environment=MACHINE)
    again = asked.with_changes(space_text=text.replace("[0, 0.2]", "[0, 0.5]"))
    with pytest.raises(ResumeError, match=r"dropout: stored categorical 0 or 0\.2"):
        create_or_load(again, url(tmp_path), data=small, environment=MACHINE)


def test_other_data_is_refused(tmp_path: Path) -> None:
    create(tmp_path)
    with pytest.raises(ResumeError, match=r"content of 'digits'.*stored aaaa.*, found bbbb"):
        load(tmp_path, sha256="b" * 64)


def test_the_same_data_under_another_name_is_noted(tmp_path: Path) -> None:
    create(tmp_path, guarded(dataset="a.npz"))
    stored, notes = load(tmp_path, guarded(dataset="elsewhere/a.npz"))
    assert "dataset: stored a.npz, now elsewhere/a.npz: the same content" in notes
    assert stored.settings.dataset == "elsewhere/a.npz"


def test_another_direction_in_the_storage_is_refused(tmp_path: Path) -> None:
    import optuna

    asked = guarded()
    first = create(tmp_path)
    attributes = dict(first.study.user_attrs)
    optuna.delete_study(study_name="test", storage=first.study._storage)
    study = optuna.create_study(
        study_name="test", storage=first.study._storage, direction="minimize"
    )
    for name, value in attributes.items():
        study.set_user_attr(name, value)
    with pytest.raises(ResumeError, match="direction: stored minimize, asked for maximize"):
        load(tmp_path, asked)


def test_another_processor_and_device_are_noted(tmp_path: Path) -> None:
    create(tmp_path)
    _, notes = load(tmp_path, device="cuda", cpu="EPYC")
    assert notes == ("device: stored cpu, now cuda", "cpu: stored Xeon, now EPYC")


def change_environment(stored: StoredStudy, **changes: Any) -> None:
    stored.study.set_user_attr(ENVIRONMENT, {**stored.environment, **changes})


def libraries(**changes: str) -> dict[str, str]:
    return {**library_versions(), **changes}


def test_another_major_version_or_arithmetic_is_refused(tmp_path: Path) -> None:
    change_environment(create(tmp_path), libraries=libraries(torch="1.9.0"), numeric=0)
    with pytest.raises(ResumeError) as refused:
        load(tmp_path)
    assert "torch: stored 1.9.0, found" in str(refused.value)
    assert "install torch==1.9.0" in str(refused.value)
    assert "arithmetic: stored version 0" in str(refused.value)


def test_another_minor_version_or_commit_is_noted(tmp_path: Path) -> None:
    major = library_versions()["torch"].partition(".")[0]
    change_environment(
        create(tmp_path), libraries=libraries(torch=f"{major}.0.0"), code="0.0.1+older"
    )
    _, notes = load(tmp_path)
    assert any(note.startswith(f"torch: stored {major}.0.0, found ") for note in notes)
    assert any(note.startswith("code: stored 0.0.1+older, this is ") for note in notes)


def test_a_worker_with_other_data_or_versions_is_refused(tmp_path: Path) -> None:
    stored = create(tmp_path)
    validate_worker(stored, DATA_FOUND)
    with pytest.raises(ResumeError, match="content of 'digits'"):
        validate_worker(stored, {**DATA_FOUND, "sha256": "c" * 64})
    change_environment(stored, numeric=0)
    with pytest.raises(ResumeError, match="arithmetic"):
        validate_worker(open_study("test", url(tmp_path)), DATA_FOUND)


@pytest.mark.slow
def test_the_command_refuses_and_changes_nothing(tmp_path: Path) -> None:
    arguments = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic",
        "--trials", "2", "--workers", "1", "--quiet",
    )  # fmt: skip
    assert answer(*arguments, cwd=tmp_path)[0] == 0
    code, _, error = answer(*arguments, "--seed", "5", cwd=tmp_path)
    assert code == 1
    assert "seed: stored 0, asked for 5" in error
    stored = open_study("seed", url(tmp_path))
    assert len(stored.study.trials) == 2
    assert json.loads(stored.study.user_attrs["settings"])["seed"] == 0
    assert stored.study.user_attrs[DATA]["name"] == "digits"
