"""A tabulated benchmark: every candidate of a space trained beforehand, then looked up.

A table is ``NAME.npz`` with its search space in ``NAME.yaml`` beside it. The rows follow the
points of the space, the first parameter slowest (``SearchSpace.points``). Arrays:

values   (n, seeds)          what a training reached, larger is better
cost     (n,)                what a training costs, in any unit; optional
curves   (n, seeds, epochs)  the same measure after every epoch; optional
twins    (n,)                equal numbers are one candidate; optional, without it rows that
                             agree in everything above are
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from study.errors import DataError
from study.performance_estimation.estimator import Estimate, Report, Step
from study.performance_estimation.nas_bench_macro import (
    is_nas_bench_macro,
    read_nas_bench_macro,
)
from study.performance_estimation.table_space import table_space_from_text
from study.search_space.candidate import Candidate, ImageFormat, Values
from study.search_space.point import PointKey, point_key
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Table:
    """A space and what every point of it reached, for several training seeds.

    Args:
        name: Short name, used in messages.
        space: The space; each of its points has a row, in the order of ``space.points()``.
        values: What trainings reached, shape (n, seeds); larger is better.
        twins: Number of the candidate of each row, shape (n,).
        cost: What one training costs, shape (n,).
        curves: The measure after every epoch, shape (n, seeds, epochs).
    """

    name: str
    space: SearchSpace
    values: Array
    twins: Array
    cost: Array
    curves: Array | None = None

    @cached_property
    def rows(self) -> Mapping[PointKey, int]:
        """Row of every point."""
        return {point_key(values): row for row, values in enumerate(self.points)}

    @cached_property
    def points(self) -> tuple[Values, ...]:
        """The point of every row."""
        return tuple(self.space.points())

    @cached_property
    def true_values(self) -> Array:
        """The mean over the seeds, shape (n,): what a candidate is worth."""
        return np.asarray(self.values.mean(axis=1))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that change with any value of the table or its space."""
        parts = [repr(self.space.parameters).encode()]
        parts += [np.ascontiguousarray(a).tobytes() for a in (self.values, self.twins, self.cost)]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

    def row(self, values: Values) -> int:
        """Return the row of a point.

        Raises:
            DataError: The point is not in the table.
        """
        key = point_key(values)
        if key not in self.rows:
            message = f"table {self.name}: has no row for {dict(values)}"
            raise DataError(message)
        return self.rows[key]

    def value(self, values: Values, *, seed: int) -> float:
        """Return what the training of a point with this seed reached."""
        row = self.row(values)
        return float(self.values[row, seed % self.values.shape[1]])

    def identity(self, values: Values) -> str:
        """Return the candidate of a point; twins have the same."""
        return str(int(self.twins[self.row(values)]))


@dataclass(frozen=True, kw_only=True)
class TableEstimator:
    """Looks candidates up in a table whose space is one of candidates.

    Args:
        table: The table.
        image: Format of the images the table's networks were trained on.
        metric: Name of the measure, with its split.
    """

    table: Table
    image: ImageFormat
    metric: str = "val_accuracy"

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        space = self.table.space
        return {
            candidate_id(space.candidate(values), self.image): row
            for row, values in enumerate(self.table.points)
        }

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the stored result of one of the table's trainings, its curve reported.

        Raises:
            DataError: The candidate is not in the table.
        """
        row = self._rows.get(candidate_id(candidate, self.image))
        if row is None:
            message = f"table {self.table.name}: has no row for {candidate}"
            raise DataError(message)
        column = seed % self.table.values.shape[1]
        final = float(self.table.values[row, column])
        curve = [final] if self.table.curves is None else self.table.curves[row, column]
        for epoch, value in enumerate(curve, start=1):
            report(Step(number=epoch, metrics={self.metric: float(value)}))
        return Estimate(
            metrics={self.metric: final},
            epochs=float(len(curve)),
            seconds=float(self.table.cost[row]),
            facts={"table": self.table.digest, "column": int(column)},
        )


def load_table(path: Path) -> Table:
    """Read ``NAME.npz`` and the space beside it; NAS-Bench-Macro also as it was published.

    Raises:
        DataError: The file is missing, damaged or does not fit its space.
        SearchSpaceError: The space cannot be read.
    """
    arrays = _read_arrays(path)
    if is_nas_bench_macro(arrays):
        space, columns = read_nas_bench_macro(arrays)
        return _table(path, space, columns)
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        message = f"{path}: its search space is missing; put it into {beside.name} beside it"
        raise DataError(message)
    space = table_space_from_text(beside.read_text("utf-8"), source=str(beside))
    return _table(path, space, arrays)


def _read_arrays(path: Path) -> dict[str, Array]:
    if not path.is_file():
        message = f"{path}: no such table; give the path of an .npz file"
        raise DataError(message)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (BadZipFile, ValueError, EOFError, OSError, AttributeError) as error:
        message = f"{path}: cannot be read as an .npz file ({error}); make or copy it again"
        raise DataError(message) from error


def _table(path: Path, space: SearchSpace, arrays: Mapping[str, Array]) -> Table:
    if "values" not in arrays:
        found = ", ".join(arrays) or "nothing"
        message = f"{path}: needs an array 'values' of shape (points, seeds); found {found}"
        raise DataError(message)
    values = np.asarray(arrays["values"], dtype=np.float64)
    count = space.size() or 0
    if values.ndim != 2 or len(values) != count or not values.shape[1]:
        message = (
            f"{path}: 'values' has shape {values.shape}; the {count:,} points of its space need "
            f"({count}, seeds)"
        )
        raise DataError(message)
    cost = np.asarray(arrays.get("cost", np.ones(count)), dtype=np.float64)
    curves = arrays.get("curves")
    checked = {"values": values, "cost": cost, "curves": values if curves is None else curves}
    for name, array in checked.items():
        if len(array) != count or not np.isfinite(array).all():
            message = f"{path}: '{name}' needs {count} rows of finite numbers"
            raise DataError(message)
    return Table(
        name=path.stem,
        space=space,
        values=values,
        twins=arrays["twins"] if "twins" in arrays else _equal_rows(values, cost),
        cost=cost,
        curves=None if curves is None else np.asarray(curves, dtype=np.float64),
    )


def _equal_rows(values: Array, cost: Array) -> Array:
    """Return the same number for rows that agree in everything, shape (n,)."""
    columns = np.concatenate([values, cost[:, None]], axis=1)
    _, numbers = np.unique(columns, axis=0, return_inverse=True)
    return np.asarray(numbers).reshape(-1)
