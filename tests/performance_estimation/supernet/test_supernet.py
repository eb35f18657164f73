"""Tests of the supernet: shared weights, paths, training, scores, estimator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from study.common.errors import SettingsError, StudyError
from study.network.build import build
from study.network.forward import normalise
from study.performance_estimation.estimator import EstimateFailed, Interrupted
from study.performance_estimation.registry import parse_estimator
from study.performance_estimation.supernet import supernet as training_of_supernets
from study.performance_estimation.supernet.paths import (
    DRAWS,
    PathSource,
    blind_to,
    check_space,
    sandwich,
    source,
)
from study.performance_estimation.supernet.shared_weights import (
    SharedWeights,
    fresh_statistics,
    layers,
    path_scores,
)
from study.performance_estimation.supernet.supernet import Supernet, SupernetSettings
from study.performance_estimation.supernet.supernet_estimator import (
    SupernetEstimator,
    path_metrics,
)
from study.performance_estimation.training.data import TrainingData
from study.search_space.candidate import OCTMNIST, Candidate, ImageFormat, Values
from study.search_space.distinct import architecture_space
from study.search_space.reading.loading import load_space, space_from_text
from study.search_space.resolve import Stack, resolve
from study.search_space.space import Bound, SearchSpace
from tests.performance_estimation.examples import ignore, small_data

IMAGE = ImageFormat(size=12, channels=3, classes=4)
DATA = small_data(image=IMAGE)
CPU = torch.device("cpu")


def seed_like(more: str) -> SearchSpace:
    text = """\
name: seed-like
parameters:
  epochs: 3
  conv_layers: {type: int, low: 1, high: 4}
  hidden_units: {type: int, low: 2, high: 16}
  dropout: {type: categorical, choices: [0.2, 0.5]}
  batch_size: 16
"""
    return space_from_text(text + more, image=IMAGE)


SEED_LIKE = seed_like("  schedule: cosine\n  channels: 4\n  flip: true\n")

STAGED = space_from_text(
    """\
name: staged
parameters:
  epochs: 3
  padding: same
  batch_size: 16
  norm: {type: categorical, choices: [none, batch]}
  head: {type: categorical, choices: [flatten, global_average]}
  activation: {type: categorical, choices: [relu, silu]}
  hidden_units: {type: int, low: 2, high: 8, when: {head: flatten}}
  stages:
    count: 3
    each:
      operation: {type: categorical, choices: [conv, separable, residual, identity]}
      kernel:
        type: categorical
        choices: [1, 3, 5]
        when: {operation: [conv, separable, residual]}
      pool: {type: categorical, choices: [max, average, none]}
      channels: {type: int, low: 1, high: 6}
