"""Tests of study/performance_estimation/training/training.py and what it is made of."""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from benchmarks.plain_loop import plain_network
from study.data.dataset import load_search_data
from study.network import relu_pool
from study.network.build import build
from study.network.forward import normalise
from study.performance_estimation.estimator import Interrupted, Step
from study.performance_estimation.training.checkpoint import load_checkpoint, save_checkpoint
from study.performance_estimation.training.data import TrainingData, plan_epoch
from study.performance_estimation.training.metrics import METRICS, metrics
from study.performance_estimation.training.process import derived_generator
from study.performance_estimation.training.recipe import averaged, build_optimizer
from study.performance_estimation.training.training import (
    NonFiniteLoss,
    Run,
    Training,
    TrainingSettings,
    Watch,
    train,
)
from study.search_space.candidate import OCTMNIST, Architecture, Candidate, ImageFormat, Recipe
from study.search_space.reading.loading import load_space
from study.search_space.resolve import Stack, resolve
from tests.performance_estimation.examples import small_data
from tests.search_space.strategies import architectures, images, recipes

IMAGE = ImageFormat(size=14)
STACK = resolve(Architecture(conv_layers=2, channels=4, hidden_units=8, norm="batch"), IMAGE)
PLAIN = resolve(Architecture(conv_layers=1, channels=4, hidden_units=8), IMAGE)
RECIPE = Recipe(batch_size=16, epochs=3)
EVERYTHING = Recipe(
    optimizer="sgd",
    learning_rate=0.05,
    weight_decay=1e-3,
    schedule="onecycle",
    batch_size=20,
    label_smoothing=0.1,
    flip=True,
    shift=2,
    rotate=10,
    scale=0.1,
    brightness=0.2,
    erase=0.5,
    mixup=0.4,
    ema=0.9,
    balance="resample",
)
DATA = small_data(image=IMAGE)


def trained(
    stack: Stack = STACK,
    recipe: Recipe = RECIPE,
    *,
    data: TrainingData = DATA,
    watch: Watch | None = None,
    checkpoint: Path | None = None,
    **changes: Any,
) -> Training:
    settings = TrainingSettings(seed=3, epochs=3, **changes)
    return train(stack, recipe, data, settings=settings, watch=watch, checkpoint=checkpoint)


def digest(training: Training) -> str:
    """Name the bytes of a training: weights, running statistics and every metric."""
    found = hashlib.sha256()
    for tensor in training.network.state_dict().values():
        found.update(tensor.cpu().contiguous().numpy().tobytes())
    for result in training.results:
        found.update(repr((result.number, result.train_loss, dict(result.metrics))).encode())
    return found.hexdigest()


def everything(**changes: Any) -> Training:
    """Train with all that draws random numbers: augmentation, resampling, dropout."""
    architecture = Architecture(channels=4, hidden_units=8, norm="batch", dropout=0.3)
    return trained(resolve(architecture, IMAGE), EVERYTHING, precision="bfloat16", **changes)


def child(code: str, *, threads: int = 1) -> subprocess.CompletedProcess[str]:
    names = "from tests.performance_estimation.training.test_training import *"
    return subprocess.run(
        [sys.executable, "-c", f"{names}\nprint({code})"],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_training_learns_and_reports_every_epoch() -> None:
    reported: list[Step] = []
    recipe = Recipe(learning_rate=0.03, batch_size=4)
    training = trained(PLAIN, recipe, watch=Watch(report=reported.append))
    assert tuple(reported) == training.results
    assert [result.number for result in reported] == [1, 2, 3]
    assert training.epochs_trained == 3
    assert training.metrics["val_accuracy"] > 0.4  # four classes, as many images of each
    first, *_, last = (step.train_loss for step in reported)
    assert first is not None
    assert last is not None
    assert last < first
    assert set(training.metrics) == {f"val_{name}" for name in METRICS}
    assert not training.network.training


def test_the_average_of_constant_weights_is_the_weights() -> None:
    network = build(STACK, generator=torch.Generator().manual_seed(1))
    average = averaged(network, 0.99)
    for _ in range(3):
        average.update_parameters(network)
    for mean, value in zip(average.module.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mean, value)


def test_the_average_follows_the_weights_quickly_at_first_and_slowly_later() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = averaged(network, 0.8)
    expected = 0.0
    for step in range(20):
        nn.init.constant_(network.weight, step)
        average.update_parameters(network)
        decay = min(0.8, step / (step + 9))
        expected = decay * expected + (1 - decay) * step
        (mean,) = average.module.parameters()
        assert mean.item() == pytest.approx(expected)


def test_validation_and_the_result_use_the_average() -> None:
    plain = trained(recipe=replace(RECIPE, learning_rate=0.03))
    average = trained(recipe=replace(RECIPE, learning_rate=0.03, ema=0.9))
    losses = [[step.train_loss for step in t.results] for t in (plain, average)]
    assert losses[0] == losses[1]  # the same steps
    assert plain.metrics["val_loss"] != average.metrics["val_loss"]
    with torch.inference_mode():
        scores = average.network(normalise(DATA.val_images))
    found = metrics(scores, DATA.val_labels)["loss"]
    assert found == pytest.approx(average.metrics["val_loss"])


def test_only_weights_decay() -> None:
    network = build(STACK, generator=torch.Generator().manual_seed(1))
    optimizer = build_optimizer(network, Recipe(optimizer="adamw", weight_decay=0.1))
    decayed, others = (group["params"] for group in optimizer.param_groups)
    norms = {p for m in network.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()}
    assert norms <= set(others)
    assert all(p.ndim > 1 for p in decayed)
    assert len(decayed) + len(others) == len(list(network.parameters()))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_another_process_with_other_threads_gives_the_same_bytes() -> None:
    here = digest(everything())
    threads = 2 if torch.get_num_threads() == 1 else 1
    there = child("digest(everything())", threads=threads)
    assert there.stdout == f"{here}\n", there.stderr


def killed(path: str, epoch: int) -> tuple[str, int]:
    """Continue a training and kill this process once it has trained this epoch; 0 for never."""

    def report(result: Step) -> None:
        if result.number == epoch and result.seconds is not None:
            os.kill(os.getpid(), signal.SIGKILL)

    training = everything(checkpoint=Path(path), watch=Watch(report=report))
    return digest(training), training.epochs_trained


@pytest.mark.slow
def test_a_training_killed_after_every_epoch_ends_with_the_same_bytes(tmp_path: Path) -> None:
    path = str(tmp_path / "training.pt")
    for epoch in (1, 2):
        assert child(f"killed({path!r}, {epoch})").returncode == -signal.SIGKILL
    last = child(f"killed({path!r}, 0)")
    assert last.stdout == f"{(digest(everything()), 1)}\n", last.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]


