"""What Optuna suggests for a space is a point of that space."""

from __future__ import annotations

from typing import Any

import optuna
import pytest
from hypothesis import given

from study.search_space.candidate import OCTMNIST, Values
from study.search_space.parameter import FloatParameter, same_value
from study.search_space.reading.loading import load_space, shipped_spaces, space_from_text
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace
from tests.search_space.strategies import as_yaml, valid_documents

optuna.logging.set_verbosity(optuna.logging.WARNING)


def _suggested(space: SearchSpace, trials: int) -> list[tuple[Values, Values]]:
    """What ``suggest`` returned and what Optuna stored, for each trial."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    pairs: list[tuple[Values, Values]] = []
    for _ in range(trials):
        trial = study.ask()
        pairs.append((space.suggest(trial), trial.params))
        study.tell(trial, 0.0)
    return pairs


def _are_a_point(space: SearchSpace, values: Values) -> bool:
    active = [p for p in space.parameters if space.is_active(p, values)]
    return [p.name for p in active] == list(values)


@pytest.mark.parametrize("name", shipped_spaces())
def test_suggested_values_are_a_point_and_are_what_optuna_stores(name: str) -> None:
    space = load_space(name)
    for values, stored in _suggested(space, 30):
        assert _are_a_point(space, values)
        assert values == stored


@given(valid_documents())
def test_optuna_takes_every_sound_space_without_a_warning(document: dict[str, Any]) -> None:
    space = space_from_text(as_yaml(document), source="drawn.yaml")
    assert all(_are_a_point(space, values) for values, _ in _suggested(space, 3))


def test_stepped_numbers_name_the_same_candidates_as_the_grid() -> None:
    dropout = FloatParameter(name="dropout", low=0.0, high=0.9, step=0.1)
    space = SearchSpace(name="steps", parameters=(dropout,))
    grid = {candidate_id(space.candidate(point), OCTMNIST) for point in space.points()}
    drawn = {candidate_id(space.candidate(v), OCTMNIST) for v, _ in _suggested(space, 100)}
    assert drawn == grid


def test_choices_keep_their_type() -> None:
    space = space_from_text(
        "parameters: {flip: {type: categorical, choices: [false, true]},"
        " dropout: {type: categorical, choices: [0, 0.5]}}"
    )
    for values, _ in _suggested(space, 20):
        assert any(same_value(values["flip"], choice) for choice in (False, True))
        assert isinstance(values["dropout"], float)
