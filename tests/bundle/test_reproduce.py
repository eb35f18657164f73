from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from study.bundle.bundle import Bundle, MeasuredValue
from study.bundle.classifier import Classifier
from study.bundle.reproduce import (
    MeasureComparison,
    Reproduction,
    compare,
    describe_reproduction,
)
from study.cli.bundle import reproduce as reproduce_command
from study.network.blocks import reseed_dropout
from study.network.forward import normalise
from study.statistics.results import Interval
from tests.bundle.bundles import STAGED, described, images, network

VERSIONS = {"study-nas": "0.1.0", "torch": "2.14.1"}


def _train(bundle: Bundle, *, seed: int, backwards: bool = False) -> nn.Module:
    """Train for four steps, the same every time. ``backwards`` changes the order of the sums."""
    trained = network(bundle, seed).train()
    optimizer = torch.optim.SGD(trained.parameters(), lr=0.1)
    order = torch.arange(23, -1, -1) if backwards else torch.arange(24)
    labels = (torch.arange(24) % 4)[order]
    batch = normalise(images(24)[order])
    for step in range(4):
        optimizer.zero_grad()
        reseed_dropout(trained, step, torch.device("cpu"))
        loss = nn.functional.cross_entropy(trained(batch), labels)
        torch.autograd.backward(loss)
        optimizer.step()
    return trained.eval()


def _classifier(**fields: object) -> Classifier:
    bundle = described(**fields)  # type: ignore[arg-type]
    return Classifier(bundle=bundle, network=_train(bundle, seed=5))


def _again(
    classifier: Classifier, *, seed: int = 5, backwards: bool = False, accuracy: float = 0.812
) -> Reproduction:
    again = _train(classifier.bundle, seed=seed, backwards=backwards)
    return compare(classifier, again, {"val_accuracy": accuracy, "val_auc": 0.9}, VERSIONS)


def test_the_same_training_gives_the_same_bits() -> None:
    result = _again(_classifier())
    assert result.verdict == "identical"
    assert result.largest_difference == 0
    assert result.differences == ()
    text = describe_reproduction(result)
    assert "the same to the last bit" in text
    assert "validation accuracy: 0.8120 now, 0.8120 then; inside the expected" in text


def test_rounding_differs_and_the_measures_decide() -> None:
    classifier = _classifier(architecture=STAGED)
    near = _again(classifier, backwards=True, accuracy=0.825)
    assert near.verdict == "within"
    assert near.largest_difference is not None
    assert 0 < near.largest_difference < 1e-3
    far = _again(classifier, backwards=True, accuracy=0.7)
    assert far.verdict == "outside"
    assert "outside the expected 0.7900 to 0.8300" in describe_reproduction(far)


def test_the_interval_over_images_decides_where_no_other_run_is_known() -> None:
    figure = MeasuredValue(value=0.8, over_images=Interval(low=0.78, high=0.82))
    result = _again(_classifier(figures={"val_accuracy": figure}), seed=6, accuracy=0.79)
    assert result.verdict == "within"


def test_without_any_interval_nothing_is_judged() -> None:
    figure = MeasuredValue(value=0.8)
    result = _again(_classifier(figures={"val_accuracy": figure}), seed=6)
    assert result.verdict == "not judged"
    assert describe_reproduction(result).startswith("not judged: ")


@pytest.mark.parametrize(
    ("identical", "then", "code"),
    [(True, (), 0), (False, (0.80,), 0), (False, (0.60,), 1), (False, (), 1)],
)
def test_only_what_was_shown_to_be_reproduced_exits_with_0(
    monkeypatch: pytest.MonkeyPatch, identical: bool, then: tuple[float, ...], code: int
) -> None:
    expected = Interval(low=0.78, high=0.82)
    compared = tuple(
        MeasureComparison(name="val_accuracy", then=0.8, now=now, expected=expected)
        for now in then
    )
    found = Reproduction(
        identical=identical, largest_difference=0.1, measures=compared, differences=()
    )
    monkeypatch.setattr("study.bundle.classifier.load", lambda _: None)
    monkeypatch.setattr("study.bundle.reproduce.reproduce_bundle", lambda *_, **__: found)
    assert reproduce_command(Path("out")) == code


def test_other_layers_are_no_reproduction() -> None:
    other = network(described(architecture=STAGED))
    result = compare(_classifier(), other, {"val_accuracy": 0.812}, VERSIONS)
    assert (result.verdict, result.largest_difference) == ("outside", None)


def test_other_versions_are_listed() -> None:
    classifier = _classifier(versions={"torch": "2.9.0", "cpu": "x"})
    text = describe_reproduction(_again(classifier))
    assert "differs: torch: 2.9.0 then, 2.14.1 now" in text
    assert "differs: cpu: x then, not known now" in text
