"""Tests of study/rank_estimators/judging.py and what it is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau, spearmanr

from study.common.errors import EvaluationError, SettingsError
from study.performance_estimation.synthetic import SyntheticEstimator, SyntheticOptions
from study.rank_estimators.judging import TrustReport, judge, paired_trainings, scored
from study.rank_estimators.rows import Scored, Trained, TrustRow
from study.rank_estimators.stratified_sample import stratified_sample
from study.report.rank_estimators_text import reading, trust_text
from study.search_space.candidate import OCTMNIST
from study.search_space.parameter import CategoricalParameter, FloatParameter, IntParameter
from study.search_space.resolve import candidate_id, complexity, resolve
from study.search_space.space import Bound, SearchSpace
from study.statistics.ranks import Array, kendall, random_regret, regret, resamples, spearman
from study.storage.records import TrialRecord

SEED_SPACE = SearchSpace(
    name="seed.yaml",
    parameters=(
        IntParameter(name="conv_layers", low=1, high=5),
        IntParameter(name="hidden_units", low=16, high=512),
        CategoricalParameter(name="dropout", choices=(0.2, 0.3, 0.4, 0.5)),
    ),
)
small_numbers = st.integers(-3, 3).map(float)
unhurried = settings(deadline=None, max_examples=60)


@st.composite
def two_columns(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    n = draw(st.integers(4, 12))
    x, y = (draw(arrays(float, n, elements=small_numbers)) for _ in range(2))
    return x, y, draw(arrays(float, (1, n), elements=st.integers(0, 3).map(float)))


@unhurried
@given(two_columns())
def test_coefficients_of_a_resample_are_those_of_its_repeated_candidates(
    columns: tuple[Array, Array, Array],
) -> None:
    x, y, weights = columns
    times = weights[0].astype(int)
    drawn_x, drawn_y = np.repeat(x, times), np.repeat(y, times)
    if len(set(drawn_x)) < 2 or len(set(drawn_y)) < 2:
        assert np.isnan(kendall(x, y, weights)).all()
        assert np.isnan(spearman(x, y, weights)).all()
        return
    assert kendall(x, y, weights)[0] == pytest.approx(kendalltau(drawn_x, drawn_y).statistic)
    assert spearman(x, y, weights)[0] == pytest.approx(spearmanr(drawn_x, drawn_y).statistic)


def test_a_resample_draws_as_many_as_there_are() -> None:
    drawn = resamples(30, count=200, seed=1)
    assert drawn.shape == (200, 30)
    assert (drawn.sum(axis=1) == 30).all()
    assert (drawn == resamples(30, count=200, seed=1)).all()


def test_regret_is_averaged_over_the_order_of_equal_scores() -> None:
    judges = [np.array([0.9, 0.5, 0.1])]
    assert regret(np.array([0.0, 1.0, 0.0]), judges, picks=1, seed=0) == pytest.approx(0.4)
    assert regret(np.array([0.0, 1.0, 0.0]), judges, picks=2, seed=0) == pytest.approx(
        0.2, abs=0.08
    )
    assert regret(np.array([3.0, 2.0, 1.0]), judges, picks=1, seed=0) == 0.0


def test_random_regret_is_the_expectation_over_all_picks() -> None:
    judge_values = np.array([0.1, 0.5, 0.9])
    assert random_regret(judge_values, 1) == pytest.approx(0.4)
    assert random_regret(judge_values, 2) == pytest.approx((0 + 0 + 0.4) / 3)
    assert random_regret(judge_values, 3) == 0.0


def sample_of(n: int, *, seeds: int = 2, noise: float = 0.02) -> tuple[list[Trained], Array]:
    """Candidates with a known true value, MACs that follow it and parameters that go against."""
    rng = np.random.default_rng(7)
    truth = rng.normal(0.8, 0.05, n)
    sample = [
        Trained(
            candidate_id=f"c{i}",
            runs=tuple(truth[i] + noise * rng.standard_normal(seeds)),
            seconds=10.0,
            parameters=int(1e5 - 1e5 * truth[i] + rng.integers(3000)),
            macs=int(rng.integers(1000)),
            conv_macs=int(1e6 * truth[i] + 1e5 * rng.standard_normal()),
        )
        for i in range(n)
    ]
    return sample, truth


def scores_of(name: str, values: Array, *, seconds: float = 50.0, fixed: float = 0.0) -> Scored:
    scores = {f"c{i}": float(value) for i, value in enumerate(values)}
    return Scored(name=name, scores=scores, seconds=seconds, fixed_seconds=fixed)


@pytest.fixture(scope="module")
def report() -> TrustReport:
    sample, truth = sample_of(60)
    rng = np.random.default_rng(3)
    estimators = [
        scores_of("good", truth + 0.01 * rng.standard_normal(60), seconds=40, fixed=60),
        scores_of("noise", rng.standard_normal(60)),
        scores_of("dear", truth, seconds=6000),
        scores_of("half", truth[:20]),
        scores_of("flat", np.zeros(60)),
    ]
    return judge(sample, estimators, seed=0)


def row_of(report: TrustReport, name: str) -> TrustRow:
    rows = (report.ceiling, *report.counts, *report.estimators)
    return next(row for row in rows if row.name == name)


def tau_of(row: TrustRow) -> float:
    assert row.tau is not None
    assert row.tau.interval.low <= row.tau.value <= row.tau.interval.high
    return row.tau.value


def test_the_ceiling_is_the_agreement_of_two_trainings(report: TrustReport) -> None:
    sample, _ = sample_of(60)
    first, second = np.array([one.runs for one in sample]).T
    assert tau_of(report.ceiling) == pytest.approx(kendalltau(first, second).statistic)


def test_an_estimator_is_correlated_with_each_training(report: TrustReport) -> None:
    sample, _ = sample_of(60)
    runs = np.array([one.runs for one in sample]).T
    macs = [one.conv_macs for one in sample]
    expected = np.mean([kendalltau(macs, run).statistic for run in runs])
    assert tau_of(row_of(report, "conv_macs")) == pytest.approx(expected)
    assert report.best_count == "conv_macs"


def test_better_estimators_rank_better(report: TrustReport) -> None:
    assert tau_of(row_of(report, "good")) > tau_of(row_of(report, "noise")) + 0.3
    advantage = row_of(report, "good").advantage
    assert advantage is not None
    assert advantage.low > -0.1


def test_fixed_costs_count(report: TrustReport) -> None:
    assert row_of(report, "good").speed_up == pytest.approx(600 / 100)
    assert row_of(report, "dear").speed_up == pytest.approx(0.1)
    assert row_of(report, "macs").speed_up == math.inf


def test_the_top_quarter_is_judged_by_another_run_than_it_is_chosen_by() -> None:
    rng = np.random.default_rng(0)
    taus = []
    for repeat in range(40):  # all candidates equal: only an artefact could correlate
        runs = rng.standard_normal((60, 2))
        sample = [
            Trained(
                candidate_id=f"c{i}", runs=tuple(runs[i]), seconds=1.0,
                parameters=i, macs=i, conv_macs=i,
            )
            for i in range(60)
        ]  # fmt: skip
        row = row_of(judge(sample, [], seed=repeat), "macs")
        assert row.top_tau is not None
        taus.append(row.top_tau.value)
    assert abs(np.mean(taus)) < 0.1


def test_the_top_quarter_is_that_of_the_one_and_the_order_that_of_the_other_run() -> None:
    sample, truth = sample_of(40)
    runs = np.array([one.runs for one in sample]).T
    expected = []
    for chosen_by, judged_by in (runs, runs[::-1]):
        top = np.argsort(-chosen_by)[:10]
        expected.append(kendalltau(truth[top], judged_by[top]).statistic)
    row = row_of(judge(sample, [scores_of("truth", truth)], seed=0), "truth")
    assert row.top_tau is not None
    assert row.top_tau.value == pytest.approx(np.mean(expected))


def test_the_ceiling_in_the_top_quarter_needs_a_third_seed(report: TrustReport) -> None:
    assert report.ceiling.top_tau is None
    with_three = judge(sample_of(40, seeds=3)[0], [], seed=0)
    assert with_three.ceiling.top_tau is not None


def test_an_estimator_that_failed_too_often_has_no_figures(report: TrustReport) -> None:
    assert row_of(report, "half").problem == "scored 20 of 60 candidates; 30 are needed"
    assert row_of(report, "flat").problem == "gives every candidate the same score"


def test_failing_on_the_best_candidates_is_regretted_and_buys_no_speed() -> None:
    sample, truth = sample_of(40)
    right = scores_of("right", truth)
    worst = np.argsort(truth)[:35]
    failing = replace(right, name="failing", scores={f"c{i}": float(truth[i]) for i in worst})
    report = judge(sample, [right, failing], seed=0)
    runs = np.array([one.runs for one in sample]).T
    expected = np.mean([run.max() - run[worst[-1]] for run in runs])
    assert row_of(report, "failing").first_regret == pytest.approx(expected)
    assert expected > (row_of(report, "right").first_regret or 0.0)
    assert row_of(report, "failing").speed_up == pytest.approx(400 / 50)


def test_the_same_seed_gives_the_same_report() -> None:
    sample, truth = sample_of(30)
    assert judge(sample, [scores_of("a", truth)], seed=1) == judge(
        sample, [scores_of("a", truth)], seed=1
    )


def test_the_reading_says_what_misleads_and_what_buys_what(report: TrustReport) -> None:
    text = reading(report, space="seed.yaml")
    assert "Two full trainings of the same candidates agree at τ " in text
    assert "`parameters` misleads: τ is below 0." in text
    assert "`dear` costs more than training the sample." in text
    assert "On seed.yaml, `dear` buys τ " in text
    assert "10 times the price of full training" in text
    assert text.endswith("not shown to rank better than `conv_macs`, which is free.")


def test_the_text_has_a_row_for_everything_and_ends_with_the_reading(report: TrustReport) -> None:
    text = trust_text(report, space="seed.yaml", metric="val_accuracy")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 1 + 3 + 5 + 1
    assert {line.count("|") for line in table} == {9}
    assert text.endswith(reading(report, space="seed.yaml"))


@pytest.mark.parametrize("n", [0, 1, 29])
def test_a_sample_under_thirty_is_refused_with_the_reason(n: int) -> None:
    with pytest.raises(SettingsError, match="too small: rank correlations"):
        judge(sample_of(n)[0], [], seed=0)


def test_runs_that_cannot_be_compared_are_refused() -> None:
    sample, _ = sample_of(30, seeds=1)
    with pytest.raises(EvaluationError, match="have 1 full trainings; each needs the same two"):
        judge(sample, [], seed=0)
    broken, _ = sample_of(30)
    broken[3] = Trained(
        candidate_id="c3", runs=(0.5, math.nan), seconds=1.0, parameters=1, macs=1, conv_macs=1
    )
    with pytest.raises(EvaluationError, match="candidate c3: a score is not finite"):
        judge(broken, [], seed=0)


def test_trainings_that_never_vary_are_reported_as_such() -> None:
    sample = [
        Trained(
            candidate_id=f"c{i}", runs=(0.5, 0.5), seconds=1.0, parameters=i, macs=i, conv_macs=i
        )
        for i in range(30)
    ]
    text = reading(judge(sample, [], seed=0), space="flat")
    assert text == (
        "The full trainings do not vary, so nothing can be ranked. "
        "On flat, no estimator was asked."
    )


def record(number: int, name: str, value: float | None, *, state: str = "complete") -> TrialRecord:
    return TrialRecord(
        number=number,
        state=state,  # type: ignore[arg-type]
        objectives=() if value is None else (value,),
        candidate_id=name,
        parameters=10,
        macs=20,
        conv_macs=5,
        seconds=2.0 if value is not None else 0.5,
    )


def test_candidates_are_paired_over_the_studies_of_two_seeds() -> None:
    first = [record(0, "a", 0.3), record(1, "b", 0.4), record(2, "c", None, state="failed")]
    second = [record(0, "b", 0.5), record(1, "a", 0.2), record(2, "c", 0.9)]
    pairs = paired_trainings([first, second], maximise=False)
    assert {one.candidate_id: one.runs for one in pairs} == {"a": (-0.3, -0.2), "b": (-0.4, -0.5)}


def test_the_time_of_failed_scores_counts() -> None:
    said = scored(
        "synflow", [record(0, "a", 3.0), record(1, "b", None, state="failed")], maximise=True
    )
    assert said == Scored(name="synflow", scores={"a": 3.0}, seconds=2.5)


def macs_of(space: SearchSpace, sample: Sequence[object]) -> list[int]:
    return [
        complexity(resolve(space.candidate(values).architecture, OCTMNIST)).macs  # type: ignore[arg-type]
        for values in sample
    ]


def test_a_stratified_sample_is_spread_over_the_macs_and_has_no_twins() -> None:
    sample = stratified_sample(SEED_SPACE, OCTMNIST, size=50, seed=1)
    ids = {candidate_id(SEED_SPACE.candidate(values), OCTMNIST) for values in sample}
    assert len(sample) == len(ids) == 50
    macs = macs_of(SEED_SPACE, sample)
    assert macs == sorted(macs)
    drawn = np.random.default_rng(0)
    plain = np.sort(macs_of(SEED_SPACE, [SEED_SPACE.sample(drawn) for _ in range(2000)]))
    for share in (0.1, 0.5, 0.9):
        assert np.mean(plain <= np.quantile(macs, share)) == pytest.approx(share, abs=0.15)


def test_a_sample_is_a_function_of_its_seed() -> None:
    one, again, other = (
        stratified_sample(SEED_SPACE, OCTMNIST, size=30, seed=seed) for seed in (1, 1, 2)
    )
    assert one == again != other


def test_a_sample_keeps_to_the_constraints() -> None:
    bounded = SearchSpace(
        name="bounded",
        parameters=SEED_SPACE.parameters,
        constraints={"parameters": Bound(high=300_000)},
    )
    sample = stratified_sample(bounded, OCTMNIST, size=30, seed=0)
    assert all(bounded.allows(values, OCTMNIST) for values in sample)


def test_a_space_too_small_to_be_sampled_is_refused() -> None:
    tiny = SearchSpace(
        name="tiny", parameters=(FloatParameter(name="dropout", low=0.0, high=0.4, step=0.1),)
    )
    with pytest.raises(EvaluationError, match="tiny: only 5 different candidates found"):
        stratified_sample(tiny, OCTMNIST, size=30, seed=0)


def test_from_a_sample_of_a_space_to_the_text() -> None:
    sample = stratified_sample(SEED_SPACE, OCTMNIST, size=30, seed=0)
    candidates = {
        candidate_id(candidate, OCTMNIST): candidate
        for candidate in (SEED_SPACE.candidate(values) for values in sample)
    }

    def study(estimator: SyntheticEstimator, seed: int) -> list[TrialRecord]:
        return [
            record(
                number,
                name,
                estimator.estimate(one, seed=seed, report=lambda _: None).metrics["val_accuracy"],
            )
            for number, (name, one) in enumerate(candidates.items())
        ]

    full = paired_trainings([study(SyntheticEstimator(), seed) for seed in (1, 2)], maximise=True)
    quick = scored(
        "one epoch",
        study(SyntheticEstimator(options=SyntheticOptions(epochs=1)), 3),
        maximise=True,
    )
    report = judge(full, [quick], seed=0)
    assert tau_of(row_of(report, "one epoch")) > 0.3
    assert "| one epoch | 30 |" in trust_text(report, space="seed", metric="val_accuracy")
