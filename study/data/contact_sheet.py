"""A picture of a data set: rows with examples of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from study.common.atomic_write import atomic_write
from study.common.errors import DataError
from study.data.dataset import SearchData
from study.data.parts import channels_last, shuffled_classes

_COLUMNS = 12
_TILE = 64  # pixels a side at least, unless the images are larger
_GAP = 4
_TEXT = 18  # height of the text above each row


def contact_sheet(data: SearchData, path: Path) -> None:
    """Write a PNG with up to twelve training images of every class under the class's name.

    Every call chooses the same images.
    """
    if not path.name:
        raise DataError(f"{path}: is a folder; name a file in it")
    sheet = _draw(data)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            sheet.save(file, format="PNG")
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}; name a file that can be written"
        ) from None


def _draw(data: SearchData) -> Image.Image:
    tile = max(1, _TILE // data.image.size) * data.image.size
    row_height = _TEXT + tile + _GAP
    width = _GAP + _COLUMNS * (tile + _GAP)
    sheet = Image.new("RGB", (width, data.image.classes * row_height + _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    labels = data.train_labels.numpy()
    groups = {int(labels[group[0]]): group for group in shuffled_classes(labels, seed=0)}
    for label, name in enumerate(data.class_names):
        top = label * row_height + _GAP
        group = groups.get(label, np.array([], dtype=np.int64))
        pen.text((_GAP, top), f"{name}  ({len(group):,} in train)", fill="black")
        for column, index in enumerate(group[:_COLUMNS]):
            corner = (_GAP + column * (tile + _GAP), top + _TEXT)
            sheet.paste(_tile(data, int(index), tile), corner)
    return sheet


def _tile(data: SearchData, index: int, size: int) -> Image.Image:
    pixels = channels_last(data.train_images[index : index + 1].numpy())[0]
    rgb = np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))
    return Image.fromarray(rgb).resize((size, size), Image.Resampling.NEAREST)
