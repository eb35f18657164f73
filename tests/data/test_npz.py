from __future__ import annotations

import contextlib
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from study.common.errors import DataError
from study.data.dataset import load_search_data
from study.data.npz import NpzError, NpzFile
from tests.data.files import Arrays, medmnist_arrays, write_npz

fuzz = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_search_data(str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "; " in message, "an error says what to do"
    assert "\n" not in message
    return message


def without(name: str) -> Arrays:
    return {key: array for key, array in medmnist_arrays().items() if key != name}


def npy_bytes(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array)
    return stream.getvalue()


def write_members(path: Path, **changes: bytes) -> Path:
    """Write the arrays of ``medmnist_arrays`` with other bytes for some of them."""
    members = {name: npy_bytes(array) for name, array in medmnist_arrays().items()} | changes
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


def test_arrays_are_read_one_by_one_all_together_and_in_rows(tmp_path: Path) -> None:
    arrays = {"a": np.arange(12.0).reshape(4, 3), "b": np.arange(3), "c": np.zeros((0, 2))}
    file = NpzFile(write_npz(tmp_path / "a.npz", arrays))
    assert file.names() == ("a", "b", "c")
    everything = file.read_all()
    for name, array in arrays.items():
        assert file.header(name).shape == array.shape
        assert np.array_equal(file.read(name), array)
        assert np.array_equal(everything[name], array)
        assert [row.tolist() for row in file.rows(name)] == array.tolist()


@pytest.mark.parametrize("array", [np.float64(3), np.asfortranarray(np.zeros((4, 3)))])
def test_an_array_that_cannot_be_read_in_rows_is_refused(tmp_path: Path, array: Any) -> None:
    file = NpzFile(write_npz(tmp_path / "a.npz", {"a": array}))
    with pytest.raises(NpzError, match="save it in C order") as raised:
        list(file.rows("a"))
    assert raised.value.reason in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("label_shape", [(-1,), (-1, 1)])
@pytest.mark.parametrize("label_type", ["uint8", "int64", ">i4"])
def test_every_way_to_store_a_set_is_read(
    tmp_path: Path, channels: int, label_shape: tuple[int, ...], label_type: str
) -> None:
    arrays = medmnist_arrays(channels=channels)
    labels = {
        name: array.reshape(label_shape).astype(label_type)
        for name, array in arrays.items()
        if name.endswith("labels")
    }
    data = load_search_data(str(write_npz(tmp_path / "a.npz", arrays | labels)))
    assert data.train_images.shape == (40, channels, 8, 8)
    assert data.train_labels.tolist() == [index % 3 for index in range(40)]
    first = arrays["train_images"][5].reshape(8, 8, channels)
    assert np.array_equal(data.train_images[5].permute(1, 2, 0).numpy(), first)


def test_a_grey_channel_axis_and_fortran_order_change_nothing(tmp_path: Path) -> None:
    arrays = medmnist_arrays()
    plain = load_search_data(str(write_npz(tmp_path / "a.npz", arrays)))
    with_axis = {k: v[..., None] if k.endswith("images") else v for k, v in arrays.items()}
    fortran = {k: np.asfortranarray(v) for k, v in arrays.items()}
    for name, other in {"b": with_axis, "c": fortran}.items():
        data = load_search_data(str(write_npz(tmp_path / f"{name}.npz", other)))
        assert data.sha256 == plain.sha256
        assert data.train_images.is_contiguous()
        assert data.train_images.stride() == plain.train_images.stride()


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda _: None, "there is no such file"),
        (Path.mkdir, "is not a file"),
        (Path.touch, "not a .npz file (starts with b'')"),
        (lambda path: path.write_text("<html>Log in"), "not a .npz file (starts with b'<h')"),
        (lambda path: write_npz(path, without("train_images")), "no array 'train_images'"),
        (lambda path: write_npz(path, without("val_labels")), "no array 'val_labels'"),
        (lambda path: write_npz(path, without("test_images")), "no array 'test_images'"),
    ],
)
def test_a_file_without_the_six_arrays_is_refused(
    tmp_path: Path, make: Callable[[Path], object], found: str
) -> None:
    make(tmp_path / "a.npz")
    assert found in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    path = write_npz(tmp_path / "a.npz", medmnist_arrays())
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "damaged or cut off" in refusal(path)


