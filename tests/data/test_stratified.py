from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from study.data.stratified import stratified_subset

label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=200)
fractions = st.floats(0.01, 1.0)


@given(labels=label_lists, fraction=fractions, seed=st.integers(0, 2**63))
@settings(deadline=None)
def test_a_subset_keeps_the_share_of_every_class(
    labels: list[int], fraction: float, seed: int
) -> None:
    tensor = torch.tensor(labels)
    chosen = stratified_subset(tensor, fraction, seed)
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    for label in set(labels):
        have = labels.count(label)
        taken = int((tensor[chosen] == label).sum())
        assert taken >= 1
        assert abs(taken - fraction * have) <= max(0.5, 1 - fraction * have)


@given(labels=label_lists, low=fractions, high=fractions, seed=st.integers(0, 99))
@settings(deadline=None)
def test_a_smaller_subset_is_inside_a_larger_one(
    labels: list[int], low: float, high: float, seed: int
) -> None:
    tensor = torch.tensor(labels)
    low, high = sorted((low, high))
    small = set(stratified_subset(tensor, low, seed).tolist())
    assert small <= set(stratified_subset(tensor, high, seed).tolist())


def test_the_whole_is_everything_and_the_seed_decides() -> None:
    labels = torch.arange(1000) % 4
    assert torch.equal(stratified_subset(labels, 1.0, 3), torch.arange(1000))
    first = stratified_subset(labels, 0.1, 3)
    assert torch.equal(first, stratified_subset(labels, 0.1, 3))
    assert not torch.equal(first, stratified_subset(labels, 0.1, 4))
    assert len(first) == 100


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.01, float("nan")])
def test_a_fraction_outside_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="0 < fraction <= 1"):
        stratified_subset(torch.zeros(3, dtype=torch.int64), fraction, 0)
