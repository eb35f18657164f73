from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
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
    description_text,
    read_bundle,
    sealed,
    with_digest,
)
from study.bundle.classifier import load
from study.bundle.export import write_bundle
from study.common.errors import EvaluationError
from study.network.build import weights_of
from study.network.forward import LARGEST_BATCH, batch_size, normalise
from study.search_space.candidate import Architecture, ImageFormat
from study.search_space.resolve import resolve
from tests.bundle.bundles import PLAIN, STAGED, described, exported, images, network

RGB = ImageFormat(channels=3, size=20, classes=3)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bundles") / "pristine"
    exported(directory)
    return directory


@pytest.fixture
def copy(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "copy"))


@pytest.mark.parametrize("image", [ImageFormat(), RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize("architecture", [PLAIN, STAGED], ids=["plain", "staged"])
def test_a_network_comes_back_bit_for_bit(
    architecture: Architecture, image: ImageFormat, tmp_path: Path
) -> None:
    bundle = described(architecture, image)
    trained = network(bundle)
    written = write_bundle(tmp_path / "b", bundle=bundle, network=trained)
    classifier = study.load(tmp_path / "b")
    assert classifier.bundle == written
    batch = images(9, image)
    with torch.inference_mode():
        assert torch.equal(classifier.scores(batch), trained(normalise(batch)))
    for name, tensor in trained.state_dict().items():
        assert torch.equal(classifier.network.state_dict()[name], tensor)


def test_the_recorded_preprocessing_is_the_one_of_training(pristine: Path) -> None:
    every_level = torch.arange(256, dtype=torch.uint8).repeat(1, 1, 28, 1)[..., :28]
    assert torch.equal(load(pristine).preprocess(every_level), normalise(every_level))


def test_probabilities_of_many_images_are_those_of_each_alone(pristine: Path) -> None:
    classifier = load(pristine)
    batch = images(LARGEST_BATCH + 3)
    together = classifier.probabilities(batch)
    alone = torch.cat([classifier.probabilities(batch[i : i + 1]) for i in (0, 255, 256, 258)])
    torch.testing.assert_close(together[[0, 255, 256, 258]], alone)
    torch.testing.assert_close(together.sum(dim=1), torch.ones(len(batch)))
    assert classifier.probabilities(batch[:0]).shape == (0, 4)


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


def test_the_same_network_gives_the_same_bytes_and_the_same_digest(tmp_path: Path) -> None:
    first, second = exported(tmp_path / "a"), exported(tmp_path / "b")
    assert first.digest == second.digest
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_the_empty_folder_one_is_in_becomes_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    digest = exported(Path()).digest
    assert load(tmp_path).bundle.digest == digest


def test_another_bundle_than_the_one_asked_for_is_refused(pristine: Path) -> None:
    digest = load(pristine).bundle.digest
    assert load(pristine, digest=digest).bundle.digest == digest
    with pytest.raises(EvaluationError, match="another bundle"):
        load(pristine, digest="0" * 64)


def test_study_has_no_other_public_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        study.nothing  # noqa: B018 - asking is the test


# What was changed -------------------------------------------------------------------------------


@given(data=st.data())
def test_a_flipped_bit_anywhere_is_refused(pristine: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([DESCRIPTION, WEIGHTS, CARD, SPACE]))
    path = pristine / name
    content = path.read_bytes()
    position = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(changed)
    try:
        with pytest.raises(EvaluationError):
            load(pristine)
    finally:
        path.write_bytes(content)
    load(pristine)


def test_every_byte_of_the_description_counts(pristine: Path) -> None:
    path = pristine / DESCRIPTION
    content = path.read_bytes()
    try:
        for position in range(0, len(content), 7):
            changed = bytearray(content)
            changed[position] ^= 1
            path.write_bytes(changed)
            with pytest.raises(EvaluationError):
                read_bundle(pristine)
    finally:
        path.write_bytes(content)


@given(data=st.data())
def test_a_file_cut_off_anywhere_is_refused(pristine: Path, data: st.DataObject) -> None:
    path = pristine / data.draw(st.sampled_from([DESCRIPTION, WEIGHTS, CARD, SPACE]))
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    try:
        with pytest.raises(EvaluationError):
            load(pristine)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("name", [DESCRIPTION, WEIGHTS, CARD, SPACE])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(EvaluationError, match=name):
        load(copy)


def test_weights_of_another_bundle_are_refused(copy: Path, tmp_path: Path) -> None:
    bundle = described()
    write_bundle(tmp_path / "other", bundle=bundle, network=network(bundle, seed=1))
    shutil.copy(tmp_path / "other" / WEIGHTS, copy / WEIGHTS)
    with pytest.raises(EvaluationError, match="its SHA-256 is not the one listed"):
        load(copy)


def test_a_file_that_is_not_listed_is_left_alone(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine")
    (copy / "model.onnx").write_bytes(b"not looked at")
    load(copy)


# What someone forged ----------------------------------------------------------------------------


def _forge(directory: Path, **fields: object) -> None:
    """Write a description whose digest is right and whose content is not to be trusted."""
    bundle = dataclasses.replace(read_bundle(directory).bundle, **fields)  # type: ignore[arg-type]
    _write_forged(directory, bundle)


def _write_forged(directory: Path, bundle: Bundle) -> None:
    text = description_text(with_digest(bundle))
    (directory / DESCRIPTION).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "sub/model.onnx", "x", ""])
def test_a_description_that_leads_out_of_its_directory_is_refused(copy: Path, name: str) -> None:
    files = read_bundle(copy).bundle.files
    _forge(copy, files={**files, name: FileFacts(bytes=1, sha256="00")})
    with pytest.raises(EvaluationError, match="it lists the files"):
        load(copy)


def test_a_description_without_weights_is_refused(copy: Path) -> None:
    _forge(copy, files={})
    with pytest.raises(EvaluationError, match="it lists the files"):
        load(copy)


def test_layers_that_would_take_all_memory_are_refused_before_they_are_built(copy: Path) -> None:
    stack = read_bundle(copy).bundle.stack
    head = dataclasses.replace(stack.head, in_features=10**12)
    _forge(copy, stack=dataclasses.replace(stack, head=head))
    with pytest.raises(EvaluationError, match=r"parameters in .* bytes of weights"):
        load(copy)


def test_images_that_would_take_all_memory_are_refused(copy: Path) -> None:
    stack = read_bundle(copy).bundle.stack
    image = dataclasses.replace(stack.image, size=10**6)
    _forge(copy, stack=dataclasses.replace(stack, image=image))
    with pytest.raises(EvaluationError, match="1000000 pixels a side"):
        load(copy)


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        ("block", "operation", "eval"),
        ("block", "kernel", -3),
        ("block", "in_channels", 5),
        ("block", "pool", "none"),
        ("head", "kind", "global_average"),
        ("head", "activation", "import os"),
    ],
)
def test_layers_that_do_not_fit_together_are_refused(
    copy: Path, place: str, field: str, value: object
) -> None:
    stack = read_bundle(copy).bundle.stack
    change = {field: value}
    if place == "head":
        stack = dataclasses.replace(stack, head=dataclasses.replace(stack.head, **change))  # type: ignore[arg-type]
    else:
        block = dataclasses.replace(stack.blocks[0], **change)  # type: ignore[arg-type]
        stack = dataclasses.replace(stack, blocks=(block, *stack.blocks[1:]))
    _forge(copy, stack=stack)
    with pytest.raises(EvaluationError, match="cannot be used"):
        load(copy)


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c", "d\x1b[31m")])
def test_class_names_that_do_not_fit_or_cannot_be_printed_are_refused(
    copy: Path, names: tuple[str, ...]
) -> None:
    _forge(copy, class_names=names)
    with pytest.raises(EvaluationError, match="class name"):
        load(copy)


def test_a_pickle_in_place_of_weights_is_not_opened(copy: Path) -> None:
    bundle = read_bundle(copy).bundle
    torch.save(network(bundle).state_dict(), copy / WEIGHTS)
    facts = sealed(bundle, {WEIGHTS: (copy / WEIGHTS).read_bytes()}).files[WEIGHTS]
    _write_forged(copy, dataclasses.replace(bundle, files={**bundle.files, WEIGHTS: facts}))
    with pytest.raises(EvaluationError, match="no safetensors file"):
        load(copy)


def test_a_newer_form_is_refused_with_the_remedy(copy: Path) -> None:
    text = (copy / DESCRIPTION).read_text()
    (copy / DESCRIPTION).write_text(text.replace(f'"format": {FORMAT}', '"format": 99'))
    with pytest.raises(EvaluationError, match="format 99, this version reads 1"):
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


@given(st.binary(max_size=200))
def test_any_bytes_in_place_of_the_description_are_refused(pristine: Path, noise: bytes) -> None:
    path = pristine / DESCRIPTION
    content = path.read_bytes()
    path.write_bytes(noise)
    try:
        with pytest.raises(EvaluationError):
            load(pristine)
    finally:
        path.write_bytes(content)


def test_a_number_that_is_not_finite_is_refused(copy: Path) -> None:
    stored = json.loads((copy / DESCRIPTION).read_text())
    stored["settings"]["lr"] = float("inf")
    (copy / DESCRIPTION).write_text(json.dumps(stored, sort_keys=True, indent=2) + "\n")
    with pytest.raises(EvaluationError, match="damaged or changed"):
        load(copy)


def test_a_directory_without_a_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no bundle"):
        load(tmp_path)
    with pytest.raises(EvaluationError, match="no bundle"):
        load(str(tmp_path / "nowhere"))


# Writing ----------------------------------------------------------------------------------------


def test_nothing_is_overwritten(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    with pytest.raises(EvaluationError, match="nothing is overwritten"):
        exported(copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_a_file_in_the_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(EvaluationError, match="is a file"):
        exported(tmp_path / "taken")


def test_an_empty_directory_and_missing_parents_are_fine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    exported(tmp_path / "empty")
    exported(tmp_path / "deep" / "down" / "here")
    load(tmp_path / "empty")
    load(tmp_path / "deep" / "down" / "here")


def test_a_place_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match="cannot be written"):
        exported(tmp_path / "file" / "bundle")


def test_weights_that_are_not_finite_are_not_exported(tmp_path: Path) -> None:
    bundle = described()
    broken = network(bundle)
    with torch.no_grad():
        next(broken.parameters()).view(-1)[0] = torch.nan
    with pytest.raises(EvaluationError, match="not finite"):
        write_bundle(tmp_path / "b", bundle=bundle, network=broken)
    assert list(tmp_path.iterdir()) == []


def test_a_network_of_other_layers_is_not_exported(tmp_path: Path) -> None:
    bundle = described()
    with pytest.raises(EvaluationError, match="weights of other layers"):
        write_bundle(tmp_path / "b", bundle=bundle, network=nn.Linear(50, 400))
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


def test_the_bundle_can_be_read_by_whoever_may_read_new_files(tmp_path: Path) -> None:
    exported(tmp_path / "b")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "b").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_weights_are_the_same_bytes_wherever_they_lie_in_memory() -> None:
    made = network(described())
    assert weights_of(made) == weights_of(made.to(memory_format=torch.contiguous_format))


def test_all_that_was_described_comes_back(pristine: Path) -> None:
    read = read_bundle(pristine)
    assert read.bundle.figures == described().figures
    assert read.bundle.settings == described().settings
    assert read.bundle.candidate == described().candidate
    assert read.contents[SPACE] == b"parameters: {}\n"


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
        place = tmp_path / str(delay)
        with subprocess.Popen(
            [sys.executable, "-c", code, str(place)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(delay)
            child.send_signal(signal.SIGKILL)
        for bundle in place.glob("[0-9]*"):
            load(bundle)
