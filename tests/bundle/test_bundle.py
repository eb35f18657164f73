from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import study
from study.bundle.bundle import (
    CARD,
    DESCRIPTION,
    FORMAT,
    SPACE,
    WEIGHTS,
    Bundle,
    FileFacts,
    MeasuredValue,
    description_text,
    read_bundle,
    sealed,
    with_digest,
)
from study.bundle.classifier import classifier_of, load
from study.bundle.export import write_bundle
from study.common.errors import EvaluationError
from study.network.build import weights_of
from study.network.forward import LARGEST_BATCH, batch_size, normalise
from study.search_space.candidate import Architecture, ImageFormat
from study.search_space.resolve import resolve
from tests.bundle.bundles import (
    PLAIN,
    RGB,
    STAGED,
    classifier,
    described,
    exported,
    images,
    network,
)

FILES = (DESCRIPTION, WEIGHTS, CARD, SPACE)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "pristine"
    exported(directory)
    return directory


@pytest.fixture
def copy(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "copy"))


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("image", [ImageFormat(), RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize("architecture", [PLAIN, STAGED], ids=["plain", "staged"])
def test_a_network_comes_back_bit_for_bit(
    architecture: Architecture, image: ImageFormat, tmp_path: Path
) -> None:
    bundle = described(architecture, image)
    trained = network(bundle)
    written = write_bundle(tmp_path / "b", classifier_of(bundle, weights_of(trained)))
    found = study.load(tmp_path / "b")
    assert found.bundle == written
    assert (written.figures, written.settings) == (bundle.figures, bundle.settings)
    batch = images(9, image)
    with torch.inference_mode():
        assert torch.equal(found.scores(batch), trained(normalise(batch)))
    for name, tensor in trained.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], tensor)


def test_the_recorded_preprocessing_is_the_one_of_training(pristine: Path) -> None:
    every_level = torch.arange(256, dtype=torch.uint8).repeat(1, 1, 28, 1)[..., :28]
    assert torch.equal(load(pristine).preprocess(every_level), normalise(every_level))


def test_probabilities_of_many_images_are_those_of_each_alone(pristine: Path) -> None:
    found = load(pristine)
    batch = images(LARGEST_BATCH + 3)
    together = found.probabilities(batch)
    alone = torch.cat([found.probabilities(batch[i : i + 1]) for i in (0, 255, 256, 258)])
    torch.testing.assert_close(together[[0, 255, 256, 258]], alone)
    torch.testing.assert_close(together.sum(dim=1), torch.ones(len(batch)))
    assert found.probabilities(batch[:0]).shape == (0, 4)


def test_large_images_are_classified_a_few_at_a_time() -> None:
    large = resolve(Architecture(channels=64), ImageFormat(size=512))
    assert batch_size(large) < 16
    assert batch_size(described().stack) == LARGEST_BATCH


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(1, 1, 28, 28), images(1, RGB), images(1)[0], images(1)[:, :, :, 1:]],
    ids=["float", "rgb", "no batch", "not square"],
)
def test_images_of_another_form_are_refused(pristine: Path, wrong: torch.Tensor) -> None:
    with pytest.raises(EvaluationError, match=r"takes torch.uint8 of shape \(n, 1, 28, 28\)"):
        load(pristine).scores(wrong)


def test_another_bundle_than_the_expected_one_is_refused(pristine: Path) -> None:
    digest = load(pristine).bundle.digest
    assert load(pristine, digest=digest).bundle.digest == digest
    with pytest.raises(EvaluationError, match="another bundle"):
        load(pristine, digest="0" * 64)


def test_study_has_no_other_public_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        study.nothing  # noqa: B018 - asking is the test


# Damage -----------------------------------------------------------------------------------------


def check_refused(directory: Path, name: str, content: bytes | bytearray) -> None:
    """Check that the bundle is not loaded with this content, and restore it."""
    path = directory / name
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        with pytest.raises(EvaluationError):
            load(directory)
    finally:
        path.write_bytes(before)


