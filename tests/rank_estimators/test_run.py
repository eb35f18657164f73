"""``rank-estimators``: estimators of known quality, a real storage, kills and wrong input."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from study.common.errors import EvaluationError, ResumeError, SettingsError, StorageError
from study.common.stop import Stop
from study.rank_estimators.ranking import EstimatorRanking, RankingRow
from study.rank_estimators.run import STORED, RankingPlan, rank_estimators
from study.report.markdown import render_markdown
from study.report.rank_estimators import describe_ranking, ranking_document
from study.report.trial_document import study_list
from study.search_space.candidate import OCTMNIST
from study.search_space.reading.loading import load_space
from study.settings.problem import Problem
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials
from tests.studies import command, invoke, run_context, settings

PERFECT, USELESS, FAILING = "synthetic,noise=0", "synthetic,noise=0.5", "synthetic,fail=0.9"
TRIED_OUT = (
    "rank-estimators", "seed", "--dataset", "digits", "--reference", "synthetic,delay=0.02",
    "--estimators", f"{PERFECT},{USELESS}", "--sample", "30", "--quiet", "--format", "json",
)  # fmt: skip


def plan(**changes: object) -> RankingPlan:
    values = {
        "base": settings(study="t", epochs=2),
        "estimators": (PERFECT, USELESS),
        "sample": 30,
    }
    return RankingPlan(**{**values, **changes})  # type: ignore[arg-type]


def trials(folder: Path) -> dict[str, tuple[TrialRecord, ...]]:
    url = run_context(folder).url
    return {row[0]: load_trials(row[0], url)[1] for row in study_list(url).rows}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rank-estimators")


@pytest.fixture(scope="module")
def ranking(folder: Path) -> EstimatorRanking:
    result = rank_estimators(plan(), run_context(folder))
    assert result is not None
    return result


def row(ranking: EstimatorRanking, name: str) -> RankingRow:
    return next(row for row in ranking.estimators if row.name == name)


def test_a_perfect_and_a_useless_estimator_are_recognised(ranking: EstimatorRanking) -> None:
    perfect, useless = row(ranking, PERFECT), row(ranking, USELESS)
    assert perfect.tau is not None
    assert useless.tau is not None
    assert ranking.ceiling.tau is not None
    assert perfect.tau.value > ranking.ceiling.tau.value - 0.05
    assert perfect.advantage is not None
    assert perfect.advantage.low > 0
    assert useless.tau.interval.low < 0.15
    text = describe_ranking(ranking)
    assert f"`{PERFECT}` has τ " in text
    others = text.rpartition(";")[2]
    assert f"`{USELESS}`" in others
    assert "not shown to rank better than" in others


@pytest.mark.usefixtures("ranking")
def test_the_studies_hold_the_sample_and_nothing_else(folder: Path) -> None:
    stored = trials(folder)
    assert set(stored) == {"t.full-1", "t.full-2", f"t.{PERFECT}", f"t.{USELESS}"}
    first = [record.params for record in stored["t.full-1"]]
    assert len(first) == 30
    for records in stored.values():
        assert [record.params for record in records] == first
        assert {record.draw.source for record in records if record.draw} == {"enqueued"}


def test_the_report_is_stored_with_the_study(ranking: EstimatorRanking, folder: Path) -> None:
    stored = load_trials("t.full-1", run_context(folder).url)[0]
    attribute = json.loads(json.dumps(stored.study.user_attrs[STORED], allow_nan=False))
    assert TypeAdapter(EstimatorRanking).validate_python(attribute) == ranking
    assert [row["name"] for row in attribute["estimators"]] == [PERFECT, USELESS]


@pytest.mark.slow
def test_one_more_estimator_costs_that_estimator_alone(
    ranking: EstimatorRanking, folder: Path
) -> None:
    before = trials(folder)
    again = rank_estimators(plan(estimators=(PERFECT, FAILING)), run_context(folder))
    after = trials(folder)
    assert set(after) - set(before) == {f"t.{FAILING}"}
    assert all(after[name] == before[name] for name in before)
    assert again is not None
    assert again.ceiling == ranking.ceiling
    assert row(again, PERFECT) == row(ranking, PERFECT)
    assert str(row(again, FAILING).problem).endswith("of 30 candidates; 30 are needed")


@pytest.mark.slow
def test_one_more_seed_costs_its_full_trainings_alone(tmp_path: Path) -> None:
    rank_estimators(plan(), run_context(tmp_path))
    before = trials(tmp_path)
    again = rank_estimators(plan(seeds=3), run_context(tmp_path))
    after = trials(tmp_path)
    assert again is not None
    assert again.seeds == 3
    assert set(after) - set(before) == {"t.full-3"}
    assert all(after[name] == before[name] for name in before)


def test_a_stop_ends_it_without_a_report(tmp_path: Path) -> None:
    stop = Stop()
    stop.request()
    assert rank_estimators(plan(), run_context(tmp_path), stop=stop) is None


@pytest.mark.usefixtures("ranking")
def test_another_sample_under_the_same_name_is_an_error(folder: Path) -> None:
    with pytest.raises(ResumeError, match="another list of candidates"):
        rank_estimators(plan(sample=31), run_context(folder))


def test_the_command_prints_the_ranking_of_the_stored_trainings(
    ranking: EstimatorRanking, folder: Path
) -> None:
    asked = (
        "rank-estimators", "seed", "--study", "t", "--dataset", "digits",
        "--reference", "synthetic",
        "--epochs", "2", "--estimators", f"{PERFECT},{USELESS}", "--sample", "30", "--quiet",
        "--format", "markdown",
    )  # fmt: skip
    code, out, err = invoke(*asked, "--workers", "1", cwd=folder)
    assert (code, out) == (0, render_markdown(ranking_document(ranking)))
    assert err.splitlines()[0] == "study 1 of 4: t.full-1"


@pytest.mark.slow
def test_full_trainings_that_mostly_fail_are_an_error(tmp_path: Path) -> None:
    base = settings(study="t", estimator="synthetic,fail=0.5")
    with pytest.raises(EvaluationError, match="of 30 candidates could be trained in full"):
        rank_estimators(plan(base=base, sample=30, estimators=()), run_context(tmp_path))


@pytest.mark.parametrize("text", ["", "epochs=1", "synflow,,naswot", "synflow,"])
def test_a_list_without_names_is_an_error(text: str, tmp_path: Path) -> None:
    code, _, err = invoke("rank-estimators", "seed", "--estimators", text, cwd=tmp_path)
    assert code == 2
    assert "a name is missing; write synflow,train,epochs=1" in err


def test_lower_fidelities_are_settings_of_their_study() -> None:
    space = load_space("seed")
    points = [{"conv_layers": 1, "hidden_units": 16, "dropout": 0}]
    asked = plan(
        base=settings(study="t", estimator="train"),
        estimators=("train,epochs=1", "train,fraction=0.25,image_size=14", "synflow"),
    )
    short, small, proxy = asked.cheap(points)
    assert (short.study, short.epochs, short.fraction) == ("t.train,epochs=1", 1, 1.0)
    assert (small.fraction, small.image_size, small.epochs) == (0.25, 14, None)
    assert (proxy.estimator, proxy.objectives) == ("synflow", ("synflow",))
    assert Problem(settings=short, image=OCTMNIST).candidate(points[0]).recipe.epochs == 1
    assert space.candidate(points[0]).recipe.epochs == 3
    assert [one.seed for one in asked.full(points)] == [0, 1]
    assert [one.seed for one in replace(asked, seeds=4).full(points)] == [0, 1, 3, 4]
    assert {one.seed for one in (short, small, proxy)} == {2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample": 29}, "a sample of 29 candidates is too small: rank correlations"),
        ({"seeds": 1}, "--seeds 1: only a second full training"),
        (
            {"base": settings(estimator="synflow", objectives=("synflow",))},
            "does not depend on a seed",
        ),
    ],
)
def test_a_plan_that_gives_no_ranking_is_an_error(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        plan(**changes)


@pytest.mark.parametrize("name", ["sinflow", "train,epoch=1", "train,fraction=2"])
def test_an_unknown_estimator_is_an_error_before_anything_is_trained(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=f"--estimators {name}: "):
        rank_estimators(plan(estimators=(name,)), run_context(tmp_path))
    assert not (tmp_path / "study.db").exists()


@pytest.mark.slow
def test_the_command_continues_after_ctrl_c_and_trains_nothing_twice(tmp_path: Path) -> None:
    process = command(*TRIED_OUT, "--workers", "1", cwd=tmp_path)
    _wait_for(3, tmp_path)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "The same command continues from there." in err
    code, out, _ = invoke(*TRIED_OUT, "--workers", "1", cwd=tmp_path)
    assert code == 0
    report = json.loads(out)
    assert report["candidates"] == 30
    assert [row["name"] for row in report["estimators"]] == [PERFECT, USELESS]
    _each_is_trained_once(tmp_path)


def _wait_for(done: int, folder: Path) -> None:
    """Wait until this number of trials of all studies is complete."""
    deadline = time.monotonic() + 100
    complete = 0
    while complete < done:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        with contextlib.suppress(StorageError):  # the storage is being created
            stored = itertools.chain.from_iterable(trials(folder).values())
            complete = sum(record.state == "complete" for record in stored)


def _each_is_trained_once(folder: Path) -> None:
    for name, records in trials(folder).items():
        done = [r.candidate_id for r in records if r.state == "complete"]
        assert len(done) == len(set(done)) == 30, name
        epochs = sum(record.epochs - record.restored for record in records)
        assert epochs <= 3 * 30 + 3 * sum(record.state == "failed" for record in records)


@pytest.mark.slow
def test_a_ranking_killed_three_times_equals_the_uninterrupted_one(tmp_path: Path) -> None:
    arguments = (
        "rank-estimators", "seed", "--dataset", "digits", "--reference", "synthetic",
        "--sample", "30", "--estimators", "train,epochs=1,fraction=0.2", "--precision", "float32",
        "--workers", "1", "--quiet", "--format", "json",
    )  # fmt: skip
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    code, expected, _ = invoke(*arguments, cwd=whole)
    assert code == 0
    for done in (5, 40, 65):
        process = command(*arguments, cwd=killed)
        _wait_for(done, killed)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    code, found, _ = invoke(*arguments, cwd=killed)
    assert code == 0
    assert _figures(found) == _figures(expected)


def _figures(text: str) -> list[tuple[object, ...]]:
    """Return what does not depend on the clock."""
    found = json.loads(text)
    rows = [found["ceiling"], *found["counts"], *found["estimators"]]
    return [(row["name"], row["tau"], row["five_regret"]) for row in rows]
