"""The one reader of ``.npz`` files: headers are checked first, and nothing is ever unpickled."""

from __future__ import annotations

import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from study.common.errors import DataError
from study.data.download import file_md5

_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    RuntimeError,  # an encrypted member, an unknown compression, a recursion that is too deep
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    Warning,  # for example on a header by Python 2; the readers below raise it
)


class NpzError(DataError):
    """A ``.npz`` file that cannot be used. ``reason`` is what is wrong, and what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Shape and type of an array, read without its data."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool


@dataclass(frozen=True, slots=True)
class NpzFile:
    """A ``.npz`` file on disk. Every method opens the file, so the object can go to any process.

    Every method raises NpzError for a file that is missing, not readable or damaged.
    """

    path: Path

    def names(self) -> tuple[str, ...]:
        """Return the names of the arrays, in the order of the file."""
        with self._archive() as archive:
            return _names(archive)

    def header(self, name: str) -> Header:
        """Read the header of an array, and check that its data has the right length."""
        with self._archive() as archive:
            return self._header(archive, name)

    def read(self, name: str) -> NDArray[Any]:
        """Read one array into memory."""
        with self._archive() as archive:
            return _read(archive, name)

    def read_all(self) -> dict[str, NDArray[Any]]:
        """Read all arrays into memory."""
        with self._archive() as archive:
            return {name: _read(archive, name) for name in _names(archive)}

    def rows(self, name: str) -> Iterator[NDArray[Any]]:
        """Yield an array along its first axis. It may be larger than memory."""
        header = self.header(name)
        if not header.shape or (header.fortran_order and len(header.shape) > 1):
            raise self.error(f"{name} cannot be read in rows", "save it in C order")
        count, *rest = header.shape
        size = math.prod(rest) * header.dtype.itemsize
        with self._archive() as archive, archive.open(f"{name}.npy") as stream:
            _read_header(stream)
            for index in range(count):
                content = stream.read(size)
                if len(content) < size:
                    raise EOFError(f"{name} ends after {index} of {count} rows")
                yield np.frombuffer(content, dtype=header.dtype).reshape(rest)
            stream.read(1)  # at the end zipfile compares the checksum

    def md5(self) -> str:
        """Return the MD5 of the file, in lower-case hexadecimal."""
        try:
            return file_md5(self.path)
        except OSError as cause:
            found = cause.strerror or type(cause).__name__
            raise self.error(found, "check the path and its permissions") from None

    def error(self, found: str, remedy: str) -> NpzError:
        """Return the error to raise for this file."""
        return NpzError(self.path, f"{found}; {remedy}")

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        """Open the file. All errors of damaged files become an NpzError while it is open."""
        if not self.path.is_file():
            found = "is not a file" if self.path.exists() else "there is no such file"
            raise self.error(found, "check the path")
        try:
            with self.path.open("rb") as file:
                start = file.read(2)
            if start != b"PK":
                raise self.error(
                    f"not a .npz file (starts with {start!r})", "write one with numpy.savez"
                )
            with zipfile.ZipFile(self.path) as archive:
                yield archive
        except PermissionError:
            raise self.error("may not be read", "change its permissions or copy it") from None
        except _DAMAGE as cause:
            detail = " ".join(str(cause).split())[:120] or type(cause).__name__
            raise self.error(
                f"damaged or cut off ({detail})", "copy or download it again"
            ) from None

    def _header(self, archive: zipfile.ZipFile, name: str) -> Header:
        if f"{name}.npy" not in archive.namelist():
            found = ", ".join(_names(archive)) or "none"
            raise self.error(f"no array '{name}'", f"it has {found}")
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as stream:
            header = _read_header(stream)
            data_start = stream.tell()
        if header.dtype.hasobject:
            raise self.error(
                f"{name} holds pickled Python objects, which are never loaded",
                "save it as an array of numbers",
            )
        if member.file_size != data_start + math.prod(header.shape) * header.dtype.itemsize:
            raise self.error(f"{name} is cut off", "copy or download it again")
        return header


def _names(archive: zipfile.ZipFile) -> tuple[str, ...]:
    return tuple(n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy"))


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as stream, warnings.catch_warnings():
        warnings.simplefilter("error")
        array: NDArray[Any] = npy.read_array(stream, allow_pickle=False)
        stream.read(1)  # at the end zipfile compares the checksum
    return array


def _read_header(stream: Any) -> Header:
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape, fortran_order, dtype = read(stream)
    return Header(shape=shape, dtype=dtype, fortran_order=fortran_order)
