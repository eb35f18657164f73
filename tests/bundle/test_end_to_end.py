"""From trained networks to a tested, exported and reproduced one, on images that need no file."""

from __future__ import annotations

import dataclasses
import datetime as dt
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch

from study.bundle.bundle import Bundle, DataFacts, TrainingFacts
from study.bundle.chosen_network import final_figures, validation_figures
from study.bundle.classifier import load
from study.bundle.export import PREPROCESSING, write_bundle
from study.bundle.predict import Prediction, predict
from study.bundle.reproduce import describe_reproduction, reproduce, retrain
from study.data.dataset import SearchData, load_search_data
from study.final_test.access_log import Access
from study.final_test.logged_test_part import open_logged
from study.final_test.measure import UnderTest, final_test
from study.final_test.result import FinalTest
from study.network.forward import class_scores, normalise
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.training import Training, TrainingSettings, train
from study.search_space.candidate import Architecture, Candidate, Recipe
from study.search_space.resolve import Stack, candidate_id, resolve

SEEDS = (101, 102)
EPOCHS = 3
CANDIDATE = Candidate(
    architecture=Architecture(conv_layers=2, channels=8, hidden_units=32, norm="batch"),
    recipe=Recipe(learning_rate=5e-3, batch_size=64),
)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    data: SearchData
    stack: Stack
    by_seed: dict[int, Training]


def _training_data(data: SearchData) -> TrainingData:
    return TrainingData(
        train_images=data.train_images,
        train_labels=data.train_labels,
        val_images=data.val_images,
        val_labels=data.val_labels,
    )


@pytest.fixture(scope="module")
def trained() -> Trained:
    data = load_search_data("digits")
    stack = resolve(CANDIDATE.architecture, data.image)
    by_seed = {
        seed: train(
            stack,
            CANDIDATE.recipe,
            _training_data(data),
            settings=TrainingSettings(seed=seed, epochs=EPOCHS),
        )
        for seed in SEEDS
    }
    return Trained(data=data, stack=stack, by_seed=by_seed)


@pytest.fixture(scope="module")
def tested(trained: Trained) -> FinalTest:
    identity = candidate_id(CANDIDATE, trained.data.image)
    access = Access(
        when=dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        candidate_id=identity,
        code_version="0.1.0",
        fit_on="train",
        seeds=SEEDS,
    )
    number, images, labels = open_logged(
        optuna.create_study(),
        access,
        name="s",
        dataset="digits",
        searched=trained.data.name,
        split=trained.data.split,
    )
    scores = {
        seed: class_scores(training.network, images, stack=trained.stack, feed=normalise).numpy()
        for seed, training in trained.by_seed.items()
    }
    validation = [training.metrics for training in trained.by_seed.values()]
    under_test = UnderTest(
        candidate_id=identity,
        number=0,
        access=number,
        dataset=trained.data.name,
        size=trained.data.image.size,
        class_names=trained.data.class_names,
        epochs=EPOCHS,
        validation={
            name: float(np.mean([metrics[name] for metrics in validation]))
            for name in ("val_accuracy", "val_balanced_accuracy")
        },
    )
    return final_test(scores, labels.numpy(), tested=under_test)


@pytest.fixture(scope="module")
def bundle(trained: Trained, tested: FinalTest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    training = trained.by_seed[SEEDS[0]]
    siblings = {"val_accuracy": [t.metrics["val_accuracy"] for t in trained.by_seed.values()]}
    validated = validation_figures(
        {"val_accuracy": training.metrics["val_accuracy"]},
        images=len(trained.data.val_labels),
        siblings=siblings,
    )
    described = Bundle(
        name="digits",
        candidate_id=tested.candidate_id,
        candidate=CANDIDATE,
        stack=trained.stack,
        class_names=trained.data.class_names,
        preprocessing=PREPROCESSING,
        data=DataFacts(name="digits", licence="CC BY 4.0", sha256=trained.data.sha256),
        training=TrainingFacts(seed=SEEDS[0], epochs=EPOCHS),
        figures={**validated, **final_figures(tested)},
        test_accesses=1,
    )
    run_context = tmp_path_factory.mktemp("end to end") / "bundle"
    write_bundle(run_context, bundle=described, network=training.network)
    return run_context


def test_the_networks_have_learned_and_the_test_says_so(tested: FinalTest) -> None:
    assert tested.over_seeds["test_accuracy"].mean > 0.8
    assert tested.images == 359
    assert tested.chain[0].name == "validation accuracy"


def test_the_exported_network_scores_validation_images_as_in_training(
    trained: Trained, bundle: Path
) -> None:
    classifier = load(bundle)
    predicted = classifier.scores(trained.data.val_images).argmax(dim=1)
    accuracy = float((predicted == trained.data.val_labels).double().mean())
    assert accuracy == pytest.approx(classifier.bundle.figures["val_accuracy"].value)


def test_predicting_an_array_gives_what_the_network_says(
    trained: Trained, bundle: Path, tmp_path: Path
) -> None:
    classifier = load(bundle)
    some = trained.data.val_images[:20]
    np.savez(tmp_path / "some.npz", images=some[:, 0].numpy())
    said = list(predict(classifier, [str(tmp_path / "some.npz")]))
    labels = [s.label for s in said if isinstance(s, Prediction)]
    assert labels == classifier.scores(some).argmax(dim=1).tolist()


def test_training_again_gives_the_same_bits(trained: Trained, bundle: Path) -> None:
    classifier = load(bundle)
    again = partial(retrain, data=_training_data(trained.data), versions={})
    torch.manual_seed(12345)  # what else the process draws makes no difference
    result = reproduce(classifier, again, data_sha256=trained.data.sha256)
    assert result.verdict == "identical", describe_reproduction(result)
    assert result.measures[0].then == result.measures[0].now


def test_training_with_another_seed_is_found_out(trained: Trained, bundle: Path) -> None:
    classifier = load(bundle)
    facts = dataclasses.replace(classifier.bundle.training, seed=7)
    other = dataclasses.replace(classifier.bundle, training=facts)
    result = reproduce(
        classifier,
        lambda _: retrain(other, _training_data(trained.data), versions={}),
        data_sha256=trained.data.sha256,
    )
    assert not result.identical
    assert result.largest_difference is not None
    assert result.largest_difference > 1e-3
