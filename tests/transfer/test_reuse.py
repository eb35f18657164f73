"""Results that a study takes from others: --reuse, --fork and --warm-start."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy import text

from study.common.errors import ResumeError, SettingsError, StorageError
from study.final_test.access_log import Access, append_access, read_accesses
from study.running.candidate_source.sampled_source import SampledSource
from study.running.candidate_source.source import make_source
from study.running.study_runner import StudyResult, run_study
from study.storage.lifecycle import study_state
from study.storage.rdb import StudyCache
from study.storage.records import TrialRecord
from study.storage.stored_study import ENVIRONMENT, StoredStudy, open_study
from study.transfer.fork import forked
from study.transfer.results import disagreements
from study.transfer.transfer import finish_transfer, reusable_results
from tests.studies import invoke, outcome, run_context, settings

SMALL = """
name: small-space
parameters:
  conv_layers: {type: int, low: 1, high: 3}
  hidden_units: {type: categorical, choices: [16, 32, 64]}
  epochs: 3
"""


def start(folder: Path, name: str, *, fork_of: str | None = None, **changes: Any) -> StudyResult:
    asked = settings(**{"study": name, "space_text": SMALL, "sampler": "random", **changes})
    return run_study(asked, run_context(folder), fork_of=fork_of)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a storage with two finished studies: ``old`` of four trials, ``grid`` of all nine."""
    folder = tmp_path_factory.mktemp("searched")
    start(folder, "old", trials=4)
    start(folder, "grid", trials=9, sampler="grid")
    return folder / "study.db"


@pytest.fixture
def run(searched: Path, tmp_path: Path) -> Callable[..., StudyResult]:
    """Return a function that runs studies in a copy of that storage."""
    source, target = sqlite3.connect(searched), sqlite3.connect(tmp_path / "study.db")
    with closing(source), closing(target):
        source.backup(target)
    return partial(start, tmp_path)


Run = Callable[..., StudyResult]


def trained(result: StudyResult) -> list[TrialRecord]:
    return [t for t in result.trials if t.reused_from is None]


def reused(result: StudyResult) -> list[TrialRecord]:
    return [t for t in result.trials if isinstance(t.reused_from, str)]


def test_results_of_another_study_cost_nothing_and_name_their_trial(run: Run) -> None:
    old = run("old", trials=4)
    alone = run("grid", trials=9, sampler="grid")
    new = run("new", trials=9, sampler="grid", reuse=("old",))
    duplicates = reused(new)
    assert {t.candidate_id for t in duplicates} == {t.candidate_id for t in old.trials}
    by_number = {f"old/{t.number}": t for t in old.trials}
    for duplicate in duplicates:
        origin = by_number[str(duplicate.reused_from)]
        assert (duplicate.objectives, duplicate.metrics) == (origin.objectives, origin.metrics)
        assert duplicate.epochs == 0
    assert outcome(new.trials) == outcome(alone.trials)  # it changes the cost alone
    assert len(new.state.finished) == 9 - len(duplicates)
    assert any(note == "reuse of 'old': 4 of 4 results hold here" for note in new.notes)


def test_reuse_of_all_says_of_every_study_what_it_gives(run: Run, tmp_path: Path) -> None:
    run("seeded", trials=3, seed=1)
    run("noisy", trials=3, estimator="synthetic,noise=0.1")
    optuna.create_study(study_name="foreign", storage=f"sqlite:///{tmp_path}/study.db")
    found = run("new", trials=2, reuse=("all",)).notes
    notes = [note for note in found if note.startswith("reuse")]
    assert "was made by another program" in notes[0]
    assert notes[1:] == [
        "reuse of 'grid': 9 of 9 results hold here",
        "reuse of 'noisy': none (estimator: synthetic,noise=0.1 there, synthetic here)",
        "reuse of 'old': 4 of 4 results hold here",
        "reuse of 'seeded': none (seed: 1 there, 0 here)",
    ]


