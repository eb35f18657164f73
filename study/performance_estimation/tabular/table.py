"""A tabulated benchmark: every candidate of a space trained beforehand, then looked up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from study.common.errors import DataError
from study.performance_estimation.tabular.table_space import OwnSpace
from study.search_space.candidate import Values, ValuesKey, values_key
from study.search_space.space import SearchSpace

Array = np.ndarray

Unit = Literal["share", "percent", "number"]
"""What a value is: of 0 to 1, of 0 to 100, or any number."""

TO_POINTS: Mapping[Unit, float] = {"share": 100.0, "percent": 1.0, "number": 1.0}
TO_METRIC: Mapping[Unit, float] = {"share": 1.0, "percent": 0.01, "number": 1.0}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A space and what every point of it reached, for several training seeds.

    Args:
        name: Short name, used in messages.
        space: The space; each of its points has a row, in the order of ``space.points()``.
        values: What trainings reached, shape (n, seeds); larger is better.
        twins: Number of the candidate of each row, shape (n,).
        cost: What one training costs, in any unit, shape (n,).
        curves: The measure after every epoch, shape (n, seeds, epochs).
        sizes: ``parameters`` and ``macs`` of the networks, shape (n,) each, where known.
        unit: What a value is.
    """

    name: str
    space: SearchSpace
    values: Array
    twins: Array
    cost: Array
    curves: Array | None = None
    sizes: Mapping[str, Array] | None = None
    unit: Unit = "share"

    @cached_property
    def rows(self) -> Mapping[ValuesKey, int]:
        """Row of every point."""
        return {values_key(values): row for row, values in enumerate(self.points)}

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
        arrays = [self.values, self.twins, self.cost, *(self.sizes or {}).values()]
        if self.curves is not None:
            arrays.append(self.curves)
        parts = [repr((self.space.parameters, dict(self.space.fixed), self.unit)).encode()]
        parts += [np.ascontiguousarray(array, dtype=np.float64).tobytes() for array in arrays]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]

    @property
    def seeds(self) -> int:
        """Trainings of each candidate."""
        return int(self.values.shape[1])

    @property
    def epochs(self) -> int:
        """Steps that a replayed training reports: those of its curve, or the result alone."""
        return 1 if self.curves is None else int(self.curves.shape[2])

    @property
    def names_networks(self) -> bool:
        """Whether its points are networks of this project, which could be trained again."""
        return not isinstance(self.space, OwnSpace)

    @property
    def to_points(self) -> float:
        """What a difference of values is multiplied by to be one in percentage points."""
        return TO_POINTS[self.unit]

    @property
    def to_metric(self) -> float:
        """What a value is multiplied by to be the measure of a study."""
        return TO_METRIC[self.unit]

    def row(self, values: Values) -> int:
        """Return the row of a point.

        Raises:
            DataError: The point is not in the table.
        """
        key = values_key(values)
        if key not in self.rows:
            message = f"table {self.name}: has no row for {dict(values)}"
            raise DataError(message)
        return self.rows[key]

    def value(self, values: Values, *, seed: int) -> float:
        """Return what the training of a point with this seed reached."""
        row = self.row(values)
        return float(self.values[row, seed % self.seeds])

    def identity(self, values: Values) -> str:
        """Return the candidate of a point; twins have the same."""
        return str(int(self.twins[self.row(values)]))
