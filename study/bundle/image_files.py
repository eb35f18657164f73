"""Image files → pixels as a network takes them; what does not fit is refused with the remedy.

Nothing is changed in silence. A grey image saved with three equal channels is a grey image, an
opaque one with an alpha channel an opaque one, and a photograph stands as its EXIF orientation
says. Everything that loses or invents something needs a word from the user: ``Fitting``.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from study.search_space.candidate import ImageFormat

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

Pixels = NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg")
FORMATS = ("PNG", "JPEG")
MOST_PIXELS = 64_000_000
"""Of one image before it is resized; 256 MB once decoded."""

_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, MemoryError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitting:
    """What may be done to images that do not fit.

    Args:
        resize: Cut the largest square out of the middle, and resample it (bilinear, with
            antialiasing), as MedMNIST did with its source images.
        convert: Turn colours into grey (ITU-R 601-2), or repeat grey as colour.
    """

    resize: bool = False
    convert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image that fits: where it comes from, and uint8 pixels (channels, size, size)."""

    source: str
    pixels: Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One image that cannot be classified, with what was found and what to do."""

    source: str
    reason: str


class Misfit(Exception):  # noqa: N818 - an outcome: becomes a refusal
    """An image does not fit; the text says why and what to do."""


def read_picture(path: Path, image: ImageFormat, fitting: Fitting) -> Picture | Refusal:
    """Read a PNG or JPEG file."""
    try:
        return Picture(source=str(path), pixels=_decoded(path, image, fitting))
    except Misfit as misfit:
        return Refusal(source=str(path), reason=str(misfit))


def fitted(pixels: Pixels, image: ImageFormat, fitting: Fitting) -> Pixels:
    """Return pixels (h, w) or (h, w, channels) as (channels, size, size).

    Raises:
        Misfit: They do not fit.
    """
    from PIL import Image  # heavy

    grey = pixels.ndim == 2 or pixels.shape[2] == 1
    check_size(pixels.shape[1], pixels.shape[0], image, fitting)
    plain = pixels.reshape(pixels.shape[:2]) if grey else pixels
    if not grey and pixels.shape[2] != 3:
        raise Misfit(f"{pixels.shape[2]} channels; save it as grey or RGB")
    return _as_pixels(_with_channels(Image.fromarray(plain), image, fitting), image)


def check_size(width: int, height: int, image: ImageFormat, fitting: Fitting) -> None:
    """Raise Misfit for a size that is not the network's and may not be changed to it."""
    if (width, height) == (image.size, image.size):
        return
    if not fitting.resize:
        raise Misfit(
            f"{width}×{height} pixels, the network takes {image.size}×{image.size}; with --resize "
            "the middle square is cut out and resampled"
        )
    if not 0 < width * height <= MOST_PIXELS:
        raise Misfit(f"{width}×{height} pixels are too many; cut or shrink it first")


def _decoded(path: Path, image: ImageFormat, fitting: Fitting) -> Pixels:
    from PIL import Image, ImageOps, UnidentifiedImageError  # heavy

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged EXIF and of large images, looked at here
            with Image.open(path, formats=FORMATS) as opened:
                check_size(*opened.size, image, fitting)
                _refuse_deep(opened)
                upright = ImageOps.exif_transpose(opened)
                return _as_pixels(_with_channels(upright, image, fitting), image)
    except UnidentifiedImageError:
        raise Misfit(_no_image(path)) from None
    except FileNotFoundError:
        raise Misfit("there is no such file") from None
    except IsADirectoryError:
        raise Misfit("a directory without PNG or JPEG files") from None
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise Misfit(_trouble(error)) from None


def _trouble(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None:  # the system's, not the decoder's
        return f"cannot be read ({error.strerror}); see its name and its permissions"
    detail = " ".join(str(error).split())[:120]
    return f"damaged or cut off ({detail}); save or copy it again"


def _refuse_deep(opened: ImageFile) -> None:
    """Raise Misfit for channels of 16 bits, of which Pillow drops the lower half in silence."""
    if any(";16" in str(tile[3]) for tile in opened.tile):
        raise Misfit("16 bits a channel; save it with 8 bits a channel, grey or RGB")


def _no_image(path: Path) -> str:
    if path.stat().st_size == 0:
        return "an empty file"
    return "neither PNG nor JPEG; save it as one of them, or as uint8 array in a .npz file"


def _with_channels(picture: Image, image: ImageFormat, fitting: Fitting) -> Image:
    """Return the picture in mode ``L`` or ``RGB``, as the network takes it."""
    picture = _opaque(picture)
    wanted = "L" if image.channels == 1 else "RGB"
    if picture.mode == wanted:
        return picture
    if picture.mode == "RGB" and _is_grey(picture):
        return picture.getchannel(0)
    if not fitting.convert:
        found, taken = ("colour", "grey") if wanted == "L" else ("grey", "colour")
        raise Misfit(
            f"a {found} image, the network takes {taken} ones; --convert turns it into one"
        )
    return picture.convert(wanted)


def _opaque(picture: Image) -> Image:
    """Return the picture as ``L`` or ``RGB`` where that loses nothing.

    Raises:
        Misfit: It is transparent, or has more than 8 bits a channel.
    """
    if _is_transparent(picture):
        raise Misfit("a transparent image; save it without transparency")
    plain = {"L": "L", "LA": "L", "1": "L", "RGB": "RGB", "RGBA": "RGB", "P": "RGB"}
    if picture.mode in plain:
        return picture.convert(plain[picture.mode])
    raise Misfit(f"pixels of kind {picture.mode}; save it with 8 bits a channel, grey or RGB")


def _is_transparent(picture: Image) -> bool:
    if "transparency" in picture.info:  # of one colour, or of entries of the palette
        picture = picture.convert("RGBA")
    if picture.mode not in ("LA", "RGBA"):
        return False
    return bool(picture.getchannel("A").getextrema() != (255, 255))


def _is_grey(picture: Image) -> bool:
    pixels = np.asarray(picture)
    return bool((pixels == pixels[..., :1]).all())


def _as_pixels(picture: Image, image: ImageFormat) -> Pixels:
    from PIL import Image  # heavy

    side = min(picture.size)
    if picture.size != (image.size, image.size):
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side))
        picture = square.resize((image.size, image.size), Image.Resampling.BILINEAR)
    pixels: Pixels = np.array(picture, dtype=np.uint8)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))
