"""What a study knows of the points of its space: networks of this project, or rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from study.common.errors import SettingsError
from study.performance_estimation.registry import candidate_epochs, table_named
from study.performance_estimation.tabular.table import Table
from study.performance_estimation.tabular.table_estimator import naming, refuse_other_space
from study.performance_estimation.tabular.table_space import OwnSpace
from study.search_space.candidate import ImageFormat, Value, Values
from study.search_space.describe import describe_bound
from study.search_space.distinct import distinct_candidates
from study.search_space.resolve import candidate_id, complexity, resolve
from study.search_space.space import SearchSpace
from study.search_strategy.sampler_spec import Identity
from study.settings.study_settings import StudySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The points of a study's space.

    Args:
        image: Format of the images; None where the points are no networks.
        identify: Names the candidate of a point; equal names are twins.
        describe: Returns what is stored of a point before it is scored.
        distinct: Returns the first point of every candidate by its name; None where they cannot
            be counted.
        epochs: Steps of the longest training; 0 where candidates are not trained.
        ends: Returns the last step of a point's own training; None for that of the longest.
        refusal: Returns why a point is not scored, or None.
    """

    image: ImageFormat | None
    identify: Identity
    describe: Callable[[Values], Mapping[str, Any]]
    distinct: Callable[[], Mapping[str, Values] | None]
    epochs: int
    ends: Callable[[Values], int | None] = lambda _: None
    refusal: Callable[[Values], str | None] = lambda _: None


def points_of(settings: StudySettings, image: ImageFormat) -> Points:
    """Return what is known of the points of a study's space.

    Args:
        settings: The study.
        image: Format of the images that enter its networks.

    Raises:
        StudyError: The space does not fit the images, or a table cannot be read.
    """
    space, table = settings.space(image), table_named(settings.estimator)
    if table is not None and isinstance(space, OwnSpace):
        return _rows(table, space)
    return Points(
        image=image,
        identify=_identify(space, image),
        describe=lambda values: describe(space, values, image),
        distinct=lru_cache(maxsize=1)(lambda: distinct_candidates(space, image)),
        epochs=_epochs(settings, longest_training(space)) if table is None else table.epochs,
        ends=lambda values: _ends(settings, space, values) if table is None else None,
        refusal=lambda values: outside(space, values, image),
    )


def outside(space: SearchSpace, values: Values, image: ImageFormat) -> str | None:
    """Return which constraints the network of a point breaks, or None."""
    broken = space.broken_bounds(values, image)
    if not broken:
        return None
    told = (
        f"{n:,} {m}, allowed: {describe_bound(space.constraints[m])}" for m, n in broken.items()
    )
    return f"the network lies outside the constraints: {'; '.join(told)}"


def _epochs(settings: StudySettings, longest: int) -> int:
    return candidate_epochs(settings.estimator, longest=longest)


def _ends(settings: StudySettings, space: SearchSpace, values: Values) -> int:
    return _epochs(settings, space.candidate(values).recipe.epochs)


def _rows(table: Table, space: SearchSpace) -> Points:
    return Points(
        image=None,
        identify=table.identity,
        describe=lambda values: _sizes(table, values),
        distinct=lru_cache(maxsize=1)(lambda: naming(table, space)),
        epochs=table.epochs,
    )


def _sizes(table: Table, values: Values) -> dict[str, int]:
    row = table.row(values)
    return {name: int(column[row]) for name, column in (table.sizes or {}).items()}


def _identify(space: SearchSpace, image: ImageFormat) -> Identity:
    """Return a function that names the candidate of a point, and remembers."""

    @lru_cache(maxsize=65536)
    def named(key: tuple[tuple[str, Value], ...]) -> str:
        return candidate_id(space.candidate(dict(key)), image)

    return lambda values: named(tuple(values.items()))


def describe(space: SearchSpace, values: Values, image: ImageFormat) -> dict[str, Any]:
    """Return what is stored of a network before it is scored."""
    stack = resolve(space.candidate(values).architecture, image)
    counts = complexity(stack)
    return {
        "architecture": asdict(stack),
        "parameters": counts.parameters,
        "macs": counts.macs,
        "conv_macs": counts.conv_macs,
    }


def longest_training(space: SearchSpace) -> int:
    """Return the epochs of the longest training in the space.

    A candidate in which ``epochs`` is inactive trains for as many as one of a space without it.
    """
    parameter, otherwise = space.by_name.get("epochs"), space.candidate({}).recipe.epochs
    if parameter is None:
        return otherwise
    longest = int(max(parameter.values() or (1,)))
    return max(longest, otherwise) if parameter.when else longest


def check_table(settings: StudySettings, space: SearchSpace, image: ImageFormat) -> None:
    """Refuse what a table cannot answer; nothing happens with another estimator.

    Raises:
        SettingsError: A point of the space is not in it, or a setting would have no effect.
    """
    table = table_named(settings.estimator)
    if table is None:
        return
    for flag, idle in (
        ("--epochs", settings.epochs is None),
        ("--fraction", settings.fraction == 1.0),
        ("--image-size", settings.image_size is None),
    ):
        if not idle:
            raise SettingsError(
                f"{flag}: the trainings of table {table.name} were made beforehand; leave it out"
            )
    refuse_other_space(table, space, image)
    if isinstance(space, OwnSpace):
        _refuse_network_questions(settings, table)


def _refuse_network_questions(settings: StudySettings, table: Table) -> None:
    known = {"accuracy", *(table.sizes or {})}
    for name in settings.objectives:
        if name not in known:
            raise SettingsError(
                f"objective {name}: table {table.name} does not know it; it knows"
                f" {', '.join(sorted(known))}"
            )
    if settings.screen is not None:
        raise SettingsError(
            f"--screen: the points of table {table.name} are no networks; leave it out"
        )