@given(data=st.data(), name=st.sampled_from(FILES))
def test_a_flipped_bit_anywhere_is_refused(pristine: Path, data: st.DataObject, name: str) -> None:
    changed = bytearray((pristine / name).read_bytes())
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    check_refused(pristine, name, changed)
    load(pristine)


def test_every_byte_of_the_description_counts(pristine: Path) -> None:
    content = (pristine / DESCRIPTION).read_bytes()
    for position in range(0, len(content), 7):
        changed = bytearray(content)
        changed[position] ^= 1
        check_refused(pristine, DESCRIPTION, changed)


@given(data=st.data(), name=st.sampled_from(FILES))
def test_a_file_cut_off_anywhere_is_refused(
    pristine: Path, data: st.DataObject, name: str
) -> None:
    content = (pristine / name).read_bytes()
    check_refused(pristine, name, content[: data.draw(st.integers(0, len(content) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_in_place_of_the_description_are_refused(pristine: Path, noise: bytes) -> None:
    check_refused(pristine, DESCRIPTION, noise)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(EvaluationError, match=name):
        load(copy)


def test_weights_of_another_bundle_are_refused(copy: Path, tmp_path: Path) -> None:
    write_bundle(tmp_path / "other", classifier(described(), seed=1))
    shutil.copy(tmp_path / "other" / WEIGHTS, copy / WEIGHTS)
    with pytest.raises(EvaluationError, match="its SHA-256 is not the one listed"):
        load(copy)


def test_a_file_that_is_not_listed_is_left_alone(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    (copy / "model.onnx").write_bytes(b"not listed")
    load(copy)
    assert read_bundle(copy)[1][SPACE] == b"parameters: {}\n"


# Forgery ----------------------------------------------------------------------------------------


def forge(directory: Path, bundle: Bundle) -> None:
    """Write a description whose digest is right."""
    text = description_text(with_digest(bundle))
    (directory / DESCRIPTION).write_text(text, encoding="utf-8")


Forged = Callable[[Bundle], Bundle]


def with_layer(part: str, **fields: object) -> Forged:
    """Change the image format, the head or the first block of the stack."""

    def change(bundle: Bundle) -> Bundle:
        stack = bundle.stack
        if part == "block":
            first = replace(stack.blocks[0], **fields)  # type: ignore[arg-type]
            return replace(bundle, stack=replace(stack, blocks=(first, *stack.blocks[1:])))
        changed = {part: replace(getattr(stack, part), **fields)}
        return replace(bundle, stack=replace(stack, **changed))

    return change


def with_file(name: str) -> Forged:
    return lambda b: replace(b, files={**b.files, name: FileFacts(bytes=1, sha256="00")})


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (with_file("../../etc/passwd"), "it lists the files"),
        (with_file("/etc/passwd"), "it lists the files"),
        (with_file("sub/model.onnx"), "it lists the files"),
        (with_file("x"), "it lists the files"),
        (with_file(""), "it lists the files"),
        (lambda bundle: replace(bundle, files={}), "it lists the files"),
        (with_layer("head", in_features=10**12), r"parameters in .* bytes of weights"),
        (with_layer("image", size=10**6), "1000000 pixels a side"),
        (with_layer("block", operation="eval"), "cannot be used"),
        (with_layer("block", kernel=-3), "cannot be used"),
        (with_layer("block", in_channels=5), "cannot be used"),
        (with_layer("block", pool="none"), "cannot be used"),
        (with_layer("head", kind="global_average"), "cannot be used"),
        (with_layer("head", activation="import os"), "cannot be used"),
        (lambda bundle: replace(bundle, class_names=("a", "b")), "class name"),
        (lambda bundle: replace(bundle, class_names=tuple("abc\x1b")), "class name"),
    ],
)
def test_a_forged_description_is_refused_before_it_does_harm(
    copy: Path, change: Forged, found: str
) -> None:
    forge(copy, change(read_bundle(copy)[0]))
    with pytest.raises(EvaluationError, match=found):
        load(copy)


def test_a_pickle_in_place_of_weights_is_not_opened(copy: Path) -> None:
    bundle, _ = read_bundle(copy)
    torch.save(network(bundle).state_dict(), copy / WEIGHTS)
    facts = sealed(bundle, {WEIGHTS: (copy / WEIGHTS).read_bytes()}).files[WEIGHTS]
    forge(copy, replace(bundle, files={**bundle.files, WEIGHTS: facts}))
    with pytest.raises(EvaluationError, match="no safetensors file"):
        load(copy)


def test_a_newer_form_is_refused_with_the_remedy(copy: Path) -> None:
    text = (copy / DESCRIPTION).read_text()
    (copy / DESCRIPTION).write_text(text.replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(EvaluationError, match=r"format 99, this version reads 1; use the version"):
        load(copy)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '"bundle"',
        "[" * 100_000,
        '{"format": 1}',
        '{"format": 1' + "0" * 9000,
    ],
)
def test_what_is_no_description_is_refused(copy: Path, text: str) -> None:
    (copy / DESCRIPTION).write_text(text)
    with pytest.raises(EvaluationError, match=r"bundle\.json"):
        load(copy)


def test_a_number_that_is_not_finite_is_refused(copy: Path) -> None:
    stored = json.loads((copy / DESCRIPTION).read_text())
    stored["settings"]["lr"] = float("inf")
    (copy / DESCRIPTION).write_text(json.dumps(stored, sort_keys=True, indent=2) + "\n")
    with pytest.raises(EvaluationError, match="damaged or changed"):
        load(copy)


@pytest.mark.parametrize("directory", [Path(), Path("nowhere")])
def test_a_directory_without_a_bundle_says_so(tmp_path: Path, directory: Path) -> None:
    with pytest.raises(EvaluationError, match="no bundle"):
        load(str(tmp_path / directory))


# Writing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("directory", ["empty", "deep/down/here", "."])
def test_the_same_network_gives_the_same_bytes_in_any_directory(
    pristine: Path, tmp_path: Path, directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    folder = tmp_path / "empty" if directory == "." else tmp_path
    monkeypatch.chdir(folder)
    exported(Path(directory))
    assert contents(folder / directory) == contents(pristine)


def test_nothing_is_overwritten(copy: Path, tmp_path: Path) -> None:
    before = contents(copy)
    with pytest.raises(EvaluationError, match="nothing is overwritten"):
        exported(copy)
    assert contents(copy) == before
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="is a file"):
        exported(tmp_path / "file")
    with pytest.raises(EvaluationError, match="cannot be written"):
        exported(tmp_path / "file" / "bundle")


@pytest.mark.parametrize("broken", ["not finite", "weights of other layers"])
def test_weights_that_cannot_be_used_are_refused(broken: str) -> None:
    bundle = described()
    wrong = network(bundle) if broken == "not finite" else nn.Linear(50, 400)
    with torch.no_grad():
        next(wrong.parameters()).view(-1)[0] = torch.nan
    with pytest.raises(ValueError, match=broken):
        classifier_of(bundle, weights_of(wrong))


def test_a_figure_that_is_not_finite_is_not_exported(tmp_path: Path) -> None:
    bundle = described(figures={"val_log_loss": MeasuredValue(value=float("inf"))})
    with pytest.raises(EvaluationError, match="not written"):
        write_bundle(tmp_path / "b", classifier(bundle))
    assert list(tmp_path.iterdir()) == []


def test_a_failure_midway_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EvaluationError, match="No space left on device"):
        exported(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_has_the_permissions_of_a_new_directory(tmp_path: Path) -> None:
    exported(tmp_path / "b")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_weights_are_the_same_bytes_in_any_memory_layout() -> None:
    made = network(described())
    assert weights_of(made) == weights_of(made.to(memory_format=torch.contiguous_format))


@pytest.mark.slow
def test_an_export_killed_at_any_instant_leaves_a_whole_bundle_or_none(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import itertools, pathlib, sys
        from tests.bundle.bundles import exported
        for i in itertools.count():
            exported(pathlib.Path(sys.argv[1]) / str(i))
            print(i, flush=True)
        """
    )
    for delay in (0.0, 0.011, 0.023, 0.037, 0.05):
        folder = tmp_path / str(delay)
        with subprocess.Popen(
            [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay)
            child.kill()
        for bundle in folder.glob("[0-9]*"):
            load(bundle)
