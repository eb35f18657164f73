"""``NAME.npz`` and, beside it, the space in ``NAME.yaml`` → a ``Table``, checked once.

The rows follow the points of the space, the first parameter slowest (``SearchSpace.points``).

values      (n, seeds)          what a training reached, larger is better
cost        (n,)                what a training costs, in any unit; optional
curves      (n, seeds, epochs)  the same measure after every epoch; optional
twins       (n,)                equal numbers are one candidate; optional, else see ``table_twins``
parameters  (n,)                trainable numbers of the networks; optional
macs        (n,)                multiply-accumulates of the networks for an image; optional

Values from 0 to 1 are shares, others from 0 to 100 are percent, anything else a number.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from study.common.errors import DataError, SearchSpaceError
from study.performance_estimation.tabular.nas_bench_macro import (
    is_nas_bench_macro,
    read_nas_bench_macro,
)
from study.performance_estimation.tabular.table import Array, Table, Unit
from study.performance_estimation.tabular.table_space import table_space_from_text
from study.performance_estimation.tabular.table_twins import Rows, twins_of
from study.search_space.reading.loading import read_space_text
from study.search_space.space import CategoricalParameter, SearchSpace

SIZES = ("parameters", "macs")
ARRAYS = ("values", "cost", "curves", "twins", *SIZES)

_PACKAGE = Path(__file__).resolve().parents[2]
_INSTALLED = _PACKAGE / "tables"
SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "benchmarks" / "tables"
"""Where the shipped tables are: inside the package when installed, beside it in a checkout."""


def shipped_tables() -> tuple[str, ...]:
    """Return the names of the tables that come with the project."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.npz")))


def load_table(name_or_path: str | Path) -> Table:
    """Read a shipped table by its name, or a file; NAS-Bench-Macro also as it was published.

    Raises:
        DataError: The file is missing, damaged or does not fit its space.
        SearchSpaceError: The space cannot be read.
    """
    path = _find(name_or_path)
    beside = path.with_suffix(".yaml")
    stamps = (_stamp(path), _stamp(beside) if beside.is_file() else None)
    return _load(path, stamps)


def _find(name_or_path: str | Path) -> Path:
    if str(name_or_path) in shipped_tables():
        return SHIPPED / f"{name_or_path}.npz"
    path = Path(name_or_path)
    if path.is_file():
        return path
    shipped = ", ".join(shipped_tables()) or "none"
    message = f"{path}: no such table; give the path of an .npz file, or a shipped one: {shipped}"
    raise DataError(message)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _load(path: Path, _: object) -> Table:
    """Return the table of a file; the second argument changes when the file does."""
    arrays = _read_arrays(path)
    if is_nas_bench_macro(arrays):
        space, columns = read_nas_bench_macro(arrays)
        return _table(path, space, columns)
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        message = f"{path}: its search space is missing; put it into {beside.name} beside it"
        raise DataError(message)
    _, text = read_space_text(beside)
    space = table_space_from_text(text, source=str(beside))
    _refuse_grid_points(beside, space)
    return _table(path, space, arrays)


def _refuse_grid_points(path: Path, space: SearchSpace) -> None:
    """Refuse a space of which only the grid would know all points that samplers draw.

    Raises:
        SearchSpaceError: A parameter has ``grid_points``.
    """
    for parameter in space.parameters:
        if not isinstance(parameter, CategoricalParameter) and parameter.grid_points is not None:
            message = (
                f"{path}: {parameter.name}.grid_points: in the space of a table every value has a"
                " row; write the values as 'step' or choices instead"
            )
            raise SearchSpaceError([message])


def _read_arrays(path: Path) -> dict[str, Array]:
    damaged = (BadZipFile, zlib.error, ValueError, EOFError, OSError, KeyError)
    wrong = (AttributeError, TypeError, NotImplementedError, SyntaxError, MemoryError)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (*damaged, *wrong) as error:
        message = f"{path}: cannot be read as an .npz file ({error}); make or copy it again"
        raise DataError(message) from error


def _table(path: Path, space: SearchSpace, arrays: Mapping[str, Array]) -> Table:
    count = _count(path, space)
    if "values" not in arrays:
        found = ", ".join(arrays) or "nothing"
        message = f"{path}: needs an array 'values' of shape (points, seeds); found {found}"
        raise DataError(message)
    if unknown := sorted(arrays.keys() - set(ARRAYS)):
        message = f"{path}: unknown array '{unknown[0]}'; write one of {', '.join(ARRAYS)}"
        raise DataError(message)
    values = _numbers(path, arrays, "values", (count, -1))
    cost = _numbers(path, arrays, "cost", (count,)) if "cost" in arrays else np.ones(count)
    curves = _numbers(path, arrays, "curves", (*values.shape, -1)) if "curves" in arrays else None
    sizes = {name: _numbers(path, arrays, name, (count,)) for name in SIZES if name in arrays}
    given = _numbers(path, arrays, "twins", (count,)) if "twins" in arrays else None
    rows = Rows(values=values, cost=cost, curves=curves, sizes=sizes)
    return Table(
        name=path.stem,
        space=space,
        values=values,
        twins=twins_of(path, space, rows, None if given is None else given.astype(np.int64)),
        cost=cost,
        curves=curves,
        sizes=sizes,
        unit=_unit(values),
    )


def _count(path: Path, space: SearchSpace) -> int:
    count = space.size()
    if count is None:
        message = (
            f"{path}: a parameter of its space has no countable values; give it 'step', or choices"
        )
        raise DataError(message)
    return count


def _numbers(path: Path, arrays: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    """Return an array of finite numbers of this shape; -1 stands for any length but none.

    Raises:
        DataError: It is another.
    """
    found = arrays[name]
    fits = found.ndim == len(shape) and all(
        length == wanted or (wanted == -1 and length)
        for length, wanted in zip(found.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(_length(name, length, axis) for axis, length in enumerate(shape))
        message = (
            f"{path}: '{name}' has shape {found.shape}; its space of {shape[0]:,} points needs"
            f" ({wanted}{',' if len(shape) == 1 else ''})"
        )
        raise DataError(message)
    if found.dtype.kind not in "iufb" or not np.isfinite(found).all():
        row = "" if found.dtype.kind not in "iufb" else f"; row {_first_unfit(found)} has others"
        message = f"{path}: '{name}' needs finite numbers, found {found.dtype}{row}"
        raise DataError(message)
    return np.asarray(found, dtype=np.float64)


def _length(name: str, length: int, axis: int) -> str:
    if length != -1:
        return str(length)
    return "epochs" if name == "curves" and axis == 2 else "seeds"


def _first_unfit(found: Array) -> int:
    return int(np.argwhere(~np.isfinite(found))[0][0])


def _unit(values: Array) -> Unit:
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 100:
        return "number"
    return "share" if high <= 1 else "percent"
