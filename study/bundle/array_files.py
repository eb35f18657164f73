"""Images in a ``.npz`` file, read one after another, so that no file is too large for memory."""

from __future__ import annotations

import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from study.bundle.image_files import (
    Fitting,
    Misfit,
    Picture,
    Pixels,
    Refusal,
    check_size,
    fitted,
)
from study.search_space.candidate import ImageFormat

SUFFIX = ".npz"
USUAL = "images"
"""Name of the array that is read where none is given."""

_SEALED = "test_"
_DAMAGE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    TypeError,
    NotImplementedError,  # an unknown compression method
    RuntimeError,  # an encrypted member
    SyntaxError,
    tokenize.TokenError,
    OverflowError,
    Warning,  # such as a header written by Python 2; made an error below
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayPlace:
    """A ``.npz`` file and the name of an array in it; None for the usual or only one."""

    path: Path
    name: str | None

    def __str__(self) -> str:
        return str(self.path) if self.name is None else f"{self.path}:{self.name}"


def array_place(text: str) -> ArrayPlace | None:
    """Return the place that ``file.npz`` or ``file.npz:name`` names; None for another file."""
    path, separator, name = text.rpartition(":")
    if separator and path.endswith(SUFFIX) and name:
        return ArrayPlace(path=Path(path), name=name)
    return ArrayPlace(path=Path(text), name=None) if text.endswith(SUFFIX) else None


def read_pictures(
    place: ArrayPlace, image: ImageFormat, fitting: Fitting
) -> Iterator[Picture | Refusal]:
    """Yield the images of an array; one refusal stands for all where all are alike."""
    try:
        with zipfile.ZipFile(place.path) as archive:
            yield from _read(archive, place, image, fitting)
    except Misfit as misfit:
        yield Refusal(source=str(place), reason=str(misfit))
    except FileNotFoundError:
        yield Refusal(source=str(place), reason="there is no such file")
    except _DAMAGE as error:
        detail = " ".join(str(error).split())[:120] or type(error).__name__
        reason = f"damaged or cut off ({detail}); copy or save it again"
        yield Refusal(source=str(place), reason=reason)


def _read(
    archive: zipfile.ZipFile, place: ArrayPlace, image: ImageFormat, fitting: Fitting
) -> Iterator[Picture | Refusal]:
    name = _name(archive, place)
    with archive.open(f"{name}.npy") as stream:
        shape = _shape(stream, name)
        check_size(shape[2], shape[1], image, fitting)
        for index in range(shape[0]):
            source = f"{place.path}:{name}[{index}]"
            pixels = _next(stream, shape[1:], f"{name} ends after {index} of {shape[0]} images")
            try:
                yield Picture(source=source, pixels=fitted(pixels, image, fitting))
            except Misfit as misfit:
                yield Refusal(source=source, reason=str(misfit))
        stream.read(1)  # reaching the end makes zipfile compare the checksum


def _name(archive: zipfile.ZipFile, place: ArrayPlace) -> str:
    names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
    usual = USUAL if USUAL in names else names[0] if len(names) == 1 else None
    name = place.name or usual
    if name is None or name not in names:
        found = ", ".join(sorted(names)[:8]) or "none"
        raise Misfit(f"which array? There are: {found}; write {place.path}:NAME")
    if name.startswith(_SEALED):
        raise Misfit(
            f"{name} is a test part, which 'test' alone opens; give images of your own, or the "
            "validation part"
        )
    return name


def _shape(stream: IO[bytes], name: str) -> tuple[int, ...]:
    """Return the array's shape as (n, h, w) or (n, h, w, channels), without reading it."""
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"array format {version}")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shape, fortran, dtype = read(stream)
    if dtype != np.uint8:
        raise Misfit(f"{name} is of type {dtype}; save pixels as uint8, 0 to 255")
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) not in (3, 4) or fortran or min(shape) < 0:
        raise Misfit(
            f"{name} has the shape {shape}; save images as (n, height, width[, channels])"
        )
    return tuple(shape)


def _next(stream: IO[bytes], shape: tuple[int, ...], cut: str) -> Pixels:
    size = int(np.prod(shape))
    content = stream.read(size)
    if len(content) < size:
        raise EOFError(cut)
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)
