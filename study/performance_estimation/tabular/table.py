"""A tabulated benchmark: every candidate of a space, trained once and looked up afterwards.

Several rows can be one candidate. The array ``twins`` of a table says which. Without it, networks
of this project are twins where they are one network with one recipe, as in any study. Other rows
are twins where they agree in everything and the agreement is evidence: they hold two trainings, or
two epochs of one, with different results. Single or constant numbers agree by chance, so such rows
stay separate candidates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from study.common.errors import DataError
from study.performance_estimation.tabular.table_space import OwnSpace
from study.search_space.candidate import OCTMNIST, Values, ValuesKey, values_key
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace

Array = np.ndarray

Unit = Literal["share", "percent", "number"]
"""What a value is: of 0 to 1, of 0 to 100, or any number."""

TO_POINTS: Mapping[Unit, float] = {"share": 100.0, "percent": 1.0, "number": 1.0}
TO_METRIC: Mapping[Unit, float] = {"share": 1.0, "percent": 0.01, "number": 1.0}


@dataclass(frozen=True, kw_only=True)
class BenchmarkTable:
    """A space, and for every point of it the results of several training seeds.

    Args:
        space: Each of its points has a row, in the order of ``space.points()``.
        values: Results of the trainings, shape (n, seeds); larger is better.
        twins: Number of the candidate of each row, shape (n,).
        cost: Cost of one training in any unit, shape (n,).
        curves: The measure after every epoch, shape (n, seeds, epochs).
        sizes: ``parameters`` and ``macs`` of the networks, shape (n,) each, where known.
    """

    name: str
    space: SearchSpace
    values: Array
    twins: Array
    cost: Array
    curves: Array | None = None
    sizes: Mapping[str, Array] = field(default_factory=dict)
    unit: Unit = "share"

    @cached_property
    def rows(self) -> Mapping[ValuesKey, int]:
        return {values_key(values): row for row, values in enumerate(self.points)}

    @cached_property
    def points(self) -> tuple[Values, ...]:
        return tuple(self.space.points())

    @cached_property
    def true_values(self) -> Array:
        """Mean over the seeds, shape (n,)."""
        return np.asarray(self.values.mean(axis=1))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that change with any value of the table or its space."""
        arrays = [self.values, self.twins, self.cost, *self.sizes.values()]
        if self.curves is not None:
            arrays.append(self.curves)
        parts = [repr((self.space.parameters, dict(self.space.fixed), self.unit)).encode()]
        parts += [np.ascontiguousarray(array, dtype=np.float64).tobytes() for array in arrays]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

    @property
    def seeds(self) -> int:
        return int(self.values.shape[1])

    @property
    def epochs(self) -> int:
        """Steps that a replayed training reports: those of its curve, or only the result."""
        return 1 if self.curves is None else int(self.curves.shape[2])

    @property
    def to_points(self) -> float:
        """Factor from a difference of values to percentage points."""
        return TO_POINTS[self.unit]

    @property
    def to_metric(self) -> float:
        """Factor from a value to the measure of a study."""
        return TO_METRIC[self.unit]

    def row(self, values: Values) -> int:
        key = values_key(values)
        if key not in self.rows:
            raise DataError(f"table {self.name}: has no row for {dict(values)}")
        return self.rows[key]

    def value(self, values: Values, *, seed: int) -> float:
        return float(self.values[self.row(values), seed % self.seeds])

    def identity(self, values: Values) -> str:
        """Return the candidate id of a point; twins have the same."""
        return str(int(self.twins[self.row(values)]))


def find_twins(path: Path, table: BenchmarkTable, given: Array | None) -> Array:
    """Return the number of each row's candidate, shape (n,).

    Args:
        path: For messages.
        table: Its own twins are not used.
        given: The array ``twins`` of the file, if it has one.

    Raises:
        DataError: Twins differ in their values, or points that are one network are not twins.
    """
    if given is not None and (pair := _unlike(table.values, given)):
        raise DataError(
            f"{path}: 'twins' says that rows {pair[0]} and {pair[1]} are one candidate, but"
            " their values differ"
        )
    if isinstance(table.space, OwnSpace):
        return _equal_rows(table) if given is None else given
    networks = _networks(table.space)
    _check_networks(path, table.values, networks, "values")
    if given is None:
        return networks
    _check_networks(path, given[:, None], networks, "numbers in 'twins'")
    return given


def _check_networks(path: Path, columns: Array, networks: Array, what: str) -> None:
    """Check that rows which are one network of this project agree in ``columns``."""
    if pair := _unlike(columns, networks):
        raise DataError(
            f"{path}: by the names in its space, rows {pair[0]} and {pair[1]} are one network of"
            f" this project, but their {what} differ; rename a parameter where it means another"
            " thing"
        )


def _unlike(columns: Array, numbers: Array) -> tuple[int, int] | None:
    """Return two rows of the same number whose columns differ, the earlier one first."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    earlier = first[inverse]
    differing = np.flatnonzero((columns != columns[earlier]).any(axis=1))
    return (int(earlier[differing[0]]), int(differing[0])) if len(differing) else None


def _networks(space: SearchSpace) -> Array:
    """Return the first row of each row's network, shape (n,)."""
    first: dict[str, int] = {}
    names = (candidate_id(space.candidate(values), OCTMNIST) for values in space.points())
    return np.array([first.setdefault(name, row) for row, name in enumerate(names)])


def _equal_rows(table: BenchmarkTable) -> Array:
    """Return equal numbers for rows that agree in everything, where that is evidence, (n,)."""
    count = len(table.values)
    trained = table.values if table.curves is None else table.curves
    trained = trained.reshape(count, -1)
    alone = np.where(np.ptp(trained, axis=1) > 0, -1, np.arange(count))
    columns = [table.values, table.cost, trained, *table.sizes.values(), alone]
    rows = np.concatenate([column.reshape(count, -1) for column in columns], axis=1)
    _, numbers = np.unique(rows, axis=0, return_inverse=True)
    return np.asarray(numbers).reshape(-1)
