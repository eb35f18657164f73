"""``--estimator table``: look up a candidate's training in a table."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from study.common.errors import DataError, SettingsError
from study.performance_estimation.estimator import (
    Estimate,
    EstimatorContext,
    EstimatorOptions,
    Report,
    Step,
)
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_file import load_table
from study.performance_estimation.tabular.table_space import Row
from study.search_space.candidate import Candidate, ImageFormat, Values
from study.search_space.distinct import ungridded
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace

METRIC = "val_accuracy"
"""Name under which a study stores the values of a table."""


@dataclass(frozen=True, kw_only=True)
class TableOptions(EstimatorOptions):
    """Looks trainings up in a tabulated benchmark."""

    name: ClassVar[str] = "table"
    needs_data: ClassVar[bool] = False
    metric: ClassVar[str | None] = "accuracy"

    file: Annotated[
        str, Field(description="a shipped table's name, or the path of its .npz file")
    ] = ""

    @property
    def table(self) -> BenchmarkTable:
        """The table.

        Raises:
            SettingsError: No file is given.
            DataError: The file cannot be read.
        """
        if not self.file:
            raise SettingsError("estimator table: the file is missing; write table,file=NAME.npz")
        return load_table(self.file)

    def candidate_epochs(self, recipe_epochs: int) -> int:
        return self.table.epochs

    def validate(self, space: SearchSpace, image: ImageFormat) -> None:
        """Check that the table has a row for every point of a space."""
        table, sampled = self.table, ungridded(space)
        if sampled.size() is None:
            raise SettingsError(
                f"estimator table: the space '{space.name}' has parameters without countable"
                f" values; take the space beside {table.name}.npz"
            )
        estimator = TableEstimator(table=table, image=image)
        for values in sampled.points():
            try:
                estimator.row(space.candidate(values))
            except DataError as error:
                raise SettingsError(
                    f"{error}, a point of the space '{space.name}'; take the space beside the"
                    " table, or a part of it"
                ) from None

    def make(self, context: EstimatorContext) -> TableEstimator:
        return TableEstimator(table=self.table, image=context.image)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableEstimator:
    """Looks candidates up in a table, whose networks were trained on images of this format."""

    table: BenchmarkTable
    image: ImageFormat

    @cached_property
    def _rows(self) -> Mapping[object, int]:
        space = self.table.space
        rows: dict[object, int] = {}
        for row, values in enumerate(self.table.points):
            rows.setdefault(self._key(space.candidate(values)), row)
        return rows

    def _key(self, candidate: Candidate) -> object:
        if isinstance(candidate, Row):
            return candidate.point
        return candidate_id(candidate, self.image)

    def row(self, candidate: Candidate) -> int:
        row = self._rows.get(self._key(candidate))
        if row is None:
            shown = f"{candidate}"
            if isinstance(candidate, Row):
                shown = ", ".join(f"{name}: {value}" for name, _, value in candidate.point)
            raise DataError(f"table {self.table.name}: has no row for {shown}")
        return row

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the stored result of one of the table's trainings, and report its curve."""
        row, table = self.row(candidate), self.table
        column = seed % table.seeds
        final = self._measure(float(table.values[row, column]))
        curve = table.values[row, [column]] if table.curves is None else table.curves[row, column]
        for epoch, value in enumerate(curve, start=1):
            metrics = {METRIC: self._measure(float(value))}
            report(Step(number=epoch, metrics=metrics, seconds=0.0))
        return Estimate(
            metrics={METRIC: final},
            epochs=float(len(curve)),
            facts={
                "table": table.digest,
                "column": int(column),
                "cost": float(table.cost[row]),
            },
        )

    def _measure(self, value: float) -> float:
        return round(value * self.table.to_metric, 12)


def distinct_points(table: BenchmarkTable, space: SearchSpace) -> Mapping[str, Values]:
    """Return the first point of the space for each candidate of the table, by candidate id."""
    points: dict[str, Values] = {}
    for values in ungridded(space).points():
        points.setdefault(table.identity(values), values)
    return MappingProxyType(points)