def test_a_result_is_judged_by_the_new_study_s_metric(run: Run) -> None:
    new = run("new", trials=4, sampler="grid", objectives=("log_loss",), reuse=("grid",))
    assert len(reused(new)) == 9
    assert all(t.objectives == (t.metrics["val_loss"],) for t in new.trials)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sha256": "f" * 64}, "data: other images or labels"),
        ({"image": {"channels": 1, "size": 14, "classes": 4}}, "images: 1x14x14 there"),
        ({"precision": "bfloat16"}, "precision: bfloat16 there, None here"),
        ({"numeric": 0}, "arithmetic: stored version 0"),
        ({"libraries": {"torch": "1.0"}}, "torch: stored 1.0"),
    ],
)
def test_what_results_depend_on_has_to_agree(
    run: Run, changes: dict[str, Any], reason: str
) -> None:
    old, new = run("old", trials=4).stored, run("grid", trials=9, sampler="grid").stored
    assert disagreements(new, old) == []
    for kind in ("data", ENVIRONMENT):
        stored = getattr(old, kind)
        known = {k: v for k, v in changes.items() if k in (*stored, "precision")}
        old.study.set_user_attr(kind, {**stored, **known})
    reread = open_study("old", old.url)
    assert any(line.startswith(reason) for line in disagreements(new, reread))


OTHER = "name: o\nparameters:\n  kernel: {type: categorical, choices: [1, 7]}\n"


