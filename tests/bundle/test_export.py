from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from study.bundle.bundle import Bundle, DataFacts, MeasuredValue, OnnxCheck
from study.bundle.chosen_network import final_figures, validation_figures
from study.bundle.classifier import Classifier, load
from study.bundle.export import export_study, model_card
from study.bundle.reproduce import describe_reproduction, reproduce_bundle
from study.common.errors import EvaluationError
from study.confirmation.confirm import confirm
from study.confirmation.retraining import seed_of
from study.final_test.access_log import read_accesses
from study.final_test.final_test import run_test
from study.final_test.result import ACCURACY, AUC, CALIBRATION, read_final_test
from study.statistics.intervals import next_value_interval, t_interval, wilson
from study.statistics.results import Interval
from study.storage.records import ranked
from study.storage.stored_study import TEST, load_trials, open_study
from tests.bundle.bundles import RGB, STAGED, described
from tests.data.files import write_npz
from tests.searched import copied, learnable, resources, run_context, search

NOW = dt.datetime(2026, 3, 4, 5, 6, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("searched")
    search(folder)
    return folder


@pytest.fixture(scope="module")
def confirmed(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(searched, tmp_path_factory.mktemp("confirmed") / "copy")
    confirm("s", resources(folder), top=2, seeds=2)
    return folder


@pytest.fixture(scope="module")
def tested(confirmed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a tested study, exported to ``out``."""
    folder = copied(confirmed, tmp_path_factory.mktemp("tested") / "copy")
    run_test("s", resources(folder), seeds=3, fit_on="train", now=lambda: NOW)
    export_study("s", run_context(folder), directory=folder / "out", now=NOW)
    return folder


@pytest.fixture(scope="module")
def exported(tested: Path) -> Classifier:
    return load(tested / "out")


def written(folder: Path, directory: Path) -> Bundle:
    return export_study("s", run_context(folder), directory=directory, now=NOW, onnx=False)


def test_the_tested_network_is_exported_with_its_figures(
    tested: Path, exported: Classifier
) -> None:
    runs = load_trials("s-test", run_context(tested).url)[1]
    bundle = exported.bundle
    assert bundle.training.seed == seed_of(runs[0])
    assert bundle.training.study == "s-test"
    assert bundle.test_accesses == 1
    assert bundle.figures["val_accuracy"].value == runs[0].metrics["val_accuracy"]
    assert bundle.figures["val_accuracy"].mean == pytest.approx(
        np.mean([r.metrics["val_accuracy"] for r in runs])
    )
    assert bundle.figures["test_accuracy"].over_images is not None
    assert bundle.created == "2026-03-04T05:06:00+00:00"
    assert not bundle.limits
    stored = open_study("s", run_context(tested).url).study.user_attrs[TEST]
    assert stored["networks"][0]["weights"] == bundle.files["model.safetensors"].sha256


def test_the_figures_of_the_test_are_those_of_the_first_seeds_network(
    tested: Path, exported: Classifier
) -> None:
    study = open_study("s", run_context(tested).url).study
    result = read_final_test(study.user_attrs)
    assert result is not None
    figures = final_figures(result)
    assert figures[ACCURACY].value == result.networks[0].measures[ACCURACY]
    assert figures[ACCURACY].over_images == result.first.intervals[ACCURACY]
    assert figures[AUC].mean == result.over_seeds[AUC].mean
    assert figures[CALIBRATION].over_images is None
    assert figures[CALIBRATION].next_run is not None
    assert figures.items() <= exported.bundle.figures.items()


def test_validation_figures_include_the_spread_of_sibling_runs() -> None:
    runs = [0.80, 0.81, 0.82]
    metrics = {"val_accuracy": 0.8193, "val_auc": 0.95}
    siblings = {"val_accuracy": runs, "val_auc": []}
    figures = validation_figures(metrics, images=758, siblings=siblings)
    accuracy = figures["val_accuracy"]
    assert accuracy.over_images == wilson(621, 758)
    assert accuracy.mean == pytest.approx(0.81)
    assert accuracy.over_seeds == t_interval(runs)
    assert accuracy.next_run == next_value_interval(runs)
    assert (figures["val_auc"].over_images, figures["val_auc"].mean) == (None, None)


@pytest.mark.parametrize("part", ["test", "val"])
def test_the_exported_network_has_the_accuracies_that_are_stated(
    exported: Classifier, part: str
) -> None:
    arrays = learnable()
    images = torch.from_numpy(arrays[f"{part}_images"])[:, None]
    hits = exported.probabilities(images).argmax(dim=1).numpy() == arrays[f"{part}_labels"][:, 0]
    assert hits.mean() == pytest.approx(exported.bundle.figures[f"{part}_accuracy"].value)


def test_the_card_of_a_study_states_data_figures_and_access_and_no_path(tested: Path) -> None:
    card = (tested / "out" / "MODEL_CARD.md").read_text("utf-8")
    for words in (
        "test accuracy",
        "licence of the images: not stated",
        "of test in train",
        "The test part was opened once",
    ):
        assert words in card
    assert str(tested) not in card


def test_the_card_states_the_network_its_figures_its_data_and_its_limits() -> None:
    card = model_card(described())
    for part in (
        "# octmnist-small",
        "sorts grey images of 28×28 pixels into 4 classes: CNV, DME, drusen, normal",
        "**Not for clinical use.**",
        "| validation accuracy | 0.8120 | 0.8000 to 0.8200 | 0.8100 | 0.8050 to 0.8150 |",
        "licence of the images: CC BY 4.0",
        "- seed 101, 3 epochs, float32",
        "- torch: 2.14.1",
        "2,874 parameters",
        "too good by an unknown amount",
        "no ONNX file",
    ):
        assert part in card
    staged = model_card(described(STAGED, RGB))
    assert "RGB images of 20×20" in staged
    assert "Residual 3×3" in staged


def test_the_card_states_the_accesses_to_the_test_part_and_the_onnx_check() -> None:
    check = OnnxCheck(images=758, largest_difference=3.1e-7, same_class=758, runtime="1.32.0")
    card = model_card(described(test_accesses=2, onnx=check))
    assert "The test part was opened 2 times" in card
    assert "too good" not in card
    assert "on 758 real images its probabilities differ from PyTorch's by 3.1e-07 at most" in card
    assert "neither confirmed nor tested" in model_card(described(figures={}))


def test_text_from_outside_cannot_break_the_card() -> None:
    nasty = "x | y\n# Fake <script>alert(1)</script> `"
    card = model_card(described(data=DataFacts(name=nasty, licence=nasty, notes=(nasty,))))
    assert "\n# Fake" not in card
    assert "<script>" not in card


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_another_level_than_95_is_stated(level: float) -> None:
    figure = MeasuredValue(value=0.8, over_images=Interval(low=0.7, high=0.9, level=level))
    assert ("(90 %)" in model_card(described(figures={"test_auc": figure}))) == (level == 0.9)


def test_onnx_agrees_with_pytorch_on_real_images(exported: Classifier) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    check = exported.bundle.onnx
    assert check is not None
    assert (check.images, check.same_class) == (45, 45)
    assert check.largest_difference < 1e-5


def test_training_it_again_gives_the_same_bits(tested: Path, exported: Classifier) -> None:
    torch.manual_seed(12345)  # the global generator makes no difference
    result = reproduce_bundle(exported, run_context(tested))
    assert result.verdict == "identical", describe_reproduction(result)
    assert not result.differences, result.differences
    assert all(m.then == m.now for m in result.measures)


def test_a_network_of_another_seed_lies_in_the_range_expected_of_another_run(
    tested: Path, exported: Classifier
) -> None:
    other = replace(exported.bundle, training=replace(exported.bundle.training, seed=12345))
    result = reproduce_bundle(replace(exported, bundle=other), run_context(tested))
    assert not result.identical
    assert result.largest_difference is not None
    assert result.largest_difference > 1e-3
    assert result.measures
    assert all(m.expected is not None for m in result.measures)
    assert result.verdict == "within", describe_reproduction(result)


def test_other_images_are_not_trained_on(exported: Classifier, tmp_path: Path) -> None:
    arrays = learnable()
    arrays["train_images"][0] ^= 1
    np.savez_compressed(tmp_path / "tiny.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(EvaluationError, match="was trained on other images or labels of tiny"):
        reproduce_bundle(exported, run_context(tmp_path), dataset=str(tmp_path / "tiny.npz"))


def test_without_a_test_a_fresh_confirmed_network_is_exported(
    confirmed: Path, tmp_path: Path
) -> None:
    bundle = written(confirmed, tmp_path / "out")
    runs = load_trials("s-confirm", run_context(confirmed).url)[1]
    own = [seed_of(r) for r in runs if r.candidate_id == bundle.candidate_id]
    assert bundle.training.seed == own[0]
    assert "not tested" in bundle.limits[0]
    assert not any(name.startswith("test_") for name in bundle.figures)
    assert not read_accesses(open_study("s", run_context(confirmed).url).study)


def test_without_a_confirmation_the_best_of_the_search_is_exported_with_that_limit(
    searched: Path, tmp_path: Path
) -> None:
    bundle = written(searched, tmp_path / "out")
    best = ranked(load_trials("s", run_context(searched).url)[1])[0]
    assert (bundle.candidate_id, bundle.training.number) == (best.candidate_id, best.number)
    assert bundle.figures["val_accuracy"].value == best.value
    assert "neither confirmed with fresh seeds nor tested" in bundle.limits[0]


def test_a_best_that_another_study_trained_is_exported_with_its_seed(
    searched: Path, tmp_path: Path
) -> None:
    folder = copied(searched, tmp_path / "copy")
    search(folder, study="again", reuse=("s",))
    best = ranked(load_trials("again", run_context(folder).url)[1])[0]
    bundle = export_study(
        "again", run_context(folder), directory=tmp_path / "out", now=NOW, onnx=False
    )
    ours = written(searched, tmp_path / "ours")
    assert str(best.reused_from).startswith("s/")
    assert bundle.training.seed == ours.training.seed
    assert bundle.files["model.safetensors"] == ours.files["model.safetensors"]


def test_a_lost_checkpoint_is_trained_again_to_the_same_weights(
    confirmed: Path, tmp_path: Path
) -> None:
    first = written(confirmed, tmp_path / "first")
    folder = copied(confirmed, tmp_path / "copy")
    for path in (folder / "artifacts").rglob("*.pt"):
        path.unlink()
    second = written(folder, tmp_path / "second")
    assert second.files["model.safetensors"] == first.files["model.safetensors"]


def test_other_weights_than_the_tested_ones_have_no_test_figures_but_a_limit(
    tested: Path, tmp_path: Path
) -> None:
    folder = copied(tested, tmp_path / "copy")
    study = open_study("s", run_context(folder).url).study
    stored = study.user_attrs[TEST]
    first, *others = stored["networks"]
    study.set_user_attr(TEST, {**stored, "networks": [{**first, "weights": "0" * 64}, *others]})
    bundle = written(folder, tmp_path / "out")
    assert all(name.startswith("val_") for name in bundle.figures)
    assert "gave other weights" in bundle.limits[0]
    assert "never tested" in (tmp_path / "out" / "MODEL_CARD.md").read_text("utf-8")


@pytest.mark.slow
def test_a_network_that_learned_the_validation_images_has_no_validation_figures(
    confirmed: Path, tmp_path: Path
) -> None:
    folder = copied(confirmed, tmp_path / "copy")
    run_test("s", resources(folder), seeds=2, fit_on="train+val", now=lambda: NOW)
    bundle = written(folder, tmp_path / "out")
    assert bundle.training.fit_on == "train+val"
    assert all(name.startswith("test_") for name in bundle.figures)
    classifier = load(tmp_path / "out")
    assert reproduce_bundle(classifier, run_context(folder)).verdict == "identical"
    other = replace(classifier.bundle, training=replace(classifier.bundle.training, seed=12345))
    again = reproduce_bundle(replace(classifier, bundle=other), run_context(folder))
    assert (again.measures, again.verdict) == ((), "not judged")


@pytest.mark.slow
def test_images_left_out_of_the_training_are_left_out_of_the_second_training(
    tmp_path: Path,
) -> None:
    arrays = learnable()
    arrays["test_images"][:3] = arrays["val_images"][:3]
    write_npz(tmp_path / "tiny.npz", arrays)
    search(tmp_path, drop_leaks=True)
    confirm("s", resources(tmp_path), top=1, seeds=1)
    run_test("s", resources(tmp_path), seeds=1, fit_on="train+val", now=lambda: NOW)
    stored = open_study("s-test-trainval", run_context(tmp_path).url)
    notes = [note for note in stored.data["notes"] if "not learned for a twin in test" in note]
    assert len(notes) == 1
    written(tmp_path, tmp_path / "out")
    result = reproduce_bundle(load(tmp_path / "out"), run_context(tmp_path))
    assert result.verdict == "identical", describe_reproduction(result)


@pytest.mark.slow
def test_a_search_that_trained_nothing_has_no_network_to_export(tmp_path: Path) -> None:
    search(tmp_path, estimator="synthetic")
    with pytest.raises(EvaluationError, match="run 'confirm s' first, which chooses and trains"):
        written(tmp_path, tmp_path / "out")