""",
    image=IMAGE,
)

seeds = st.integers(0, 2**32 - 1)


def stack_of(space: SearchSpace, values: Values) -> Stack:
    return resolve(space.candidate(values).architecture, IMAGE)


def drawn(space: SearchSpace, seed: int) -> Stack:
    return stack_of(space, space.sample(np.random.default_rng(seed)))


def shared_by(space: SearchSpace, *stacks: Stack, image: ImageFormat = IMAGE) -> SharedWeights:
    shared = SharedWeights(space, image, seed=0, device=CPU)
    for stack in stacks:
        shared.make(stack)
    return shared


def supernet(
    space: SearchSpace = SEED_LIKE,
    *,
    epochs: int = 2,
    folder: Path | None = None,
    data: TrainingData = DATA,
    **changes: Any,
) -> Supernet:
    settings = SupernetSettings(**{"seed": 1, "epochs": epochs, **changes})
    checkpoint = None if folder is None else folder / "supernet.pt"
    return Supernet(space=space, image=IMAGE, data=data, settings=settings, checkpoint=checkpoint)


def paths_of(space: SearchSpace = SEED_LIKE) -> PathSource:
    return source(sandwich, space, IMAGE, seed=1)


def values_of(net: Supernet) -> dict[str, Tensor]:
    return {key: tensor.detach().clone() for key, tensor in net.shared.tensors.items()}


def assert_equal(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> None:
    assert list(a) == list(b)
    assert all(torch.equal(a[key], b[key]) for key in a)


# shared weights


@given(seed=seeds, space=st.sampled_from([SEED_LIKE, STAGED]))
def test_a_path_computes_what_its_own_network_with_its_slices_would(
    seed: int, space: SearchSpace
) -> None:
    stack = drawn(space, seed)
    weights = shared_by(space, stack).weights(stack)
    network = build(stack, generator=torch.Generator().manual_seed(0)).eval()
    missing, unexpected = network.load_state_dict(weights, strict=False)
    assert unexpected == []
    assert all("running" in name or "num_batches" in name for name in missing)
    images = normalise(DATA.val_images[:3])
    layers(stack).eval()
    with torch.no_grad():
        found = path_scores(stack, weights, fresh_statistics(stack, CPU), images)
        assert torch.allclose(found, network(images), atol=1e-5)


@given(first=seeds, second=seeds)
def test_every_candidate_finds_its_weights_independent_of_what_was_made_before(
    first: int, second: int
) -> None:
    one, other = drawn(STAGED, first), drawn(STAGED, second)
    shared, alone = shared_by(STAGED, one, other), shared_by(STAGED, other)
    assert shared.has(one)
    assert_equal(shared.weights(other), alone.weights(other))


def test_narrower_layers_are_the_leading_slices_of_wider_ones() -> None:
    space = seed_like(
        "  padding: same\n"
        "  channels: {type: int, low: 2, high: 6}\n"
        "  kernel: {type: categorical, choices: [3, 5]}\n"
    )
    wide, narrow = (
        stack_of(space, {"conv_layers": 1, "channels": c, "kernel": k, "hidden_units": h})
        for c, k, h in ((6, 5, 16), (2, 3, 4))
    )
    shared = shared_by(space, wide, narrow)
    large, small = shared.weights(wide), shared.weights(narrow)
    convolution = large["0.convolution.weight"][:2, :, 1:4, 1:4]
    assert torch.equal(small["0.convolution.weight"], convolution)
    hidden = large["1.1.weight"].reshape(16, -1, 6)[:4, :, :2]
    assert torch.equal(small["1.1.weight"], hidden.reshape(4, -1))
    assert torch.equal(small["1.4.weight"], large["1.4.weight"][:, :4])


def test_depths_share_their_first_convolutions_and_not_their_heads() -> None:
    one, two = (stack_of(SEED_LIKE, {"conv_layers": n, "hidden_units": 4}) for n in (1, 2))
    shared = shared_by(SEED_LIKE, one, two)
    heads = {key.split("/")[2] for key in shared.tensors if key.startswith("head/")}
    assert heads == {"5", "1"}
    assert (
        shared.weights(one)["0.convolution.weight"].data_ptr()
        == shared.weights(two)["0.convolution.weight"].data_ptr()
    )


# paths


@given(seed=seeds)
def test_every_network_of_the_shipped_stages_has_a_path(seed: int) -> None:
    space = architecture_space(load_space("stages"))
    check_space(space)
    values = space.sample(np.random.default_rng(seed))
    stack = resolve(space.candidate(values).architecture, OCTMNIST)
    shared = shared_by(space, stack, image=OCTMNIST)
    shapes = {name: weight.shape for name, weight in shared.weights(stack).items()}
    assert shapes == {name: p.shape for name, p in layers(stack).named_parameters()}


def test_a_space_whose_recipe_varies_is_an_error_with_all_names() -> None:
    check_space(load_space("seed"))
    with pytest.raises(SettingsError, match=r"small: .* cannot score values of learning_rate;"):
        check_space(load_space("small"))
    space = seed_like(
        "  learning_rate: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"
        "  optimizer: {type: categorical, choices: [adam, sgd]}\n"
        "  schedule: cosine\n"
    )
    with pytest.raises(SettingsError, match="cannot score values of learning_rate, optimizer;"):
        check_space(space)
    with pytest.raises(SettingsError, match="seed-like: the supernet"):
        supernet(space)


@given(seed=seeds)
def test_a_sandwich_has_a_widest_a_narrowest_and_two_random_paths(seed: int) -> None:
    paths = sandwich(STAGED, IMAGE, np.random.default_rng(seed))
    assert len(paths) == 4
    for values, channels, kernel in ((paths[0], 6, 5), (paths[1], 1, 1)):
        for i in (1, 2, 3):
            assert values[f"stage{i}.channels"] == channels
            assert values.get(f"stage{i}.kernel", kernel) == kernel
    for values in paths:
        assert set(values) == set(STAGED.complete(values, np.random.default_rng(0)))


@pytest.mark.parametrize("name", sorted(DRAWS))
def test_paths_keep_to_the_constraints(name: str) -> None:
    bounded = replace(SEED_LIKE, constraints={"parameters": Bound(high=1000)})
    draw = DRAWS[name]
    for seed in range(20):
        for values in draw(bounded, IMAGE, np.random.default_rng(seed)):
            assert bounded.allows(values, IMAGE)
    none = replace(SEED_LIKE, constraints={"parameters": Bound(high=1)})
    with pytest.raises(SettingsError, match="none of 1000 random candidates is allowed"):
        draw(none, IMAGE, np.random.default_rng(0))


@pytest.mark.parametrize(("name", "count"), [("sandwich", 4), ("uniform", 1)])
def test_every_draw_can_be_chosen_and_has_the_paths_that_the_budget_counts(
    name: str, count: int
) -> None:
    chosen = parse_estimator(f"supernet,epochs=3,paths={name}")
    paths = source(DRAWS[name], SEED_LIKE, IMAGE, seed=1)
    assert len(paths(1, 1)) == count
    assert paths(1, 1) == paths(1, 1)
    assert len({repr(paths(1, step)) for step in range(20)}) > 10
    assert chosen.epochs_before_first_trial(learns_policy=False) == 3 * count
    assert chosen.epochs_before_first_trial(learns_policy=True) == count


# training


def test_training_one_path_is_training_its_network() -> None:
    """Paths of one architecture: the supernet is that network, trained by an ordinary loop."""
    space = SEED_LIKE.with_fixed(schedule="constant", flip=False, batch_size=48, norm="batch")
    path: Values = {"conv_layers": 1, "hidden_units": 8, "dropout": 0.0}
    net, stack = supernet(space, epochs=3), stack_of(space, path)
    net.shared.make(stack)
    network = build(stack, generator=torch.Generator().manual_seed(0)).train()
    network.load_state_dict(
        {k: v.detach().clone() for k, v in net.shared.weights(stack).items()}, strict=False
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    images, labels = normalise(DATA.train_images), DATA.train_labels
    for _ in range(3):
        net.train_epoch(lambda *_: (path,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    trained = net.shared.weights(stack)
    for name, parameter in network.named_parameters():
        assert torch.allclose(trained[name], parameter, atol=1e-4), name


def test_the_gradients_of_a_step_are_the_mean_over_its_paths() -> None:
    path: Values = {"conv_layers": 1, "hidden_units": 4, "dropout": 0.0}
    one, four = (supernet(SEED_LIKE.with_fixed(optimizer="sgd", momentum=0.0)) for _ in range(2))
    one.train_epoch(lambda *_: (path,))
    four.train_epoch(lambda *_: (path,) * 4)
    for key, tensor in one.shared.tensors.items():
        assert torch.allclose(tensor, four.shared.tensors[key], atol=1e-6)
    assert (one.cost.epochs, four.cost.epochs) == (1.0, 4.0)


def test_training_improves_every_kind_of_path() -> None:
    net = supernet(SEED_LIKE.with_fixed(dropout=0.0, learning_rate=3e-3), epochs=40)
    for _ in range(40):
        net.train_epoch(paths_of())
    for layers_wanted in (1, 2):
        stack = stack_of(SEED_LIKE, {"conv_layers": layers_wanted, "hidden_units": 16})
        found = path_metrics(net.shared, stack, DATA, dtype=torch.float32)
        assert found["val_loss"] < 0.9  # random scores have log 4 = 1.39


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_restored_supernet_continues_to_the_same_bits(tmp_path: Path, optimizer: str) -> None:
    space = STAGED.with_fixed(optimizer=optimizer)  # later steps train layers that earlier lack
    whole = supernet(space, epochs=3)
    for _ in range(3):
        whole.train_epoch(paths_of(space))
    supernet(space, epochs=3, folder=tmp_path).train_epoch(paths_of(space))
    rest = supernet(space, epochs=3, folder=tmp_path)
    assert rest.epochs_trained == 1
    assert 0 < len(rest.shared.tensors) < len(whole.shared.tensors)
    for _ in range(2):
        rest.train_epoch(paths_of(space))
    assert_equal(values_of(rest), values_of(whole))
    assert rest.cost.epochs == whole.cost.epochs == 12.0
    assert rest.cost.seconds > 0


def test_an_interrupted_epoch_is_done_again(tmp_path: Path) -> None:
    whole = supernet(folder=tmp_path / "whole")
    whole.train_epoch(paths_of())
    steps = iter([False, True])
    broken = supernet(folder=tmp_path / "broken")
    with pytest.raises(Interrupted):
        broken.train_epoch(paths_of(), interrupted=lambda: next(steps))
    again = supernet(folder=tmp_path / "broken")
    assert again.epochs_trained == 0
    again.train_epoch(paths_of())
    assert_equal(values_of(again), values_of(whole))


@pytest.mark.parametrize(
    "change",
    [
        {"space": SEED_LIKE.with_fixed(channels=5)},
        {"seed": 2},
        {"origin": "another study"},
        {"data": small_data(image=IMAGE, train=40)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_checkpoint_of_another_training_is_not_used(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    supernet(folder=tmp_path).train_epoch(paths_of())
    assert supernet(folder=tmp_path).epochs_trained == 1
    assert supernet(folder=tmp_path, **change).epochs_trained == 0


def test_a_diverging_training_is_reported_with_the_remedy() -> None:
    wild = SEED_LIKE.with_fixed(learning_rate=10.0, optimizer="sgd", activation="silu")
    scorer = estimator(wild, epochs=40)
    with pytest.raises(StudyError, match=r"not finite in epoch \d+, step \d; lower the learning"):
        scorer.prepare()


def limit_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> list[int]:
    """Imitate a memory that holds few images; no test can fill the real one safely."""
    seen: list[int] = []

    def scores(*arguments: Any) -> Tensor:
        seen.append(len(arguments[-1]))
        result = path_scores(*arguments)
        if len(arguments[-1]) > most:
            result.sum().backward()  # type: ignore[no-untyped-call]  # a retry has to drop these
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return result

    monkeypatch.setattr(training_of_supernets, "path_scores", scores)
    return seen


def test_shared_weights_short_of_memory_are_the_same_within_rounding_or_an_error_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = SEED_LIKE.with_fixed(dropout=0.0, optimizer="sgd")  # its rounding is not blown up
    whole, short = supernet(space), supernet(space)
    whole.train_epoch(paths_of(space))
    seen = limit_memory(monkeypatch, 6)
    short.train_epoch(paths_of(space))
    assert seen[:3] == [16, 8, 4]
    assert seen.count(16) == 1
    assert short.micro_batch == 4
    for key, tensor in whole.shared.tensors.items():
        assert torch.allclose(short.shared.tensors[key], tensor, atol=1e-6)
    limit_memory(monkeypatch, 0)
    remedy = r"^supernet: out of memory; .* that seed-like fixes \(16\), .* or take paths=uniform$"
    with pytest.raises(StudyError, match=remedy):
        supernet().train_epoch(paths_of())


# scores


def test_statistics_are_those_of_the_path_and_not_of_the_training() -> None:
    net = supernet(STAGED, epochs=1)
    net.train_epoch(paths_of(STAGED))
    batch_paths = [
        stack
        for seed in range(60)
        if net.shared.has(stack := drawn(STAGED, seed)) and fresh_statistics(stack, CPU)
    ]
    first, *others = batch_paths
    before, *_, after = (
        path_metrics(net.shared, stack, DATA, dtype=torch.float32)
        for stack in (first, *others[:5], first)
    )
    assert after == before


def test_a_path_with_batch_norm_is_scored_by_its_own_statistics() -> None:
    space = SEED_LIKE.with_fixed(norm="batch")
    stack = stack_of(space, {"conv_layers": 1, "hidden_units": 4})
    shared = shared_by(space, stack)
    found = path_metrics(shared, stack, DATA, dtype=torch.float32)
    network = build(stack, generator=torch.Generator().manual_seed(0))
    network.load_state_dict(shared.weights(stack), strict=False)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        network.train()(normalise(DATA.train_images))
        scores = network.eval()(normalise(DATA.val_images))
    loss = nn.functional.cross_entropy(scores, DATA.val_labels)
    assert found["val_loss"] == pytest.approx(float(loss), rel=1e-5)


def test_bfloat16_scores_are_near_those_of_float32() -> None:
    stack = drawn(SEED_LIKE, 0)
    shared = shared_by(SEED_LIKE, stack)
    exact, coarse = (
        path_metrics(shared, stack, DATA, dtype=dtype)["val_loss"]
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert coarse == pytest.approx(exact, abs=0.02)


# estimator


def estimator(
    space: SearchSpace = SEED_LIKE, *, epochs: int = 2, turns: int = 0, folder: Path | None = None
) -> SupernetEstimator:
    return SupernetEstimator(
        supernet=supernet(space, epochs=epochs, folder=folder),
        paths=paths_of(space),
        trials_per_epoch=turns,
    )


def shallow(dropout: float = 0.2) -> Candidate:
    return SEED_LIKE.candidate({"conv_layers": 1, "hidden_units": 4, "dropout": dropout})


def test_the_weights_are_trained_once_and_dropout_has_no_effect_on_a_score(tmp_path: Path) -> None:
    first = estimator(folder=tmp_path)
    first.prepare()
    assert first.supernet.cost.epochs == 8.0
    second = estimator(folder=tmp_path)
    second.prepare()
    one, other = (
        second.estimate(shallow(dropout), seed=0, report=ignore) for dropout in (0.2, 0.5)
    )
    assert second.supernet.cost == first.supernet.cost
    assert one.epochs == 0
    assert one.facts == {"seed": 1, "supernet_epochs": 2, "blind_to": ["dropout"]}
    assert one.metrics == other.metrics
    assert blind_to(STAGED) == ()


def test_a_layer_that_was_never_trained_is_not_scored() -> None:
    scorer = estimator(epochs=1)
    only_deep: Values = {"conv_layers": 3, "hidden_units": 4, "dropout": 0.2}
    scorer.supernet.train_epoch(lambda *_: (only_deep,))
    with pytest.raises(EstimateFailed, match="no step trained a layer") as caught:
        scorer.estimate(shallow(), seed=0, report=ignore)
    assert caught.value.kind == "untrained"


@given(seed=seeds)
def test_every_candidate_of_a_staged_space_is_scored_or_known_as_untrained(seed: int) -> None:
    scorer = _trained_on_stages()
    candidate = STAGED.candidate(STAGED.sample(np.random.default_rng(seed)))
    try:
        found = scorer.estimate(candidate, seed=0, report=ignore).metrics
    except EstimateFailed as failure:
        if failure.kind != "untrained":
            raise
    else:
        assert 0 <= found["val_accuracy"] <= 1


@cache
def _trained_on_stages() -> SupernetEstimator:
    scorer = estimator(STAGED, epochs=4)
    scorer.prepare()
    return scorer


def test_policy_and_weights_are_trained_in_turns() -> None:
    asked: list[tuple[int, int]] = []
    policy: Values = {"conv_layers": 2, "hidden_units": 8, "dropout": 0.2}

    def from_policy(epoch: int, step: int) -> tuple[Values, ...]:
        asked.append((epoch, step))
        return (policy,)

    scorer = estimator(epochs=3, turns=10)
    trained = []
    for finished in (0, 5, 10, 15, 20, 30, 40):
        scorer.prepare(finished=finished, paths=from_policy)
        trained.append(scorer.supernet.epochs_trained)
    assert trained == [1, 1, 2, 2, 3, 3, 3]
    assert asked == [(epoch, step) for epoch in (2, 3) for step in (1, 2, 3)]


def test_workers_load_what_another_worker_has_trained(tmp_path: Path) -> None:
    one, other = (estimator(epochs=3, turns=10, folder=tmp_path) for _ in range(2))
    one.prepare(finished=20)
    other.prepare(finished=20)
    assert other.supernet.cost == one.supernet.cost
    assert_equal(values_of(other.supernet), values_of(one.supernet))
