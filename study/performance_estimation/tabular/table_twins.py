"""Which rows of a table are one candidate.

An array ``twins`` says so. Without it, points of networks are twins where they are one network
with one recipe, as in any study. Of other points, rows are twins where they agree in everything
and that is evidence: two trainings, or two epochs of one, that differ from one another. Single or
constant numbers agree by chance, so there every row is a candidate of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from study.common.errors import DataError
from study.performance_estimation.tabular.table_space import OwnSpace
from study.search_space.candidate import OCTMNIST
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace

Array = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What a table holds of each row but its twins; shapes as in ``Table``."""

    values: Array
    cost: Array
    curves: Array | None = None
    sizes: Mapping[str, Array] = field(default_factory=dict)


def twins_of(path: Path, space: SearchSpace, rows: Rows, given: Array | None) -> Array:
    """Return the number of each row's candidate, shape (n,).

    Args:
        path: The table's file, for messages.
        space: The space; its points are the rows, in order.
        rows: What else the table holds.
        given: The table's own array, if it has one.

    Raises:
        DataError: Twins differ in their values, or points that are one network are not twins.
    """
    if given is not None and (pair := _unlike(rows.values, given)):
        message = (
            f"{path}: 'twins' says that rows {pair[0]} and {pair[1]} are one candidate, but"
            " their values differ"
        )
        raise DataError(message)
    if isinstance(space, OwnSpace):
        return _equal_rows(rows) if given is None else given
    networks = _networks(space)
    _refuse_unlike(path, rows.values, networks, "values")
    if given is None:
        return networks
    _refuse_unlike(path, given[:, None], networks, "numbers in 'twins'")
    return given


def _refuse_unlike(path: Path, columns: Array, networks: Array, what: str) -> None:
    """Refuse rows that a study takes for one network where the table knows two.

    Raises:
        DataError: There are such rows.
    """
    if pair := _unlike(columns, networks):
        message = (
            f"{path}: by the names in its space, rows {pair[0]} and {pair[1]} are one network of"
            f" this project, but their {what} differ; rename a parameter where it means another"
            " thing"
        )
        raise DataError(message)


def _unlike(columns: Array, numbers: Array) -> tuple[int, int] | None:
    """Return the first row that differs from an earlier one of its number, that one before it."""
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    earlier = first[inverse]
    differing = np.flatnonzero((columns != columns[earlier]).any(axis=1))
    return (int(earlier[differing[0]]), int(differing[0])) if len(differing) else None


def _networks(space: SearchSpace) -> Array:
    """Return the first row of each row's network, shape (n,)."""
    first: dict[str, int] = {}
    names = (candidate_id(space.candidate(values), OCTMNIST) for values in space.points())
    return np.array([first.setdefault(name, row) for row, name in enumerate(names)])


def _equal_rows(rows: Rows) -> Array:
    """Return the same number for rows that agree in everything, where that is evidence, (n,)."""
    count = len(rows.values)
    trained = rows.values if rows.curves is None else rows.curves
    trained = trained.reshape(count, -1)
    alone = np.where(np.ptp(trained, axis=1) > 0, -1, np.arange(count))
    columns = [rows.values, rows.cost, trained, *rows.sizes.values(), alone]
    table = np.concatenate([column.reshape(count, -1) for column in columns], axis=1)
    _, numbers = np.unique(table, axis=0, return_inverse=True)
    return np.asarray(numbers).reshape(-1)