@pytest.mark.parametrize(
    ("name", "changes", "error", "message"),
    [
        ("new", {"reuse": ("new",)}, SettingsError, "by itself"),
        ("new", {"reuse": ("gone",)}, StorageError, "has no study 'gone'"),
        ("new", {"fork_of": "new"}, SettingsError, "another name"),
        ("new", {"fork_of": "gone"}, StorageError, "has no study 'gone'"),
        ("old", {"fork_of": "grid"}, ResumeError, "was not forked, not of 'grid'"),
        (
            "new",
            {"space_text": OTHER, "warm_start": "grid"},
            SettingsError,
            "9 outside this space",
        ),
    ],
)
def test_a_study_that_cannot_give_results_is_refused(
    run: Run, name: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(name, trials=4, **changes)


def test_a_refused_fork_leaves_no_study(run: Run, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        run("new", trials=1, fork_of="gone")
    with pytest.raises(StorageError, match="has no study 'new'"):
        open_study("new", run_context(tmp_path).url)


def test_a_fork_takes_over_the_results_that_hold(run: Run) -> None:
    old = run("old", trials=4)
    new = run("new", trials=2, sampler="tpe", fork_of="old")
    taken = forked(new.stored)
    assert [t.reused_from for t in taken] == [f"old/{t.number}" for t in trained(old)]
    assert [t.objectives for t in taken] == [t.objectives for t in trained(old)]
    assert [t.architecture for t in taken] == [t.architecture for t in trained(old)]
    assert "fork of 'old': 4 of 4 results" in new.notes
    assert len(new.state.finished) == 2
    assert not {t.candidate_id for t in trained(new)} & {t.candidate_id for t in old.trials}


def test_a_fork_is_the_same_when_it_is_made_in_parts_and_while_the_old_study_continues(
    run: Run,
) -> None:
    run("old", trials=4)
    whole = run("whole", trials=4, sampler="tpe", fork_of="old")
    run("parts", trials=1, sampler="tpe", fork_of="old")
    run("old", trials=7)
    parts = run("parts", trials=4, sampler="tpe", fork_of="old")
    assert outcome(parts.trials) == outcome(whole.trials)
    assert len(forked(parts.stored)) == 4


def test_a_fork_that_was_cut_off_while_copying_is_completed_once(run: Run) -> None:
    run("old", trials=4)
    new = run("new", trials=1, fork_of="old")
    stored, storage = new.stored, new.stored.study._storage
    assert isinstance(storage, StudyCache)
    copied = [record.number for record in forked(stored)[1:]]
    with storage._backend.engine.begin() as connection:  # as if they had never been written
        for number in copied:
            trial = storage.get_trial_id_from_study_id_trial_number(stored.study._study_id, number)
            connection.execute(text("DELETE FROM trials WHERE trial_id = :id"), {"id": trial})
    reopened = open_study("new", stored.url)
    assert len(forked(reopened)) == 1
    for _ in range(2):
        finish_transfer(reopened, fork_of=None)
        assert len(forked(open_study("new", stored.url))) == 4


def test_a_fork_into_another_space_takes_the_points_that_are_in_it(run: Run) -> None:
    old = run("grid", trials=9, sampler="grid")
    narrow = SMALL.replace("[16, 32, 64]", "[64, 16]").replace(
        "{type: int, low: 1, high: 3}", "{type: int, low: 2, high: 4}"
    )
    new = run("new", trials=1, space_text=narrow, fork_of="grid")
    wanted = [
        t.candidate_id
        for t in old.trials
        if t.params["conv_layers"] in (2, 3) and t.params["hidden_units"] in (16, 64)
    ]
    assert [t.candidate_id for t in forked(new.stored)] == wanted
    assert any("5 outside this space" in note for note in new.notes)


def test_a_fork_may_fix_what_varied_and_vary_what_was_fixed(run: Run) -> None:
    text = SMALL.replace("{type: int, low: 1, high: 3}", "2").replace(
        "epochs: 3", "epochs: {type: int, low: 1, high: 4}"
    )
    new = run("new", trials=1, space_text=text, fork_of="grid")
    assert [t.params["epochs"] for t in forked(new.stored)] == [3, 3, 3]


def test_a_fork_with_another_seed_is_made_and_says_why_it_took_nothing(run: Run) -> None:
    new = run("new", trials=2, seed=4, fork_of="old")
    assert forked(new.stored) == []
    assert "fork of 'old': 0 of 4 results (not taken: seed: 0 there, 4 here)" in new.notes


def test_a_fork_takes_over_the_test_set_access_log(run: Run) -> None:
    def accesses(study: StudyResult) -> list[Access]:
        return read_accesses(study.stored.study)

    old = run("old", trials=4)
    access = Access(
        when=dt.datetime(2026, 3, 4, tzinfo=dt.UTC),
        candidate_id="c",
        code_version="1",
        fit_on="train",
        seeds=(1,),
    )
    append_access(old.stored.study, access)
    new = run("new", trials=1, fork_of="old")
    assert accesses(new) == [access]
    assert any("1 access to the test part taken over" in note for note in new.notes)
    assert append_access(new.stored.study, access) == 2
    assert len(accesses(old)) == 1
    assert accesses(run("seeded", trials=1, seed=4, fork_of="old")) == [access]
    assert accesses(run("elsewhere", trials=1, dataset="octmnist", fork_of="old")) == []


def test_a_fork_of_a_fork_names_the_trial_that_was_trained(run: Run) -> None:
    run("b", trials=1, fork_of="old")
    origins = [t.reused_from for t in forked(run("c", trials=1, fork_of="b").stored)]
    assert {"old/0", "old/1", "old/2", "old/4"} < set(origins)


def test_all_of_a_forked_space_is_tried_once(run: Run) -> None:
    new = run("new", trials=None, timeout=100, sampler="grid", fork_of="old")
    assert new.work.ending == "exhausted"
    assert len(new.state.finished) == 5
    assert len({t.candidate_id for t in new.trials}) == len(new.trials) == 9


@pytest.mark.parametrize(
    "sampler",
    [
        "tpe",
        *(pytest.param(s, marks=pytest.mark.slow) for s in ("grid", "reinforce", "surrogate")),
    ],
)
def test_a_warm_start_is_prior_knowledge_that_stays_the_same(run: Run, sampler: str) -> None:
    old = run("other", trials=4, seed=3, epochs=1)
    arguments: dict[str, Any] = {"sampler": sampler, "warm_start": "other"}
    whole = run("whole", trials=6, **arguments)
    assert "warm start from 'other': 4 of 4 results" in whole.notes
    run("parts", trials=2, **arguments)
    run("other", trials=6, seed=3, epochs=1)
    parts = run("parts", trials=6, **arguments)
    assert outcome(parts.trials) == outcome(whole.trials)
    prior = drawing(parts.stored).prior
    assert [o.number for o in prior] == [-4, -3, -2, -1]
    assert [o.scores for o in prior] == [t.objectives for t in trained(old)[:4]]
    assert not reused(parts)
    assert len(parts.state.finished) == 6


def test_a_warm_start_counts_what_does_not_fit(run: Run) -> None:
    narrow = SMALL.replace("low: 1", "low: 3")
    new = run("new", trials=1, space_text=narrow, warm_start="grid")
    assert "warm start from 'grid': 3 of 9 results (not taken: 6 outside this space)" in new.notes


def test_a_warm_start_from_the_pooled_split_says_what_a_test_is_worth_then(run: Run) -> None:
    run("pooled", trials=2, split="pooled")
    warm = run("official", trials=1, warm_start="pooled")
    assert any(
        "test of this study is on images that its candidates were chosen" in n for n in warm.notes
    )
    same = run("same", trials=1, split="pooled", warm_start="pooled")
    assert not any("chosen by" in note for note in same.notes)


def test_a_warm_start_whose_study_is_gone_is_refused(run: Run) -> None:
    old = run("old", trials=4)
    run("new", trials=1, warm_start="old")
    optuna.delete_study(study_name="old", storage=old.stored.study._storage)
    with pytest.raises(StorageError, match=r"'new' was warm-started: .*has no study 'old'"):
        run("new", trials=2, warm_start="old")


def drawing(stored: StoredStudy) -> SampledSource:
    source = make_source(stored)
    assert isinstance(source, SampledSource)
    return source


def test_a_warm_start_moves_a_learning_strategy(run: Run) -> None:
    cold = drawing(run("cold", trials=1, sampler="reinforce").stored)
    warm = drawing(run("warm", trials=1, sampler="reinforce", warm_start="grid").stored)
    nothing = study_state((), retries=0)
    policies = [s.strategy.policy(s.history(nothing).observations) for s in (cold, warm)]  # type: ignore[attr-defined]
    assert [p.tolist() for p in policies[0]] == [[pytest.approx(1 / 3)] * 3] * 2
    assert max(max(p) for p in policies[1]) > 0.4


def test_reuse_sees_the_results_that_are_stored_by_now(run: Run) -> None:
    stored = run("new", trials=1, reuse=("old",)).stored
    run("old", trials=6)
    assert len(reusable_results(stored)[0]) == 6


def test_the_command_forks_reuses_and_warm_starts(tmp_path: Path) -> None:
    common = (
        "run", "seed", "--dataset", "digits", "--estimator", "synthetic",
        "--workers", "1", "--quiet", "--sampler", "random",
    )  # fmt: skip
    assert invoke(*common, "--trials", "3", cwd=tmp_path)[0] == 0
    code, _, notes = invoke(
        *common, "--fork", "b", "--trials", "2", "--pruner", "median", cwd=tmp_path
    )
    assert (code, "fork of 'seed': 3 of 3 results" in notes) == (0, True)
    code, _, notes = invoke(
        *common, "--study", "c", "--reuse", "b", "--reuse", "seed",
        "--warm-start", "seed", "--trials", "2", cwd=tmp_path,
    )  # fmt: skip
    assert (code, "warm start from 'seed': 3 of 3 results" in notes) == (0, True)
    assert "reuse of 'seed': 3 of 3" in notes
