"""Read a ``.npz`` file in MedMNIST's layout: every member checked first, nothing ever unpickled.

The layout: for each of train, val and test ``<part>_images``, uint8 of shape ``(n, size, size)``,
``(n, size, size, 1)`` or ``(n, size, size, 3)``, and ``<part>_labels``, integers of shape
``(n,)`` or ``(n, 1)``.
"""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from study.common.errors import DataError
from study.data.download import file_md5

_PARTS = ("train", "val", "test")
_MEMBERS = tuple(f"{part}_{kind}" for part in _PARTS for kind in ("images", "labels"))
_LAYOUT = "MedMNIST's layout is uint8 (n, size, size) or (n, size, size, 3) with labels (n, 1)"
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    NotImplementedError,  # an unknown compression method
    RuntimeError,  # an encrypted member
    RecursionError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    Warning,  # such as a header written by Python 2; made an error below
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a member says about its array, read without its data."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True)
class NpzFile:
    """A ``.npz`` file on disk; opened anew by every method, so that it can go to any process."""

    path: Path

    def headers(self) -> Mapping[str, Header]:
        """Read and check the headers of all six arrays, without their data.

        Raises:
            DataError: The file is missing, damaged or not in MedMNIST's layout.
        """
        with self._archive() as archive:
            present = set(archive.namelist())
            missing = [name for name in _MEMBERS if f"{name}.npy" not in present]
            if missing:
                raise self.error(f"no array '{missing[0]}'", f"needed are {', '.join(_MEMBERS)}")
            headers = {name: self._header(archive, name) for name in _MEMBERS}
        for part in _PARTS:
            self._check_part(part, headers)
        return headers

    def read(self, name: str) -> NDArray[Any]:
        """Read one array into memory.

        Raises:
            DataError: The member is damaged.
        """
        with self._archive() as archive, archive.open(f"{name}.npy") as stream:
            array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
            stream.read(1)  # reaching the end makes zipfile compare the checksum
        return array

    def md5(self) -> str:
        """Return the MD5 of the file in lower-case hexadecimal.

        Raises:
            DataError: The file is missing or cannot be read.
        """
        try:
            return file_md5(self.path)
        except OSError as cause:
            found = cause.strerror or type(cause).__name__
            raise self.error(found, "check the path and its permissions") from None

    def error(self, found: str, remedy: str) -> DataError:
        """Make the error for this file."""
        return DataError(f"{self.path}: {found}; {remedy}")

    def damaged(self, cause: BaseException) -> DataError:
        """Make the error for a file whose bytes cannot be read."""
        detail = " ".join(str(cause).split())[:200] or type(cause).__name__
        return self.error(f"damaged or cut off ({detail})", "copy or download it again")

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        """Open the file; everything that damage can raise while it is open becomes a DataError."""
        if not self.path.is_file():
            found = "is not a file" if self.path.exists() else "there is no such file"
            raise self.error(found, "check the path given to --dataset")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                if (start := self._first_bytes()) != b"PK":
                    raise self.error(f"not a .npz file (starts with {start!r})", _LAYOUT)
                with zipfile.ZipFile(self.path) as archive:
                    yield archive
        except PermissionError:
            raise self.error("may not be read", "change its permissions or copy it") from None
        except _DAMAGE as cause:
            raise self._damaged(cause) from None

    def _first_bytes(self) -> bytes:
        with self.path.open("rb") as file:
            return file.read(2)

    def _damaged(self, cause: BaseException) -> DataError:
        detail = " ".join(str(cause).split())[:120] or type(cause).__name__
        return self.error(f"damaged or cut off ({detail})", "copy or download it again")

    def _header(self, archive: zipfile.ZipFile, name: str) -> Header:
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as stream:
            shape, dtype = _read_header(stream)
            data_start = stream.tell()
        if dtype.hasobject:
            raise self.error(
                f"{name} holds pickled Python objects, which are never loaded",
                "save it as an array of integers",
            )
        if member.file_size != data_start + math.prod(shape) * dtype.itemsize:
            raise self.error(f"{name} is cut off", "copy or download it again")
        return Header(shape=shape, dtype=dtype)

    def _check_part(self, part: str, headers: Mapping[str, Header]) -> None:
        images, labels = headers[f"{part}_images"], headers[f"{part}_labels"]
        if images.dtype != np.uint8:
            raise self.error(f"{part}_images: dtype {images.dtype}", _LAYOUT)
        if not _is_image_shape(images.shape) or images.shape[1:] != _image_shape(headers):
            raise self.error(f"{part}_images: shape {images.shape}", _LAYOUT)
        if images.shape[0] == 0:
            raise self.error(f"{part}_images: no image", "every part needs at least one")
        if labels.dtype.kind not in "iu":
            raise self.error(f"{part}_labels: dtype {labels.dtype}", "labels are integers from 0")
        if len(labels.shape) == 2 and labels.shape[1] > 1:
            raise self.error(
                f"{part}_labels: {labels.shape[1]} labels an image",
                "only one label an image is supported",
            )
        if labels.shape not in ((images.shape[0],), (images.shape[0], 1)):
            raise self.error(
                f"{part}_labels: shape {labels.shape} beside {images.shape[0]} images",
                "give one label for each image, (n, 1)",
            )


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _fortran_order, dtype = read(stream)
    return shape, dtype


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    """Tell whether it is ``(n, size, size)``, ``(n, size, size, 1)`` or ``(n, size, size, 3)``."""
    if len(shape) not in (3, 4) or shape[1] != shape[2] or min(shape) < 0 or shape[1] == 0:
        return False
    return len(shape) == 3 or shape[3] in (1, 3)


def _image_shape(headers: Mapping[str, Header]) -> tuple[int, ...]:
    return headers["train_images"].shape[1:]
