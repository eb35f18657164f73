"""Read image files and ``.npz`` arrays as the pixels that a network takes.

Three equal channels count as grey, an opaque alpha channel is dropped, and the EXIF orientation is
applied. The user must allow every change that loses or invents information: ``Fitting``. An image
that does not fit gives a refusal that names the remedy.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from study.data.npz import Header, NpzError, NpzFile
from study.search_space.candidate import ImageFormat

Pixels = NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg")
_FORMATS = ("PNG", "JPEG")
_MOST_PIXELS = 64_000_000  # of one image before it is resized; 256 MB when decoded
_DEFAULT_ARRAY = "images"
_TEST_PREFIX = "test_"

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """Changes that the user allows for images that do not fit.

    Args:
        resize: Crop to the largest square in the middle and resample it (bilinear, antialiased),
            as MedMNIST did with its source images.
        convert: Convert colour to grey (ITU-R 601-2), or repeat grey as colour.
    """

    resize: bool = False
    convert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that fits: its source and its uint8 pixels (channels, size, size)."""

    source: str
    pixels: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An image that cannot be classified, with the reason and the remedy."""

    source: str
    reason: str


class _Misfit(Exception):  # noqa: N818 - it becomes a refusal, not an error
    """An image does not fit; the text gives the reason and the remedy."""


def read_picture(path: Path, image: ImageFormat, fitting: Fitting) -> Picture | Refusal:
    """Read a PNG or JPEG file."""
    try:
        return Picture(source=str(path), pixels=_decoded(path, image, fitting))
    except _Misfit as misfit:
        return Refusal(source=str(path), reason=str(misfit))


def _fitted(pixels: Pixels, image: ImageFormat, fitting: Fitting) -> Pixels:
    """Return pixels (h, w) or (h, w, channels) as (channels, size, size)."""
    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    plain = pixels.reshape(pixels.shape[:2]) if grey else pixels
    if not grey and pixels.shape[2] != 3:
        raise _Misfit(f"{pixels.shape[2]} channels; save it as grey or RGB")
    return _as_pixels(_with_channels(Image.fromarray(plain), image, fitting), image)


def _check_size(width: int, height: int, image: ImageFormat, fitting: Fitting) -> None:
    if (width, height) == (image.size, image.size):
        return
    if not fitting.resize:
        raise _Misfit(
            f"{width}×{height} pixels, the network takes {image.size}×{image.size}; --resize "
            "crops to the middle square and resamples it"
        )
    if not 0 < width * height <= _MOST_PIXELS:
        raise _Misfit(f"{width}×{height} pixels are too many; crop or shrink it first")


def _decoded(path: Path, image: ImageFormat, fitting: Fitting) -> Pixels:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged EXIF and large images are handled here
            with Image.open(path, formats=_FORMATS) as opened:
                _check_size(*opened.size, image, fitting)
                _check_depth(opened)
                upright = ImageOps.exif_transpose(opened)
                return _as_pixels(_with_channels(upright, image, fitting), image)
    except UnidentifiedImageError:
        if path.stat().st_size == 0:
            raise _Misfit("an empty file") from None
        raise _Misfit(
            "neither PNG nor JPEG; save it as one of them, or as uint8 array in a .npz file"
        ) from None
    except FileNotFoundError:
        raise _Misfit("there is no such file") from None
    except IsADirectoryError:
        raise _Misfit("a directory without PNG or JPEG files") from None
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise _Misfit(_describe(error)) from None


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None:  # the system's, not the decoder's
        return f"cannot be read ({error.strerror}); check its name and its permissions"
    detail = " ".join(str(error).split())[:120]
    return f"damaged or cut off ({detail}); save or copy it again"


def _check_depth(opened: ImageFile) -> None:
    """Refuse 16 bits a channel: Pillow drops the lower half without a warning."""
    if any(";16" in str(tile[3]) for tile in opened.tile):
        raise _Misfit("16 bits a channel; save it with 8 bits a channel, grey or RGB")


def _with_channels(picture: Image.Image, image: ImageFormat, fitting: Fitting) -> Image.Image:
    """Return the picture in the mode that the network takes, ``L`` or ``RGB``."""
    picture = _opaque(picture)
    wanted = "L" if image.channels == 1 else "RGB"
    if picture.mode == wanted:
        return picture
    if picture.mode == "RGB":
        pixels = np.asarray(picture)
        if (pixels == pixels[..., :1]).all():
            return picture.getchannel(0)
    if not fitting.convert:
        found, taken = ("colour", "grey") if wanted == "L" else ("grey", "colour")
        raise _Misfit(
            f"a {found} image, the network takes {taken} ones; --convert turns it into one"
        )
    return picture.convert(wanted)


def _opaque(picture: Image.Image) -> Image.Image:
    """Return the picture as ``L`` or ``RGB`` if that loses nothing."""
    if _is_transparent(picture):
        raise _Misfit("a transparent image; save it without transparency")
    plain = {"L": "L", "LA": "L", "1": "L", "RGB": "RGB", "RGBA": "RGB", "P": "RGB"}
    if picture.mode in plain:
        return picture.convert(plain[picture.mode])
    raise _Misfit(f"pixel mode {picture.mode}; save it with 8 bits a channel, grey or RGB")


def _is_transparent(picture: Image.Image) -> bool:
    if "transparency" in picture.info:  # of one colour, or of entries of the palette
        picture = picture.convert("RGBA")
    if picture.mode not in ("LA", "RGBA"):
        return False
    return bool(picture.getchannel("A").getextrema() != (255, 255))


def _as_pixels(picture: Image.Image, image: ImageFormat) -> Pixels:
    side = min(picture.size)
    if picture.size != (image.size, image.size):
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side))
        picture = square.resize((image.size, image.size), Image.Resampling.BILINEAR)
    pixels: Pixels = np.array(picture, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFile:
    """A ``.npz`` file and the name of an array in it; None for ``images`` or the only one."""

    path: Path
    name: str | None

    def __str__(self) -> str:
        return str(self.path) if self.name is None else f"{self.path}:{self.name}"


def array_file(text: str) -> ArrayFile | None:
    """Read ``file.npz`` or ``file.npz:name``; None for another file."""
    path, separator, name = text.rpartition(":")
    if separator and path.endswith(".npz") and name:
        return ArrayFile(path=Path(path), name=name)
    return ArrayFile(path=Path(text), name=None) if text.endswith(".npz") else None


def read_pictures(
    file: ArrayFile, image: ImageFormat, fitting: Fitting
) -> Iterator[Picture | Refusal]:
    """Yield the images of an array, which may be larger than memory.

    If the array cannot be read, it yields one refusal.
    """
    try:
        yield from _read(file, image, fitting)
    except _Misfit as misfit:
        yield Refusal(source=str(file), reason=str(misfit))
    except NpzError as error:
        yield Refusal(source=str(file), reason=error.reason)


def _read(file: ArrayFile, image: ImageFormat, fitting: Fitting) -> Iterator[Picture | Refusal]:
    archive = NpzFile(file.path)
    name = _name(archive.names(), file)
    header = archive.header(name)
    shape = _shape(header, name)
    _check_size(shape[2], shape[1], image, fitting)
    rows = archive.rows(name) if len(header.shape) > 2 else [archive.read(name)]
    for index, pixels in enumerate(rows):
        source = f"{file.path}:{name}[{index}]"
        try:
            yield Picture(source=source, pixels=_fitted(pixels, image, fitting))
        except _Misfit as misfit:
            yield Refusal(source=source, reason=str(misfit))


def _name(names: Sequence[str], file: ArrayFile) -> str:
    default = names[0] if len(names) == 1 else _DEFAULT_ARRAY
    name = file.name or default
    if name not in names:
        found = ", ".join(sorted(names)[:8]) or "none"
        raise _Misfit(f"which array? There are: {found}; write {file.path}:NAME")
    if name.startswith(_TEST_PREFIX):
        raise _Misfit(
            f"{name} is a test part, which only 'test' opens; use your own images or the "
            "validation part"
        )
    return name


def _shape(header: Header, name: str) -> tuple[int, ...]:
    """Return the array's shape as (n, h, w) or (n, h, w, channels)."""
    shape = header.shape
    if header.dtype != np.uint8:
        raise _Misfit(f"{name} is of type {header.dtype}; save pixels as uint8, 0 to 255")
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) not in (3, 4) or header.fortran_order or min(shape) < 0:
        raise _Misfit(
            f"{name} has the shape {shape}; save images as (n, height, width[, channels])"
        )
    return shape
