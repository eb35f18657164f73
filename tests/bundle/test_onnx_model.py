from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from study.bundle import onnx_model as module
from study.bundle.bundle import ONNX
from study.bundle.classifier import Classifier, load
from study.bundle.export import write_bundle
from study.bundle.onnx_model import TOLERANCE, OnnxModel, onnx_available, onnx_model
from study.common.errors import EvaluationError
from tests.bundle.bundles import RGB, STAGED, classifier, described, images
from tests.data.files import SHARED

MINI = SHARED / "octmnist_mini.npz"
needs_onnx = pytest.mark.skipif(not onnx_available(), reason="the extra 'export' is missing")


@pytest.fixture(scope="module")  # the exporter takes seconds
def plain() -> OnnxModel:
    return onnx_model(classifier(described()), images(37))


def _check_session(made: Classifier, model: OnnxModel) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    image = made.image
    batch = images(37, image)
    session = onnxruntime.InferenceSession(model.content)
    (entry,) = session.get_inputs()
    assert (entry.name, entry.type) == ("images", "tensor(uint8)")
    assert entry.shape[1:] == [image.size, image.size, image.channels]
    pixels = np.ascontiguousarray(batch.numpy().transpose(0, 2, 3, 1))
    probabilities, scores = session.run(["probabilities", "scores"], {"images": pixels})
    torch.testing.assert_close(torch.from_numpy(scores), made.scores(batch))
    difference = np.abs(probabilities - made.probabilities(batch).numpy()).max()
    assert model.check.largest_difference == pytest.approx(difference, abs=1e-6)
    assert (model.check.images, model.check.same_class) == (37, 37)


@needs_onnx
def test_onnx_takes_pixels_as_decoded_and_agrees_with_pytorch(plain: OnnxModel) -> None:
    _check_session(classifier(described()), plain)


@needs_onnx
@pytest.mark.slow
def test_a_staged_network_for_colour_images_agrees_as_well() -> None:
    staged = classifier(described(STAGED, RGB))
    _check_session(staged, onnx_model(staged, images(37, RGB)))


@needs_onnx
def test_onnx_names_its_classes_and_no_path_of_this_machine(plain: OnnxModel) -> None:
    onnx = pytest.importorskip("onnx")
    content = plain.content
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model)
    described_as = {entry.key: entry.value for entry in model.metadata_props}
    assert described_as["class_names"] == '["CNV", "DME", "drusen", "normal"]'
    assert "Not for clinical use" in model.doc_string
    assert b".py" not in content
    assert str(Path(__file__).parents[2]).encode() not in content


@needs_onnx
def test_the_same_network_gives_the_same_onnx_and_a_bundle_contains_it(
    plain: OnnxModel, tmp_path: Path
) -> None:
    assert onnx_model(classifier(described()), images(37)) == plain
    written = write_bundle(tmp_path / "b", classifier(described()), onnx=plain)
    assert (tmp_path / "b" / ONNX).read_bytes() == plain.content
    assert load(tmp_path / "b").bundle.onnx == plain.check == written.onnx


@needs_onnx
@pytest.mark.skipif(not MINI.exists(), reason="octmnist_mini.npz is not beside the checkout")
def test_onnx_agrees_with_pytorch_on_real_images() -> None:
    real = torch.from_numpy(np.load(MINI)["val_images"])[:, None]
    check = onnx_model(classifier(described(STAGED)), real).check
    assert check.images == len(real)
    assert check.largest_difference < 1e-5


@needs_onnx
def test_an_onnx_file_that_disagrees_is_not_exported(
    plain: OnnxModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOLERANCE", -1.0)
    monkeypatch.setattr(module, "_content", lambda _: plain.content)
    with pytest.raises(EvaluationError, match="ONNX and PyTorch differ by"):
        onnx_model(classifier(described()), images(3))
    assert TOLERANCE == 1e-4


def test_a_missing_package_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if "onnx" in name else name)
    with pytest.raises(EvaluationError, match=r'pip install "study-nas\[export\]"'):
        onnx_model(classifier(described()), images(1))
    assert not onnx_available()
