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
    Retrained,
    describe_reproduction,
    reproduce,
)
from study.cli.reproduce import reproduce as reproduce_command
from study.common.errors import EvaluationError
from study.network.blocks import reseed_dropout
from study.network.forward import normalise
from study.statistics.results import Interval
from tests.bundle.bundles import STAGED, described, images, network

DATA = "ab" * 32


def _train(bundle: Bundle, *, seed: int, backwards: bool = False) -> nn.Module:
    """Train for four steps, the same every time; images backwards are added in another order."""
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
    bundle: Bundle, *, seed: int = 5, backwards: bool = False, accuracy: float = 0.812
) -> Retrained:
    return Retrained(
        network=_train(bundle, seed=seed, backwards=backwards),
        metrics={"val_accuracy": accuracy, "val_auc": 0.9},
        versions={"study-nas": "0.1.0", "torch": "2.14.1"},
    )


def test_the_same_training_gives_the_same_bits() -> None:
    classifier = _classifier()
    result = reproduce(classifier, _again, data_sha256=DATA)
    assert result.verdict == "identical"
    assert result.largest_difference == 0
    assert result.differences == ()
    text = describe_reproduction(result)
    assert "the same to the last bit" in text
    assert "validation accuracy: 0.8120 now, 0.8120 then; inside the expected" in text


def test_rounding_differs_and_the_measures_decide() -> None:
    classifier = _classifier(architecture=STAGED)
    near = reproduce(
        classifier, lambda b: _again(b, backwards=True, accuracy=0.825), data_sha256=DATA
    )
    assert near.verdict == "within"
    assert near.largest_difference is not None
    assert 0 < near.largest_difference < 1e-3
    far = reproduce(
        classifier, lambda b: _again(b, backwards=True, accuracy=0.7), data_sha256=DATA
    )
    assert far.verdict == "outside"
    assert "outside the expected 0.7900 to 0.8300" in describe_reproduction(far)


def test_the_interval_over_images_stands_in_where_no_other_run_is_known() -> None:
    figure = MeasuredValue(value=0.8, over_images=Interval(low=0.78, high=0.82))
    classifier = _classifier(figures={"val_accuracy": figure})
    result = reproduce(classifier, lambda b: _again(b, seed=6, accuracy=0.79), data_sha256=DATA)
    assert result.verdict == "within"


def test_without_any_interval_nothing_is_claimed() -> None:
    classifier = _classifier(figures={"val_accuracy": MeasuredValue(value=0.8)})
    result = reproduce(classifier, lambda b: _again(b, seed=6), data_sha256=DATA)
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
    def other(bundle: Bundle) -> Retrained:
        del bundle
        return _again(described(architecture=STAGED))

    result = reproduce(_classifier(), other, data_sha256=DATA)
    assert (result.verdict, result.largest_difference) == ("outside", None)


def test_other_versions_are_listed() -> None:
    classifier = _classifier(versions={"torch": "2.9.0", "cpu": "x"})
    text = describe_reproduction(reproduce(classifier, _again, data_sha256=DATA))
    assert "differs: torch: 2.9.0 then, 2.14.1 now" in text
    assert "differs: cpu: x then, not known now" in text


def test_other_data_are_refused_before_anything_is_trained() -> None:
    def never(bundle: Bundle) -> Retrained:
        pytest.fail(f"trained {bundle.name}")

    with pytest.raises(EvaluationError, match="trained on other images or labels of octmnist"):
        reproduce(_classifier(), never, data_sha256="cd" * 32)