def test_the_checksum_finds_a_flipped_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **medmnist_arrays())  # type: ignore[arg-type]
    content = bytearray(path.read_bytes())
    content[300] ^= 1  # within the pixels of the first array
    path.write_bytes(content)
    assert "damaged or cut off (Bad CRC-32" in refusal(path)


def bad_arrays(**changes: Any) -> Arrays:
    return medmnist_arrays() | {name: np.asarray(array) for name, array in changes.items()}


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        (bad_arrays(train_images=np.zeros((40, 8, 8))), "train_images: dtype float64"),
        (bad_arrays(test_images=np.zeros((9, 8, 8), int)), "test_images: dtype int64"),
        (bad_arrays(train_images=np.zeros((40, 8, 9), "u1")), r"train_images: shape (40, 8, 9)"),
        (bad_arrays(val_images=np.zeros((12, 9, 9), "u1")), "val_images: shape (12, 9, 9)"),
        (bad_arrays(train_images=np.zeros((40, 3, 8, 8), "u1")), "shape (40, 3, 8, 8)"),
        (bad_arrays(train_images=np.zeros((40, 64), "u1")), "train_images: shape (40, 64)"),
        (bad_arrays(train_images=np.zeros((40, 0, 0), "u1")), "train_images: shape (40, 0, 0)"),
        (bad_arrays(train_images=np.zeros((), "u1")), "train_images: shape ()"),
        (bad_arrays(val_images=np.zeros((0, 8, 8), "u1")), "val_images: no image"),
        (bad_arrays(val_labels=np.zeros(12)), "val_labels: dtype float64"),
        (bad_arrays(val_labels=np.zeros((12, 14), "u1")), "val_labels: 14 labels an image"),
        (bad_arrays(val_labels=np.zeros(11, "u1")), "val_labels: shape (11,) for 12 images"),
        (bad_arrays(val_labels=np.full(12, 3)), "val_labels: label 3 of image 0 is out of range"),
        (bad_arrays(val_labels=np.full(12, -1)), "val_labels: label -1 of image 0 is out of"),
        (bad_arrays(train_labels=np.arange(40) * 2), "train_labels: labels 0, 2, 4, 6, 8,"),
        (bad_arrays(train_labels=np.arange(40) - 1), "train_labels: labels -1, 0, 1,"),
        (bad_arrays(train_labels=np.zeros(40, int)), "train_labels: only one class"),
    ],
)
def test_arrays_of_the_wrong_form_are_refused(tmp_path: Path, arrays: Arrays, found: str) -> None:
    assert found in refusal(write_npz(tmp_path / "a.npz", arrays))


class Bomb:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["train_images", "train_labels", "test_labels"])
def test_pickled_objects_are_refused_and_not_loaded(tmp_path: Path, name: str) -> None:
    mark = tmp_path / "exploded"
    arrays = medmnist_arrays()
    arrays[name] = np.full(arrays[name].shape, Bomb(mark), dtype=object)
    path = write_npz(tmp_path / "a.npz", arrays)
    assert f"{name} holds pickled Python objects" in refusal(path)
    assert not mark.exists()


