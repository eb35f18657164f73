"""What every sampler must do; a new entry of ``SAMPLERS`` is tested by being there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import optuna
import pytest

from study.common.errors import SettingsError
from study.search_space.parameter import grid_values
from study.search_strategy.registry import SAMPLERS
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import History, Observation, Strategy, generator
from tests.search_strategy.landscapes import (
    CONDITIONAL,
    FLAT,
    assert_is_point,
    constant,
    make_strategy,
    mixed,
    play,
    separable,
)

NAMES = [pytest.param(name, marks=pytest.mark.slow) if name == "gp" else name for name in SAMPLERS]
"""Every sampler; the one with the costly asks is played in the slow suite."""


def trials_for(name: str, usual: int) -> int:
    """Return how many trials are played: few more than the random ones where asks are costly."""
    return 14 if name == "gp" else usual


def strategy_for(name: str, context: StrategyContext) -> Strategy:
    """Return the strategy, or skip the test where the sampler does not fit the space."""
    try:
        return make_strategy(name, context)
    except SettingsError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(verbosity)


@pytest.mark.parametrize("name", NAMES)
def test_proposes_points_of_the_space_with_failures_and_conditions_about(name: str) -> None:
    strategy = strategy_for(name, StrategyContext(space=CONDITIONAL, budget=40, seed=3))
    trials = trials_for(name, 40)
    for observation in play(strategy, CONDITIONAL, mixed, trials=trials, seed=3):
        assert_is_point(dict(observation.values), CONDITIONAL)
        json.dumps(dict(observation.notes))


@pytest.mark.parametrize("name", NAMES)
def test_a_rebuilt_strategy_goes_on_bit_for_bit(name: str) -> None:
    context = StrategyContext(space=CONDITIONAL, budget=36, seed=5)
    trials = trials_for(name, 36)
    whole = play(strategy_for(name, context), CONDITIONAL, mixed, trials=trials, seed=5)
    known = whole[: trials - 3 if name == "gp" else 21]
    resumed = play(
        strategy_for(name, context), CONDITIONAL, mixed, trials=trials, seed=5, known=known
    )
    assert resumed == whole


@pytest.mark.parametrize("name", NAMES)
def test_what_arrives_late_is_folded_in_its_place(name: str) -> None:
    context = StrategyContext(space=CONDITIONAL, budget=40, seed=7)
    trials = trials_for(name, 30)
    known = play(strategy_for(name, context), CONDITIONAL, mixed, trials=trials, seed=7)
    early, recent = known[6], known[-3]
    late = strategy_for(name, context)
    without = History(
        space=CONDITIONAL,
        observations=tuple(o for o in known if o not in (early, recent)),
        running=(early.values, recent.values),
        sequence_index=trials,
        budget=40,
    )
    late.propose(without, generator(7, "propose", trials, 0))
    complete = History(
        space=CONDITIONAL, observations=tuple(known), sequence_index=trials + 1, budget=40
    )
    expected = strategy_for(name, context).propose(
        complete, generator(7, "propose", trials + 1, 0)
    )
    assert late.propose(complete, generator(7, "propose", trials + 1, 0)) == expected


REPLAY = """
import json, sys
from tests.search_strategy.landscapes import CONDITIONAL, make_strategy, mixed, play
from study.search_strategy.sampler import StrategyContext
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
for name in sys.argv[1:]:
    strategy = make_strategy(name, StrategyContext(space=CONDITIONAL, budget=30, seed=11))
    played = play(strategy, CONDITIONAL, mixed, trials=14, seed=11)
    print(json.dumps([dict(o.values) for o in played]))
"""


def _played_in_another_process(names: list[str], *, hash_seed: str, threads: str) -> list[str]:
    """Return a line for each sampler, in a process of its own."""
    replay = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REPLAY, *names],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": hash_seed, "PATH": "", "OMP_NUM_THREADS": threads},
    )
    return replay.stdout.splitlines()


@pytest.mark.parametrize(
    "names",
    [[name for name in SAMPLERS if name != "gp"], pytest.param(["gp"], marks=pytest.mark.slow)],
    ids=["cheap", "gp"],
)
def test_another_process_proposes_the_same_bits(names: list[str]) -> None:
    first = _played_in_another_process(names, hash_seed="1", threads="1")
    second = _played_in_another_process(names, hash_seed="2", threads="2")
    assert len(first) == len(names)
    assert dict(zip(names, first, strict=True)) == dict(zip(names, second, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_proposes_something_else(name: str) -> None:
    first, second = (
        play(
            strategy_for(name, StrategyContext(space=FLAT, budget=12, seed=seed)),
            FLAT,
            separable,
            trials=12,
            seed=seed,
        )
        for seed in (1, 2)
    )
    assert [o.values for o in first] != [o.values for o in second]


@pytest.mark.parametrize("name", NAMES)
def test_proposes_with_nothing_but_failed_and_pruned_trials(name: str) -> None:
    context = StrategyContext(space=CONDITIONAL, budget=40, seed=2)
    rng = np.random.default_rng(0)
    observations = tuple(
        Observation(
            number=number,
            values=CONDITIONAL.sample(rng),
            outcome="failed" if number % 2 else "pruned",
            scores=() if number % 2 else (float(number),),
            step=1,
            candidate_id=str(number),
        )
        for number in range(24)
    )
    history = History(space=CONDITIONAL, observations=observations, sequence_index=24, budget=40)
    proposal = strategy_for(name, context).propose(history, generator(2, "propose", 24, 0))
    assert_is_point(proposal.values, CONDITIONAL)


@pytest.mark.parametrize("name", NAMES)
def test_a_budget_is_not_needed(name: str) -> None:
    strategy = strategy_for(name, StrategyContext(space=FLAT))
    history = History(space=FLAT, observations=())
    assert_is_point(strategy.propose(history, generator(0, "x")).values, FLAT)


@pytest.mark.parametrize("name", NAMES)
def test_constant_scores_do_no_harm(name: str) -> None:
    strategy = strategy_for(name, StrategyContext(space=FLAT, budget=40))
    trials = trials_for(name, 40)
    assert len(play(strategy, FLAT, constant, trials=trials, seed=0)) == trials


def test_the_mapping_is_read_without_torch_and_optuna() -> None:
    code = (
        "import sys; from study.search_strategy.registry import SAMPLERS; "
        "print(len(SAMPLERS)); assert not {'torch', 'optuna', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_the_conditional_space_has_a_grid() -> None:
    assert all(grid_values(parameter) for parameter in CONDITIONAL.parameters)
