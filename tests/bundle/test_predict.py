from __future__ import annotations

import io
import json
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from study.bundle.classifier import Classifier, load
from study.bundle.images import ArrayFile, Fitting, Refusal, array_file
from study.bundle.predict import Prediction, predict, prediction_row
from study.report.prediction_table import prediction_blocks
from study.report.terminal import render_text
from study.search_space.candidate import ImageFormat
from tests.bundle.bundles import CLASSES, PLAIN, described, exported, images, network

RGB = ImageFormat(channels=3, size=28, classes=4)
Save = Callable[[str, Image.Image], str]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("predict")


@pytest.fixture(scope="module")
def grey(scratch: Path) -> Classifier:
    exported(scratch / "bundle")
    return load(scratch / "bundle")


@pytest.fixture(scope="module")
def colour() -> Classifier:
    bundle = described(PLAIN, RGB)
    return Classifier(bundle=bundle, network=network(bundle))


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def saved(name: str, image: Image.Image) -> str:
        image.save(tmp_path / name)
        return str(tmp_path / name)

    return saved


def _picture(size: tuple[int, int] = (28, 28), mode: str = "L", seed: int = 0) -> Image.Image:
    bands = len(Image.new(mode, (1, 1)).getbands())
    shape = (size[1], size[0]) if bands == 1 else (size[1], size[0], bands)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels)


def _predictions(classifier: Classifier, *files: str, **options: Any) -> list[Prediction]:
    found = list(predict(classifier, files, **options))
    refused = [f for f in found if isinstance(f, Refusal)]
    assert not refused
    return [f for f in found if isinstance(f, Prediction)]


def _reason(classifier: Classifier, file: str, **options: Any) -> str:
    (found,) = predict(classifier, [file], **options)
    assert isinstance(found, Refusal)
    return found.reason


def _shares(classifier: Classifier, pixels: NDArray[np.uint8]) -> tuple[float, ...]:
    return tuple(classifier.probabilities(torch.from_numpy(pixels)[None]).tolist()[0])


def test_a_png_is_classified_as_its_pixels_are(grey: Classifier, save: Save) -> None:
    picture = _picture()
    (found,) = _predictions(grey, save("a.png", picture))
    assert found.probabilities == _shares(grey, np.array(picture)[None])
    assert found.class_name == CLASSES[found.label]
    assert found.label == int(np.argmax(found.probabilities))


def test_a_colour_png_keeps_its_channels(colour: Classifier, save: Save) -> None:
    picture = _picture(mode="RGB")
    (found,) = _predictions(colour, save("a.png", picture))
    assert found.probabilities == _shares(colour, np.array(picture).transpose(2, 0, 1).copy())


def test_a_jpeg_is_classified(grey: Classifier, save: Save) -> None:
    file = save("a.jpg", _picture())
    (found,) = _predictions(grey, file)
    assert found.probabilities == _shares(grey, np.array(Image.open(file))[None])


@pytest.mark.parametrize("trailing", [(), (1,)])
def test_an_npz_gives_the_same_as_its_images_alone(
    grey: Classifier, tmp_path: Path, trailing: tuple[int, ...]
) -> None:
    batch = images(5)
    path = tmp_path / "a.npz"
    np.savez_compressed(path, images=batch[:, 0].numpy().reshape(5, 28, 28, *trailing))
    found = _predictions(grey, str(path))
    assert [s.source for s in found] == [f"{path}:images[{i}]" for i in range(5)]
    expected = grey.probabilities(batch)
    torch.testing.assert_close(torch.tensor([s.probabilities for s in found]), expected)


def test_an_array_of_a_file_is_named_after_a_colon_and_no_test_part_is_read(
    grey: Classifier, tmp_path: Path
) -> None:
    path, sealed = tmp_path / "octmnist.npz", tmp_path / "sealed.npz"
    some = images(3)[:, 0].numpy()
    np.savez(path, val_images=some, val_labels=np.zeros((3, 1), np.uint8), test_images=some)
    np.savez(sealed, test_images=some)
    assert len(_predictions(grey, f"{path}:val_images")) == 3
    reason = _reason(grey, str(path))
    assert "which array? There are: test_images, val_images, val_labels" in reason
    assert f"{path}:NAME" in reason
    for test_part in (str(sealed), f"{path}:test_images"):
        assert "which only 'test' opens" in _reason(grey, test_part)


def test_files_and_arrays_keep_their_order(grey: Classifier, save: Save, tmp_path: Path) -> None:
    path = tmp_path / "n.npz"
    np.savez(path, images=images(2)[:, 0].numpy())
    files = [save(f"{i:03}.png", _picture(seed=i)) for i in range(70)]
    mixed = [*files[:40], str(path), *files[40:], str(tmp_path / "none.png"), str(path)]
    found = list(predict(grey, mixed, readers=3))
    in_path = [f"{path}:images[0]", f"{path}:images[1]"]
    assert [f.source for f in found] == [
        *files[:40],
        *in_path,
        *files[40:],
        str(tmp_path / "none.png"),
        *in_path,
    ]