def test_a_finished_training_is_restored_whole_and_reported_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "training.pt"
    first = trained(checkpoint=checkpoint)
    reported: list[Step] = []
    again = trained(checkpoint=checkpoint, watch=Watch(report=reported.append))
    assert digest(again) == digest(first)
    assert tuple(reported) == first.results
    assert all(result.seconds is None for result in reported)
    assert again.epochs_trained == 0


def flip_a_bit(content: bytes) -> bytes:
    """Change one weight, which PyTorch's own format does not notice."""
    weights = trained().network.state_dict()["1.convolution.weight"]
    start = content.find(weights.permute(0, 2, 3, 1).contiguous().numpy().tobytes())
    damaged = bytearray(content)
    damaged[start + 3] ^= 0x40
    return bytes(damaged)


def a_list(_: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save([1, 2], buffer)
    return buffer.getvalue()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut in half": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "text": lambda _: b"not a checkpoint",
    "a list": a_list,
    "a flipped bit": flip_a_bit,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_not_used(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = tmp_path / "training.pt"
    expected = digest(trained(checkpoint=checkpoint))
    checkpoint.write_bytes(DAMAGES[damage](checkpoint.read_bytes()))
    training = trained(checkpoint=checkpoint)
    assert training.epochs_trained == 3
    assert digest(training) == expected
    assert "not used" in caplog.text
    assert trained(checkpoint=checkpoint).epochs_trained == 0


@pytest.mark.parametrize(
    "change",
    [
        {"stack": PLAIN},
        {"recipe": replace(RECIPE, learning_rate=2e-3)},
        {"data": replace(DATA, origin="others")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_training_s_checkpoint_is_not_used(
    change: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = tmp_path / "training.pt"
    trained(checkpoint=checkpoint)
    training = trained(**change, checkpoint=checkpoint)
    assert training.epochs_trained == 3
    assert digest(training) == digest(trained(**change))
    assert "another training" in caplog.text


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "training.pt"
    save_checkpoint(checkpoint, {"n": 1}, fingerprint="f")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(checkpoint, {"n": 2}, fingerprint="f")
    assert load_checkpoint(checkpoint, fingerprint="f") == {"n": 1}
    assert list(tmp_path.iterdir()) == [checkpoint]


def test_an_interruption_is_seen_before_the_next_batch(tmp_path: Path) -> None:
    calls = itertools.count(1)
    stop_at = 4  # the second epoch's first batch: three batches of training, one of validation
    checkpoint = tmp_path / "training.pt"
    watch = Watch(interrupted=lambda: next(calls) > stop_at)
    with pytest.raises(Interrupted):
        trained(watch=watch, checkpoint=checkpoint)
    assert next(calls) == stop_at + 2
    resumed = trained(checkpoint=checkpoint)
    assert resumed.epochs_trained == 2
    assert digest(resumed) == digest(trained())


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_loss_that_is_not_finite_ends_the_training(precision: str) -> None:
    # 1 - rate * decay = -9: the weights alone grow by an order of magnitude a step
    wild = Recipe(optimizer="sgd", learning_rate=10.0, weight_decay=1.0, batch_size=4)
    with pytest.raises(NonFiniteLoss, match="not finite at epoch"):
        trained(PLAIN, wild, precision=precision)


def test_a_broken_weight_ends_the_training_even_where_the_loss_hides_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relu_pool, "_SMALLEST", 0)
    run = Run(PLAIN, RECIPE, DATA, TrainingSettings(seed=0, epochs=1, precision="bfloat16"))
    with torch.no_grad():
        next(run.network.parameters())[0] = -float("nan")
    with pytest.raises(NonFiniteLoss):
        run.train(1)


def test_a_training_in_parts_is_the_training_in_whole_batches() -> None:
    whole, parts = trained(PLAIN), trained(PLAIN, micro_batch=5)
    for result, other in zip(whole.results, parts.results, strict=True):
        assert other.train_loss == pytest.approx(result.train_loss, rel=1e-4)
        assert other.metrics == pytest.approx(result.metrics, rel=1e-3)


@given(architecture=architectures, image=images, recipe=recipes, seed=st.integers(0, 2**40))
def test_every_candidate_can_be_trained(
    architecture: Architecture, image: ImageFormat, recipe: Recipe, seed: int
) -> None:
    train(
        resolve(architecture, image),
        recipe,
        small_data(train=21, val=9, image=image),
        settings=TrainingSettings(seed=seed, epochs=1),
    )


@settings(max_examples=5)  # each is a training of a large network
@given(seed=st.integers(0, 2**32))
def test_candidates_of_a_shipped_space_can_be_trained(seed: int) -> None:
    space = load_space("stages")
    candidate = space.candidate(space.sample(np.random.default_rng(seed)))
    training = train(
        resolve(candidate.architecture, OCTMNIST),
        candidate.recipe,
        small_data(train=9, val=5, image=OCTMNIST),
        settings=TrainingSettings(seed=seed, epochs=1),
    )
    assert set(training.metrics) == {f"val_{name}" for name in METRICS}


# The fast training is the plain loop's training: same weights and order in, same losses out.


def _same_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy weights; the plain loop flattens channels first, ours last."""
    kinds = (nn.Conv2d, nn.Linear)
    pairs = zip(
        (layer for layer in source.modules() if isinstance(layer, kinds)),
        (layer for layer in target.modules() if isinstance(layer, kinds)),
        strict=True,
    )
    channels = 0
    for ours, plain in pairs:
        weight = ours.weight.detach()
        if isinstance(ours, nn.Conv2d):
            channels = ours.out_channels
        elif channels:
            size = round((weight.shape[1] / channels) ** 0.5)
            unfolded = weight.reshape(len(weight), size, size, channels)
            weight, channels = unfolded.permute(0, 3, 1, 2).flatten(1), 0
        plain.load_state_dict({"weight": weight, "bias": ours.bias})


def _plain_losses(network: nn.Module, candidate: Candidate, data: TrainingData) -> list[float]:
    optimizer = torch.optim.Adam(network.parameters(), lr=candidate.recipe.learning_rate)
    images = data.train_images.float().div(127.5).sub(1)
    means = []
    for epoch in (1, 2):
        plan = plan_epoch(candidate.recipe, data.train_labels, seed=5, epoch=epoch)
        total = 0.0
        for batch in torch.split(plan.order, candidate.recipe.batch_size):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(images[batch]), data.train_labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(batch)
        means.append(total / len(plan.order))
    return means


@pytest.mark.parametrize(
    "conv_layers", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))]
)
def test_the_fast_training_is_the_plain_loop_up_to_rounding(
    conv_layers: int,
) -> None:
    found = load_search_data("digits")
    digits = TrainingData(
        train_images=found.train_images[:640],
        train_labels=found.train_labels[:640],
        val_images=found.val_images,
        val_labels=found.val_labels,
    )
    candidate = Candidate(
        architecture=Architecture(conv_layers=conv_layers, hidden_units=64, dropout=0.0)
    )
    stack = resolve(candidate.architecture, found.image)
    plain = plain_network(candidate.architecture, channels=1, size=28, classes=found.image.classes)
    _same_weights(build(stack, generator=derived_generator(5, "weights")), plain)

    expected = _plain_losses(plain, candidate, digits)
    trained = train(stack, candidate.recipe, digits, settings=TrainingSettings(seed=5, epochs=2))

    assert [r.train_loss for r in trained.results] == pytest.approx(expected, rel=2e-3)
    assert trained.results[0].train_loss == pytest.approx(expected[0], rel=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_is_close_to_the_cpu(precision: str) -> None:
    parts = ("train_images", "train_labels", "val_images", "val_labels")
    gpu_data = TrainingData(**{part: getattr(DATA, part).cuda() for part in parts})
    on_gpu, on_cpu = (trained(precision=precision, data=data) for data in (gpu_data, DATA))
    assert on_gpu.results[0].train_loss == pytest.approx(on_cpu.results[0].train_loss, rel=0.05)
    assert on_gpu.metrics["val_loss"] == pytest.approx(on_cpu.metrics["val_loss"], rel=0.2)