TRAIN_IMAGES, VAL_IMAGES = (
    npy_bytes(medmnist_arrays()[name]) for name in ("train_images", "val_images")
)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        (
            "train_images",
            TRAIN_IMAGES.replace(b"(40, 8, 8), }      ", b"(40000000000, 8, 8), }")[
                : len(TRAIN_IMAGES)
            ],
            "train_images",
        ),
        ("val_images", VAL_IMAGES[:-5], "val_images is cut off"),
        ("val_images", b"\x93NUMPY\x09\x00" + VAL_IMAGES[8:], "array format (9, 0)"),
    ],
    ids=["more than memory", "cut off", "future format"],
)
def test_a_header_that_does_not_match_its_array_is_refused_before_memory_is_allocated(
    tmp_path: Path, name: str, content: bytes, found: str
) -> None:
    assert found in refusal(write_members(tmp_path / "a.npz", **{name: content}))


def accepts_or_refuses(path: Path) -> None:
    with contextlib.suppress(DataError):
        load_search_data(str(path))


@fuzz
@given(content=st.binary(max_size=400))
def test_arbitrary_bytes_never_give_a_traceback(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    accepts_or_refuses(path)
    path.write_bytes(b"PK" + content)
    accepts_or_refuses(path)


@fuzz
@given(content=st.binary(max_size=300), keep=st.integers(0, 128))
def test_arbitrary_members_never_give_a_traceback(
    tmp_path: Path, content: bytes, keep: int
) -> None:
    train_images = TRAIN_IMAGES[:keep] + content
    path = write_members(tmp_path / "a.npz", train_images=train_images, val_labels=content)
    accepts_or_refuses(path)


@fuzz
@given(header=st.text(max_size=80), version=st.sampled_from([b"\x01\x00", b"\x02\x00"]))
def test_arbitrary_headers_never_give_a_traceback(
    tmp_path: Path, header: str, version: bytes
) -> None:
    text = header.encode("latin1", "replace")
    length = len(text).to_bytes(2 if version[0] == 1 else 4, "little")
    content = b"\x93NUMPY" + version + length + text + b"\0" * 40
    accepts_or_refuses(write_members(tmp_path / "a.npz", val_images=content))


@fuzz
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_anywhere_never_gives_a_traceback(
    tmp_path: Path, position: float, flip: int
) -> None:
    path = write_npz(tmp_path / "a.npz", medmnist_arrays(counts=(6, 3, 3)))
    content = bytearray(path.read_bytes())
    content[int(position * len(content))] ^= flip
    path.write_bytes(content)
    accepts_or_refuses(path)


any_array = npst.arrays(
    dtype=npst.scalar_dtypes(),
    shape=npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
)


@fuzz
@given(changes=st.dictionaries(st.sampled_from(sorted(medmnist_arrays())), any_array, min_size=1))
def test_arbitrary_arrays_never_give_a_traceback(
    tmp_path: Path, changes: dict[str, np.ndarray[Any, Any]]
) -> None:
    accepts_or_refuses(write_npz(tmp_path / "a.npz", medmnist_arrays() | changes))


@fuzz
@given(
    count=st.integers(1, 6),
    size=st.integers(1, 5),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(2, 5),
    data=st.data(),
)
def test_every_well_formed_set_is_read_as_it_was_written(
    tmp_path: Path, count: int, size: int, channels: int, classes: int, data: st.DataObject
) -> None:
    shape = (count, size, size) if channels == 1 else (count, size, size, channels)
    images = data.draw(npst.arrays(np.uint8, shape))
    labels = data.draw(npst.arrays(np.int16, (count, 1), elements=st.integers(0, classes - 1)))
    train_labels = np.arange(classes, dtype=np.int16)
    train = np.zeros((classes, *shape[1:]), np.uint8)
    arrays: Arrays = {"train_images": train, "train_labels": train_labels}
    for part in ("val", "test"):
        arrays |= {f"{part}_images": images, f"{part}_labels": labels}
    loaded = load_search_data(str(write_npz(tmp_path / "a.npz", arrays)))
    expected = images.reshape(count, size, size, channels)
    assert loaded.image.classes == classes
    assert np.array_equal(loaded.val_images.permute(0, 2, 3, 1).numpy(), expected)
    assert loaded.val_labels.tolist() == labels[:, 0].tolist()
