"""A table as an estimator: a candidate's training, or its curve, looked up in place of trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from study.common.errors import DataError, SettingsError
from study.common.old_choices import Option, Options, OptionValue
from study.performance_estimation.estimator import Estimate, Report, Step
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.tabular.table_file import load_table
from study.performance_estimation.tabular.table_space import Row
from study.search_space.candidate import Candidate, ImageFormat, Values
from study.search_space.distinct import ungridded
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace

METRIC = "val_accuracy"
"""Name under which a study stores what the table holds."""

OPTIONS: Options = MappingProxyType(
    {"file": Option(default="", meaning="a shipped table's name, or the path of its .npz file")}
)


@dataclass(frozen=True, kw_only=True)
class TableEstimator:
    """Looks candidates up in a table.

    Args:
        table: The table.
        image: Format of the images the table's networks were trained on.
        metric: Name of the measure, with its split.
    """

    table: BenchmarkTable
    image: ImageFormat
    metric: str = METRIC

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
        """Return the row of a candidate.

        Raises:
            DataError: The candidate is not in the table.
        """
        row = self._rows.get(self._key(candidate))
        if row is None:
            message = f"table {self.table.name}: has no row for {_shown(candidate)}"
            raise DataError(message)
        return row

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """Return the stored result of one of the table's trainings, its curve reported.

        Raises:
            DataError: The candidate is not in the table.
        """
        row, table = self.row(candidate), self.table
        column = seed % table.seeds
        final = self._measure(float(table.values[row, column]))
        curve = table.values[row, [column]] if table.curves is None else table.curves[row, column]
        for epoch, value in enumerate(curve, start=1):
            metrics = {self.metric: self._measure(float(value))}
            report(Step(number=epoch, metrics=metrics, seconds=0.0))
        return Estimate(
            metrics={self.metric: final},
            epochs=float(len(curve)),
            facts={
                "table": table.digest,
                "column": int(column),
                "cost": float(table.cost[row]),
            },
        )

    def _measure(self, value: float) -> float:
        return round(value * self.table.to_metric, 12)


def table_of(options: Mapping[str, OptionValue]) -> BenchmarkTable:
    """Return the table that the options of ``table,file=…`` name.

    Raises:
        SettingsError: No file is given.
        DataError: It cannot be read.
    """
    file = str(options["file"])
    if not file:
        raise SettingsError("estimator table: which one is missing; write table,file=NAME.npz")
    return load_table(file)


def refuse_other_space(table: BenchmarkTable, space: SearchSpace, image: ImageFormat) -> None:
    """Refuse a space that has points the table knows nothing of.

    Raises:
        SettingsError: There is such a point.
    """
    drawn = ungridded(space)
    if drawn.size() is None:
        raise SettingsError(
            f"estimator table: the space '{space.name}' has parameters without countable values;"
            f" take the space beside {table.name}.npz"
        )
    estimator = TableEstimator(table=table, image=image)
    for values in drawn.points():
        try:
            estimator.row(space.candidate(values))
        except DataError as error:
            raise SettingsError(
                f"{error}, a point of the space '{space.name}'; take the space beside the table,"
                " or a part of it"
            ) from None


def naming(table: BenchmarkTable, space: SearchSpace) -> Mapping[str, Values]:
    """Return the first point of the space for each candidate of the table, by its name."""
    named: dict[str, Values] = {}
    for values in ungridded(space).points():
        named.setdefault(table.identity(values), values)
    return MappingProxyType(named)


def _shown(candidate: Candidate) -> str:
    if isinstance(candidate, Row):
        return ", ".join(f"{name}: {value}" for name, _, value in candidate.point)
    return f"{candidate}"