def test_a_directory_stands_for_the_images_in_it(
    grey: Classifier, save: Save, tmp_path: Path
) -> None:
    files = [save(name, _picture()) for name in ("b.png", "a.JPG")]
    (tmp_path / "notes.txt").write_text("x")
    assert [s.source for s in _predictions(grey, str(tmp_path))] == [files[1], files[0]]
    (tmp_path / "empty").mkdir()
    assert "without PNG or JPEG" in _reason(grey, str(tmp_path / "empty"))


# Images that do not fit -------------------------------------------------------------------------


def test_another_size_is_refused_or_resized_from_the_middle_square(
    grey: Classifier, save: Save, tmp_path: Path
) -> None:
    picture = _picture((60, 40))
    np.savez(tmp_path / "a.npz", images=np.array(picture)[None])
    square = picture.crop((10, 0, 50, 40)).resize((28, 28), Image.Resampling.BILINEAR)
    for file in (save("a.png", picture), str(tmp_path / "a.npz")):
        reason = _reason(grey, file)
        assert "60×40 pixels, the network takes 28×28" in reason
        assert "--resize" in reason
        (found,) = _predictions(grey, file, fitting=Fitting(resize=True))
        assert found.probabilities == _shares(grey, np.array(square)[None])


def test_colour_and_grey_are_converted_on_request_only(
    grey: Classifier, colour: Classifier, save: Save
) -> None:
    convert = Fitting(convert=True)
    picture = _picture(mode="RGB")
    file = save("a.png", picture)
    assert "a colour image, the network takes grey ones; --convert" in _reason(grey, file)
    (found,) = _predictions(grey, file, fitting=convert)
    assert found.probabilities == _shares(grey, np.array(picture.convert("L"))[None])
    picture = _picture()
    file = save("b.png", picture)
    assert "a grey image, the network takes colour ones" in _reason(colour, file)
    (found,) = _predictions(colour, file, fitting=convert)
    assert found.probabilities == _shares(colour, np.array(picture)[None].repeat(3, axis=0))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_a_grey_image_saved_in_another_form_is_a_grey_image(
    grey: Classifier, save: Save, mode: str
) -> None:
    picture = _picture() if mode != "1" else _picture().convert("1")
    (found,) = _predictions(grey, save("a.png", picture.convert(mode)))
    assert found.probabilities == _shares(grey, np.array(picture.convert("L"))[None])


@pytest.mark.parametrize(
    ("name", "picture", "found"),
    [
        ("a.png", _picture(mode="RGBA"), "transparent"),
        ("a.png", Image.fromarray(np.full((28, 28), 40_000, dtype=np.uint16)), "8 bits a channel"),
        ("a.jpg", _picture(mode="RGB").convert("CMYK"), "pixel mode CMYK"),
    ],
)
def test_pixels_that_would_lose_information_are_refused(
    grey: Classifier, save: Save, name: str, picture: Image.Image, found: str
) -> None:
    assert found in _reason(grey, save(name, picture))


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_a_channel_are_refused_in_grey_and_colour(
    colour: Classifier, tmp_path: Path, kind: int, channels: int
) -> None:
    row = b"\0" + bytes([255]) * (2 * 28 * channels)
    header = struct.pack(">IIBBBBB", 28, 28, 16, kind, 0, 0, 0)
    (tmp_path / "deep.png").write_bytes(_png(header, row * 28))
    assert "16 bits a channel" in _reason(colour, str(tmp_path / "deep.png"))


@pytest.mark.parametrize(("kind", "channels"), [(0, 1), (2, 3)])
def test_one_transparent_colour_is_refused_where_a_pixel_has_it(
    colour: Classifier, tmp_path: Path, kind: int, channels: int
) -> None:
    header = struct.pack(">IIBBBBB", 28, 28, 8, kind, 0, 0, 0)
    rows = (b"\0" + bytes([7]) * 28 * channels) * 28
    for value, transparent in ((7, True), (8, False)):
        hole = struct.pack(f">{channels}H", *[value] * channels)
        (tmp_path / "hole.png").write_bytes(_png(header, rows, hole))
        (found,) = predict(colour, [str(tmp_path / "hole.png")], fitting=Fitting(convert=True))
        refused = isinstance(found, Refusal) and "a transparent image" in found.reason
        assert refused is transparent


