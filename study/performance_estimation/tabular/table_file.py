"""``NAME.npz`` and, beside it, the space in ``NAME.yaml`` → a ``BenchmarkTable``, checked once.

The rows follow the points of the space, the first parameter slowest (``SearchSpace.points``).

values      (n, seeds)          result of a training, larger is better
cost        (n,)                cost of a training, in any unit; optional
curves      (n, seeds, epochs)  the same measure after every epoch; optional
twins       (n,)                equal numbers are one candidate; optional, see ``table.py``
parameters  (n,)                trainable numbers of the networks; optional
macs        (n,)                multiply-accumulates of the networks for an image; optional

Values from 0 to 1 are shares, others from 0 to 100 are percent, anything else a number.

NAS-Bench-Macro (Su et al., arXiv 2103.11922) is also read in its compact form: 3^8 CIFAR-10
networks without names. Row i is the eight base-3 digits of i, the most significant first; each
digit is one layer's operation. Layers 4 and 5 follow the first layer of one stage, and 7 and 8
that of another. There an identity before a convolution gives the same network as one after it.
That leaves 3^4 · 7^2 = 3,969 networks of the 6,561.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from study.common.errors import DataError, SearchSpaceError
from study.data.npz import NpzFile
from study.performance_estimation.tabular.table import Array, BenchmarkTable, Unit, find_twins
from study.performance_estimation.tabular.table_space import OwnSpace, table_space_from_text
from study.search_space.parameter import CategoricalParameter
from study.search_space.reading.loading import read_space_text
from study.search_space.space import SearchSpace

SIZES = ("parameters", "macs")
ARRAYS = ("values", "cost", "curves", "twins", *SIZES)

_PACKAGE = Path(__file__).resolve().parents[2]
_INSTALLED = _PACKAGE / "tables"
SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "benchmarks" / "tables"
"""Where the shipped tables are: inside the package when installed, beside it in a checkout."""

MACRO_LAYERS = 8
MACRO_OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
"""Identity; MBConv of expansion 3 and kernel 3; MBConv of expansion 6 and kernel 5."""

MACRO_COMMUTING = ((3, 5), (6, 8))
"""Ranges of layers, from 0, among which identities can be moved."""

MACRO_SPACE = OwnSpace(
    name="nas_bench_macro",
    parameters=tuple(
        CategoricalParameter(name=f"layer{i}", choices=MACRO_OPERATIONS)
        for i in range(1, MACRO_LAYERS + 1)
    ),
)


def shipped_tables() -> tuple[str, ...]:
    """Return the names of the tables that are part of the project."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.npz")))


def load_table(name_or_path: str | Path) -> BenchmarkTable:
    """Read a shipped table by its name, or a file.

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
def _load(path: Path, _: object) -> BenchmarkTable:
    """Return the table of a file; the second argument changes when the file does."""
    arrays = NpzFile(path).read_all()
    if set(arrays) == {"acc", "params", "flops"} and arrays["acc"].shape == (3**MACRO_LAYERS, 3):
        return _table(path, MACRO_SPACE, _macro_arrays(arrays))
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        message = f"{path}: its search space is missing; put it into {beside.name} beside it"
        raise DataError(message)
    _, text = read_space_text(beside)
    space = table_space_from_text(text, source=str(beside))
    _check_grid_points(beside, space)
    return _table(path, space, arrays)


def _check_grid_points(path: Path, space: SearchSpace) -> None:
    """Check that samplers draw the same points as the grid has."""
    for parameter in space.parameters:
        if not isinstance(parameter, CategoricalParameter) and parameter.grid_points is not None:
            message = (
                f"{path}: {parameter.name}.grid_points: in the space of a table every value has a"
                " row; write the values as 'step' or choices instead"
            )
            raise SearchSpaceError([message])


def _table(path: Path, space: SearchSpace, arrays: Mapping[str, Array]) -> BenchmarkTable:
    count = space.size()
    if count is None:
        raise DataError(
            f"{path}: a parameter of its space has no countable values; give it 'step', or choices"
        )
    if "values" not in arrays:
        found = ", ".join(arrays) or "nothing"
        raise DataError(f"{path}: needs an array 'values' of shape (points, seeds); found {found}")
    if unknown := sorted(arrays.keys() - set(ARRAYS)):
        raise DataError(f"{path}: unknown array '{unknown[0]}'; write one of {', '.join(ARRAYS)}")
    values = _numbers(path, arrays, "values", (count, -1))
    table = BenchmarkTable(
        name=path.stem,
        space=space,
        values=values,
        twins=np.arange(count),
        cost=_numbers(path, arrays, "cost", (count,)) if "cost" in arrays else np.ones(count),
        curves=_numbers(path, arrays, "curves", (*values.shape, -1))
        if "curves" in arrays
        else None,
        sizes={name: _numbers(path, arrays, name, (count,)) for name in SIZES if name in arrays},
        unit=_unit(values),
    )
    given = _numbers(path, arrays, "twins", (count,)) if "twins" in arrays else None
    twins = find_twins(path, table, None if given is None else given.astype(np.int64))
    return dataclasses.replace(table, twins=twins)


def _numbers(path: Path, arrays: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    """Return an array of finite numbers of this shape; -1 stands for any length except 0."""
    found = arrays[name]
    fits = found.ndim == len(shape) and all(
        length == wanted or (wanted == -1 and length)
        for length, wanted in zip(found.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(_length(name, length, axis) for axis, length in enumerate(shape))
        raise DataError(
            f"{path}: '{name}' has shape {found.shape}; its space of {shape[0]:,} points needs"
            f" ({wanted}{',' if len(shape) == 1 else ''})"
        )
    numeric = found.dtype.kind in "iufb"
    if not numeric or not np.isfinite(found).all():
        first = (
            f"; row {int(np.argwhere(~np.isfinite(found))[0][0])} has others" if numeric else ""
        )
        raise DataError(f"{path}: '{name}' needs finite numbers, found {found.dtype}{first}")
    return np.asarray(found, dtype=np.float64)


def _length(name: str, length: int, axis: int) -> str:
    if length != -1:
        return str(length)
    return "epochs" if name == "curves" and axis == 2 else "seeds"


def _unit(values: Array) -> Unit:
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 100:
        return "number"
    return "share" if high <= 1 else "percent"


def _macro_arrays(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {
        "values": arrays["acc"] / 100.0,  # stored in percent · 100
        "cost": arrays["flops"],
        "parameters": arrays["params"],
        "macs": arrays["flops"],
        "twins": macro_twins(),
    }


def macro_twins() -> Array:
    """Return for each row the first row that is the same network.

    Rows are the same network where they agree after moving the identities to the end of every
    range of ``MACRO_COMMUTING``.
    """
    first: dict[tuple[int, ...], int] = {}
    numbers = []
    for row, digits in enumerate(itertools.product(range(3), repeat=MACRO_LAYERS)):
        moved = list(digits)
        for start, stop in MACRO_COMMUTING:
            moved[start:stop] = sorted(digits[start:stop], key=lambda digit: digit == 0)
        numbers.append(first.setdefault(tuple(moved), row))
    return np.array(numbers)
