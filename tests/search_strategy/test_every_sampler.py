"""What every sampler must do. A new entry of ``SAMPLERS`` is tested without a change here."""

from __future__ import annotations

import contextlib
import functools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.choices import options_of
from study.common.errors import SettingsError
from study.search_space.space import SearchSpace
from study.search_strategy.registry import PRUNERS, SAMPLERS, parse_sampler
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

DOCS = Path(__file__).resolve().parents[2] / "docs"

every_sampler = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name == "gp" else name for name in SAMPLERS],
)
"""Every sampler; ``gp`` with its costly asks runs with the slow tests."""


def trials_for(name: str, usual: int) -> int:
    """Return the number of trials to play: for ``gp`` a few more than its random ones."""
    return 14 if name == "gp" else usual


def strategy_for(name: str, space: SearchSpace, *, seed: int = 5) -> Strategy:
    """Return the strategy, or skip the test where the sampler does not fit the space."""
    try:
        return make_strategy(name, space, budget=36, seed=seed)
    except SettingsError as error:
        pytest.skip(str(error))


@functools.cache
def played(name: str) -> tuple[Observation, ...]:
    """Return one play on the conditional space, with failures; the tests share it."""
    strategy, trials = strategy_for(name, CONDITIONAL), trials_for(name, 36)
    return play(strategy, CONDITIONAL, mixed, trials=trials, seed=5)


@every_sampler
def test_proposals_are_points_of_the_space_and_can_be_stored(name: str) -> None:
    for observation in played(name):
        assert_is_point(observation.values, CONDITIONAL)
        json.dumps(dict(observation.notes))


@every_sampler
def test_a_rebuilt_strategy_continues_bit_for_bit(name: str) -> None:
    whole = played(name)
    known = whole[: len(whole) - 3 if name == "gp" else 21]
    strategy = strategy_for(name, CONDITIONAL)
    resumed = play(strategy, CONDITIONAL, mixed, trials=len(whole), seed=5, known=known)
    assert resumed == whole


@every_sampler
def test_a_late_trial_takes_its_position_in_the_history(name: str) -> None:
    known = played(name)
    early, recent, trials = known[6], known[-3], len(known)
    late = strategy_for(name, CONDITIONAL)
    without = History(
        space=CONDITIONAL,
        observations=tuple(o for o in known if o not in (early, recent)),
        running=(early.values, recent.values),
        sequence_index=trials,
        budget=40,
    )
    late.propose(without, generator(7, "propose", trials, 0))
    complete = History(space=CONDITIONAL, observations=known, sequence_index=trials + 1, budget=40)
    rngs = [generator(7, "propose", trials + 1, 0) for _ in range(2)]
    expected = strategy_for(name, CONDITIONAL).propose(complete, rngs[0])
    assert late.propose(complete, rngs[1]) == expected


REPLAY = """
import json, sys
from tests.search_strategy.test_every_sampler import played
import optuna
optuna.logging.set_verbosity(optuna.logging.WARNING)
for name in sys.argv[1:]:
    print(json.dumps([dict(o.values) for o in played(name)]))
"""


@pytest.mark.parametrize(
    "names",
    [["random", "auto", "tpe"], pytest.param(list(SAMPLERS), marks=pytest.mark.slow)],
    ids=["some", "all"],
)
def test_another_process_proposes_the_same_bits(names: list[str]) -> None:
    replay = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", REPLAY, *names],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "1", "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    here = {name: json.dumps([dict(o.values) for o in played(name)]) for name in names}
    assert dict(zip(names, replay.stdout.splitlines(), strict=True)) == here


@every_sampler
def test_another_seed_proposes_something_else(name: str) -> None:
    first, second = (
        play(strategy_for(name, FLAT, seed=seed), FLAT, separable, trials=12, seed=seed)
        for seed in (1, 2)
    )
    assert [o.values for o in first] != [o.values for o in second]


@every_sampler
def test_it_proposes_after_failed_and_pruned_trials_only(name: str) -> None:
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
    strategy = strategy_for(name, CONDITIONAL)
    assert_is_point(strategy.propose(history, generator(2, "draw")).values, CONDITIONAL)


@every_sampler
def test_it_works_without_a_budget_and_with_constant_scores(name: str) -> None:
    strategy = strategy_for(name, FLAT)
    first = strategy.propose(History(space=FLAT, observations=()), generator(0, "x"))
    assert_is_point(first.values, FLAT)
    trials = trials_for(name, 25)
    assert len(play(strategy, FLAT, constant, trials=trials, seed=0)) == trials


@given(st.text(max_size=30))
def test_any_text_is_either_parsed_or_a_settings_error(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert parse_sampler(text).name in SAMPLERS


@pytest.mark.parametrize("name", SAMPLERS)
def test_two_objectives_need_a_sampler_that_supports_them(name: str) -> None:
    sampler, context = parse_sampler(name), StrategyContext(space=FLAT, objectives=2)
    refused = pytest.raises(SettingsError, match=f"sampler {name}: .*one objective")
    with contextlib.nullcontext() if sampler.multi_objective else refused:
        sampler.validate(context)


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "cmaes"])
def test_an_ordinary_study_gets_no_warning(name: str) -> None:
    assert parse_sampler(name).warnings(StrategyContext(space=FLAT)) == ()


def test_gp_warns_of_what_it_cannot_learn() -> None:
    (warning,) = parse_sampler("gp").warnings(StrategyContext(space=FLAT, prunes=True))
    assert "pruned" in warning


@pytest.mark.parametrize(
    ("page", "registry"), [("strategies.md", SAMPLERS), ("pruners.md", PRUNERS)]
)
def test_the_page_has_the_table_of_options_that_the_classes_declare(
    page: str, registry: dict[str, type]
) -> None:
    text = (DOCS / page).read_text("utf-8")
    for name, cls in registry.items():
        assert f"`{name}`" in text
        for option, declared in options_of(cls).items():
            row = f"| `{name}` | `{option}` | {declared.default} | {declared.help} |"
            assert row in text, row