def test_the_exif_orientation_is_applied(grey: Classifier, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise
    _picture().save(tmp_path / "a.png", exif=exif)
    (found,) = _predictions(grey, str(tmp_path / "a.png"))
    upright = np.rot90(np.array(_picture()), k=-1)
    assert found.probabilities == _shares(grey, upright[None].copy())


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((2, 28, 28)), "of type float64; save pixels as uint8"),
        (np.zeros((2, 30, 28), np.uint8), "28×30 pixels, the network takes 28×28"),
        (np.zeros((28,), np.uint8), "has the shape"),
        (np.zeros((1, 1, 28, 28, 1), np.uint8), "has the shape"),
        (np.asfortranarray(np.zeros((2, 28, 28), np.uint8)), "has the shape"),
        (np.zeros((1, 28, 28, 2), np.uint8), "2 channels"),
        (np.array([{}]), "pickled Python objects"),
    ],
)
def test_arrays_that_are_no_images_are_refused(
    grey: Classifier, tmp_path: Path, array: NDArray[Any], reason: str
) -> None:
    np.savez(tmp_path / "a.npz", images=array)
    assert reason in _reason(grey, str(tmp_path / "a.npz"))


# Damaged files ----------------------------------------------------------------------------------


def test_damaged_images_are_refused_one_by_one(
    grey: Classifier, save: Save, tmp_path: Path
) -> None:
    content = Path(save("a.png", _picture())).read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not an image")
    expected = {
        "cut.png": "damaged or cut off",
        "a.png": "",
        "empty.png": "an empty file",
        "text.png": "neither PNG nor JPEG",
        "none.png": "there is no such file",
        "n" * 300 + ".png": "cannot be read (File name too long)",
    }
    found = list(predict(grey, [str(tmp_path / name) for name in expected]))
    for one, reason in zip(found, expected.values(), strict=True):
        assert reason in (one.reason if isinstance(one, Refusal) else "")
        assert isinstance(one, Prediction) == (reason == "")


def _png(header: bytes, data: bytes, transparent: bytes | None = None) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    between = b"" if transparent is None else chunk(b"tRNS", transparent)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + between + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def _bomb(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and has little data."""
    return _png(struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0), bytes(1000))


@pytest.mark.parametrize("side", [28_000, 2**31 - 1])
@pytest.mark.parametrize("resize", [False, True])
def test_a_huge_image_is_refused_before_it_is_decoded(
    grey: Classifier, tmp_path: Path, side: int, resize: bool
) -> None:
    (tmp_path / "bomb.png").write_bytes(_bomb(side, side))
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _reason(grey, str(tmp_path / "bomb.png"), fitting=Fitting(resize=resize))
    assert time.perf_counter() - start < 2


def test_an_array_that_is_shorter_than_its_header_is_refused_before_it_is_read(
    grey: Classifier, tmp_path: Path
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 28, 28)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(28 * 28 * 2))
    assert "images is cut off" in _reason(grey, str(tmp_path / "a.npz"))


@given(data=st.data())
def test_a_damaged_file_is_classified_or_refused_and_never_ends_the_run(
    grey: Classifier, scratch: Path, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "npz"]))
    if kind == "npz":
        np.savez_compressed(buffer, images=images(2)[:, 0].numpy())
    else:
        _picture().save(buffer, format=kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(len(content) // 2, len(content)))
    path = scratch / f"damaged.{kind.lower()}"
    path.write_bytes(content[:cut])
    assert list(predict(grey, [str(path)], readers=1))


# Output -----------------------------------------------------------------------------------------


def test_rows_are_json_and_the_table_shows_refusals_last(grey: Classifier, save: Save) -> None:
    file = save("a.png", _picture())
    found = list(predict(grey, [file, "none.png"]))
    rows = json.loads(json.dumps([prediction_row(one, grey.class_names) for one in found]))
    assert rows[0]["image"] == file
    assert set(rows[0]["probabilities"]) == set(CLASSES)
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1)
    assert rows[1] == {"image": "none.png", "error": "there is no such file"}
    lines = render_text(*prediction_blocks(found, grey.class_names)).splitlines()
    assert ["Image", "Class", *CLASSES] in [line.split() for line in lines]
    assert any(line.split()[:1] == [file] for line in lines)
    assert lines[-1] == "refused: none.png: there is no such file"
    assert prediction_blocks([], CLASSES) == ()


def test_a_file_name_cannot_colour_the_terminal(grey: Classifier) -> None:
    found = list(predict(grey, ["\x1b[31mred.png"]))
    assert "\x1b" not in render_text(*prediction_blocks(found, CLASSES))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.npz", ArrayFile(path=Path("a.npz"), name=None)),
        ("d/a.npz:val_images", ArrayFile(path=Path("d/a.npz"), name="val_images")),
        ("C:/a.npz", ArrayFile(path=Path("C:/a.npz"), name=None)),
        ("a.png", None),
        ("a:b.png", None),
    ],
)
def test_an_array_in_a_file_is_recognised(text: str, expected: ArrayFile | None) -> None:
    assert array_file(text) == expected
