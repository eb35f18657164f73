"""Rankings by estimators of known quality, and the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from study.common.errors import EvaluationError, SettingsError
from study.rank_estimators.ranking import (
    COUNTS,
    EstimatorRanking,
    RankingRow,
    ScoredSample,
    TrainedCandidate,
    rank,
)
from study.rank_estimators.run import paired_trainings, scored
from study.rank_estimators.stratified_sample import stratified_sample
from study.report.markdown import render_markdown
from study.report.rank_estimators import describe_ranking, ranking_document
from study.search_space.candidate import OCTMNIST, Values
from study.search_space.parameter import CategoricalParameter, FloatParameter, IntParameter
from study.search_space.resolve import candidate_id, complexity, resolve
from study.search_space.space import Bound, SearchSpace
from study.statistics.ranks import Array
from study.storage.records import TrialRecord

SEED_SPACE = SearchSpace(
    name="seed.yaml",
    parameters=(
        IntParameter(name="conv_layers", low=1, high=5),
        IntParameter(name="hidden_units", low=16, high=512),
        CategoricalParameter(name="dropout", choices=(0.2, 0.3, 0.4, 0.5)),
    ),
)


def candidate(number: int, runs: Sequence[float], **counts: int) -> TrainedCandidate:
    values = {name: number for name in COUNTS} | counts
    return TrainedCandidate(candidate_id=f"c{number}", runs=tuple(runs), seconds=10.0, **values)


def sample_of(n: int, *, seeds: int = 2) -> tuple[list[TrainedCandidate], Array]:
    """Return candidates and their true values.

    The MACs of the convolutions rise with the true value, and the parameters fall with it.
    """
    rng = np.random.default_rng(7)
    truth = rng.normal(0.8, 0.05, n)
    sample = [
        candidate(
            i,
            value + 0.02 * rng.standard_normal(seeds),
            parameters=int(1e5 - 1e5 * value + rng.integers(3000)),
            macs=int(rng.integers(1000)),
            conv_macs=int(1e6 * value + 1e5 * rng.standard_normal()),
        )
        for i, value in enumerate(truth)
    ]
    return sample, truth


def scores_of(
    name: str, values: Array, *, seconds: float = 50.0, fixed: float = 0.0
) -> ScoredSample:
    scores = {f"c{i}": float(value) for i, value in enumerate(values)}
    return ScoredSample(name=name, scores=scores, seconds=seconds, fixed_seconds=fixed)


@pytest.fixture(scope="module")
def ranking() -> EstimatorRanking:
    sample, truth = sample_of(60)
    rng = np.random.default_rng(3)
    estimators = [
        scores_of("good", truth + 0.01 * rng.standard_normal(60), seconds=40, fixed=60),
        scores_of("noise", rng.standard_normal(60)),
        scores_of("dear", truth, seconds=6000),
        scores_of("half", truth[:20]),
        scores_of("flat", np.zeros(60)),
    ]
    return rank(sample, estimators, seed=0)


def row_of(ranking: EstimatorRanking, name: str) -> RankingRow:
    rows = (ranking.ceiling, *ranking.counts, *ranking.estimators)
    return next(row for row in rows if row.name == name)


def runs_of(sample: Sequence[TrainedCandidate]) -> Array:
    """Return the runs of a sample, (seeds, candidates)."""
    return np.array([one.runs for one in sample]).T


def tau_of(row: RankingRow) -> float:
    assert row.tau is not None
    assert row.tau.interval.low <= row.tau.value <= row.tau.interval.high
    return row.tau.value


def test_trainings_and_estimators_are_correlated_with_each_training(
    ranking: EstimatorRanking,
) -> None:
    sample, _ = sample_of(60)
    first, second = runs = runs_of(sample)
    assert tau_of(ranking.ceiling) == pytest.approx(kendalltau(first, second).statistic)
    macs = [one.conv_macs for one in sample]
    expected = np.mean([kendalltau(macs, run).statistic for run in runs])
    assert tau_of(row_of(ranking, "conv_macs")) == pytest.approx(expected)
    assert ranking.best_count == "conv_macs"


def test_better_estimators_rank_better(ranking: EstimatorRanking) -> None:
    assert tau_of(row_of(ranking, "good")) > tau_of(row_of(ranking, "noise")) + 0.3
    advantage = row_of(ranking, "good").advantage
    assert advantage is not None
    assert advantage.low > -0.1


def test_fixed_costs_count(ranking: EstimatorRanking) -> None:
    assert row_of(ranking, "good").speed_up == pytest.approx(600 / 100)
    assert row_of(ranking, "dear").speed_up == pytest.approx(0.1)
    assert row_of(ranking, "macs").free
    assert row_of(ranking, "macs").speed_up is None


@pytest.mark.slow
def test_choosing_the_top_quarter_does_not_bias_its_correlation() -> None:
    rng = np.random.default_rng(0)
    taus = []
    for repeat in range(40):  # all candidates equal: only an artefact could correlate
        sample = [candidate(i, runs) for i, runs in enumerate(rng.standard_normal((60, 2)))]
        row = row_of(rank(sample, [], seed=repeat), "macs")
        assert row.top_tau is not None
        taus.append(row.top_tau.value)
    assert abs(np.mean(taus)) < 0.1


def test_one_run_gives_the_top_quarter_and_another_its_order() -> None:
    sample, truth = sample_of(40)
    runs = runs_of(sample)
    expected = []
    for chosen_by, judged_by in (runs, runs[::-1]):
        top = np.argsort(-chosen_by)[:10]
        expected.append(kendalltau(truth[top], judged_by[top]).statistic)
    row = row_of(rank(sample, [scores_of("truth", truth)], seed=0), "truth")
    assert row.top_tau is not None
    assert row.top_tau.value == pytest.approx(np.mean(expected))


def test_the_ceiling_in_the_top_quarter_needs_a_third_seed(ranking: EstimatorRanking) -> None:
    assert ranking.ceiling.top_tau is None
    with_three = rank(sample_of(40, seeds=3)[0], [], seed=0)
    assert with_three.ceiling.top_tau is not None


def test_an_estimator_that_failed_too_often_has_no_figures(ranking: EstimatorRanking) -> None:
    assert row_of(ranking, "half").problem == "scored 20 of 60 candidates; 30 are needed"
    assert row_of(ranking, "flat").problem == "gives every candidate the same score"


def test_failing_on_the_best_candidates_is_regretted_and_buys_no_speed() -> None:
    sample, truth = sample_of(40)
    right = scores_of("right", truth)
    worst = np.argsort(truth)[:35]
    failing = replace(right, name="failing", scores={f"c{i}": float(truth[i]) for i in worst})
    ranking = rank(sample, [right, failing], seed=0)
    runs = runs_of(sample)
    expected = np.mean([run.max() - run[worst[-1]] for run in runs])
    assert row_of(ranking, "failing").first_regret == pytest.approx(expected)
    assert expected > (row_of(ranking, "right").first_regret or 0.0)
    assert row_of(ranking, "failing").speed_up == pytest.approx(400 / 50)


def test_the_same_seed_gives_the_same_report() -> None:
    sample, truth = sample_of(30)
    assert rank(sample, [scores_of("a", truth)], seed=1) == rank(
        sample, [scores_of("a", truth)], seed=1
    )


def test_the_report_has_every_row_and_describes_what_misleads_and_what_is_gained(
    ranking: EstimatorRanking,
) -> None:
    text = render_markdown(ranking_document(replace(ranking, space="seed.yaml")))
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 1 + 3 + 5 + 1
    assert {line.count("|") for line in table} == {9}
    described = describe_ranking(replace(ranking, space="seed.yaml"))
    for words in (
        "`parameters` misleads: τ is below 0.",
        "`dear` costs more than training the sample.",
        "On seed.yaml, `dear` has τ ",
        "10 times the cost of full training",
    ):
        assert words in described
    assert described.endswith("not shown to rank better than `conv_macs`, which is free.")
    assert text.rstrip().endswith("which is free.")


@pytest.mark.parametrize("n", [0, 1, 29])
def test_a_sample_under_thirty_is_an_error(n: int) -> None:
    with pytest.raises(SettingsError, match="too small: rank correlations"):
        rank(sample_of(n)[0], [], seed=0)


def test_runs_that_cannot_be_compared_are_an_error() -> None:
    sample, _ = sample_of(30, seeds=1)
    with pytest.raises(EvaluationError, match="have 1 full trainings; each needs the same number"):
        rank(sample, [], seed=0)
    broken, _ = sample_of(30)
    broken[3] = candidate(3, (0.5, math.nan))
    with pytest.raises(EvaluationError, match="candidate c3: a score is not finite"):
        rank(broken, [], seed=0)


def test_trainings_that_never_vary_are_reported_as_such() -> None:
    sample = [candidate(i, (0.5, 0.5)) for i in range(30)]
    assert describe_ranking(replace(rank(sample, [], seed=0), space="flat")) == (
        "The full trainings do not vary, so nothing can be ranked. On flat, no estimator was run."
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
    records = [record(0, "a", 3.0), record(1, "b", None, state="failed")]
    assert scored("synflow", records, maximise=True) == ScoredSample(
        name="synflow", scores={"a": 3.0}, seconds=2.5
    )


def macs_of(space: SearchSpace, sample: Sequence[Values]) -> list[int]:
    architectures = (space.candidate(values).architecture for values in sample)
    return [complexity(resolve(architecture, OCTMNIST)).macs for architecture in architectures]


def test_a_stratified_sample_is_spread_over_the_macs_without_duplicates() -> None:
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


def test_a_sample_satisfies_the_constraints() -> None:
    bounded = SearchSpace(
        name="bounded",
        parameters=SEED_SPACE.parameters,
        constraints={"parameters": Bound(high=300_000)},
    )
    sample = stratified_sample(bounded, OCTMNIST, size=30, seed=0)
    assert all(bounded.allows(values, OCTMNIST) for values in sample)


def test_a_space_too_small_to_be_sampled_is_an_error() -> None:
    tiny = SearchSpace(
        name="tiny", parameters=(FloatParameter(name="dropout", low=0.0, high=0.4, step=0.1),)
    )
    with pytest.raises(EvaluationError, match="tiny: only 5 different candidates found"):
        stratified_sample(tiny, OCTMNIST, size=30, seed=0)
