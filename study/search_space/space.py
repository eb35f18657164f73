"""The search space: what varies, what is fixed, and what a network may cost."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType

import numpy as np

from study.search_space.candidate import (
    ARCHITECTURE_FIELDS,
    LENGTHS,
    RECIPE_FIELDS,
    STAGE_FIELDS,
    Architecture,
    Candidate,
    ImageCounts,
    ImageFormat,
    Recipe,
    Stage,
    Value,
    Values,
)
from study.search_space.parameter import (
    AnyParameter,
    SuggestingTrial,
    grid_values,
    rounded,
)
from study.search_space.resolve import complexity, resolve

STAGE_COUNT = "stages.count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """Smallest and largest allowed number, both included; None is no limit."""

    low: float | None = None
    high: float | None = None

    def excess(self, number: float) -> float:
        """Return how far ``number`` is outside, as a factor minus one; 0 if it is allowed."""
        if self.high is not None and number > self.high:
            return number / self.high - 1 if self.high > 0 else math.inf
        if self.low is not None and number < self.low:
            return self.low / max(number, 1) - 1
        return 0.0


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A search space.

    Args:
        parameters: What varies, in drawing order. A condition refers to earlier parameters only.
            Parameters of stage ``i`` (from 1) are called ``stage{i}.field``.
        fixed: Candidate fields (and ``stage{i}.field``, ``stages.count``) with one value.
        constraints: Bounds on ``parameters`` and ``macs`` of the network.
        enqueue: Candidates to try first, complete and valid.
        train_images: Number of training images; epochs that the space does not give follow
            from it.
    """

    name: str
    parameters: tuple[AnyParameter, ...]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    constraints: Mapping[str, Bound] = field(default_factory=dict)
    enqueue: tuple[Values, ...] = ()
    description: str = ""
    train_images: int = ImageCounts().train

    @cached_property
    def by_name(self) -> Mapping[str, AnyParameter]:
        """The parameters by name."""
        return MappingProxyType({parameter.name: parameter for parameter in self.parameters})

    def is_active(self, parameter: AnyParameter, values: Values) -> bool:
        """Tell whether all conditions of ``parameter`` hold, given the values of earlier ones."""
        for condition in parameter.when:
            name = condition.parameter
            value = values.get(name, self.fixed.get(name))
            if value is None or not condition.allows(value):
                return False
        return True

    def sample(self, rng: np.random.Generator) -> dict[str, Value]:
        """Return a random value of every active parameter, without regard to the constraints."""
        return self._filled(lambda parameter: parameter.draw(rng))

    def suggest(self, trial: SuggestingTrial) -> dict[str, Value]:
        """Return the trial's value of every active parameter, in drawing order."""
        return self._filled(lambda parameter: parameter.suggest(trial))

    def complete(self, values: Values, rng: np.random.Generator) -> dict[str, Value]:
        """Return ``values`` without inactive parameters; draw the active ones that are missing."""
        return self._filled(lambda p: values[p.name] if p.name in values else p.draw(rng))

    def _filled(self, choose: Callable[[AnyParameter], Value]) -> dict[str, Value]:
        values: dict[str, Value] = {}
        for parameter in self.parameters:
            if self.is_active(parameter, values):
                values[parameter.name] = choose(parameter)
        return values

    def points(self) -> Iterator[dict[str, Value]]:
        """Yield every point of the grid, without regard to the constraints.

        The first parameter changes slowest.

        Raises:
            ValueError: A parameter has no countable values.
        """
        yield from self._points(0, {})

    def _points(self, index: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if index == len(self.parameters):
            yield dict(values)
            return
        parameter = self.parameters[index]
        if not self.is_active(parameter, values):
            yield from self._points(index + 1, values)
            return
        grid = grid_values(parameter)
        if grid is None:
            message = f"{parameter.name}: a float without step has no countable values"
            raise ValueError(message)
        for value in grid:
            values[parameter.name] = value
            yield from self._points(index + 1, values)
        values.pop(parameter.name, None)

    def size(self) -> int | None:
        """Return the number of points of the grid, counted without enumerating them.

        None if a parameter has no countable values.
        """
        if any(grid_values(parameter) is None for parameter in self.parameters):
            return None
        # counts of partial points, which differ only in values that later conditions read
        counts: Counter[frozenset[tuple[str, Value]]] = Counter({frozenset(): 1})
        for index, parameter in enumerate(self.parameters):
            read_later = {c.parameter for p in self.parameters[index + 1 :] for c in p.when}
            grid = self._distinguished(parameter)
            extended: Counter[frozenset[tuple[str, Value]]] = Counter()
            for known, count in counts.items():
                kept = frozenset(pair for pair in known if pair[0] in read_later)
                if not self.is_active(parameter, dict(known)):
                    extended[kept] += count
                    continue
                for value, times in grid.items():
                    own = {(parameter.name, value)} if parameter.name in read_later else set()
                    extended[kept | own] += count * times
            counts = extended
        return counts.total()

    def _distinguished(self, parameter: AnyParameter) -> Counter[Value]:
        """Count the grid's values in groups that satisfy the same conditions.

        A range that no condition reads is one group, which keeps counting fast.
        """
        name = parameter.name
        conditions = [c for p in self.parameters for c in p.when if c.parameter == name]
        first: dict[tuple[bool, ...], Value] = {}
        counts: Counter[Value] = Counter()
        for value in grid_values(parameter) or ():
            answers = tuple(condition.allows(value) for condition in conditions)
            counts[first.setdefault(answers, value)] += 1
        return counts

    def candidate(self, values: Values) -> Candidate:
        """Return the candidate that these values describe, with numbers rounded to 12 digits.

        The length of its training is in epochs.
        """
        merged = {name: rounded(value) for name, value in {**self.fixed, **values}.items()}
        numbers = range(1, int(merged.get(STAGE_COUNT, 0)) + 1)
        stages = tuple(_stage(merged, number) for number in numbers)
        architecture = {name: merged[name] for name in ARCHITECTURE_FIELDS if name in merged}
        recipe = {name: merged[name] for name in RECIPE_FIELDS if name in merged}
        return Candidate(
            architecture=Architecture(stages=stages, **architecture),  # type: ignore[arg-type]
            recipe=Recipe(**recipe).for_images(self.train_images),  # type: ignore[arg-type]
        )

    def excess(self, values: Values, image: ImageFormat) -> float:
        """Return how far the network is outside the constraints; 0 if it is inside."""
        broken = self.broken_bounds(self.candidate(values), image) if self.constraints else {}
        return sum((self.constraints[m].excess(count) for m, count in broken.items()), 0.0)

    def allows(self, values: Values, image: ImageFormat) -> bool:
        """Tell whether the network of these values satisfies the constraints."""
        return not self.constraints or not self.broken_bounds(self.candidate(values), image)

    def broken_bounds(self, candidate: Candidate, image: ImageFormat) -> dict[str, int]:
        """Return the counts of the network that are outside their bounds, by measure."""
        if not self.constraints:
            return {}
        counts = complexity(resolve(candidate.architecture, image))
        found = {measure: int(getattr(counts, measure)) for measure in self.constraints}
        return {m: n for m, n in found.items() if self.constraints[m].excess(n)}

    def with_fixed(self, **fields: Value) -> SearchSpace:
        """Return the space with these candidate fields fixed to other values."""
        return replace(self, fixed={**self.fixed, **fields})

    def with_epochs(self, epochs: int) -> SearchSpace:
        """Return the space with trainings of this length."""
        others = {name: 0 for name in LENGTHS if name in self.fixed}
        return self.with_fixed(**{**others, "epochs": epochs})

    @cached_property
    def varying_length(self) -> str | None:
        """The parameter that makes trainings differ in epochs; None where they do not."""
        steps = self.fixed.get("steps") or "steps" in self.by_name
        names = (*LENGTHS, "batch_size") if steps else LENGTHS
        return next((name for name in names if name in self.by_name), None)

    @cached_property
    def longest_training(self) -> int:
        """Epochs of the longest training.

        A candidate in which a parameter is inactive has the default of its field.
        """
        found: dict[str, list[Value]] = {}
        for name in (*LENGTHS, "batch_size"):
            if name in self.by_name:
                values = sorted(grid_values(self.by_name[name]) or ())
                found[name] = [values[0], values[-1]]
                if self.by_name[name].when:
                    found[name].append(RECIPE_FIELDS[name].default)
        choices = itertools.product(*found.values())
        return max(
            self.candidate(dict(zip(found, choice, strict=True))).recipe.epochs
            for choice in choices
        )


def _stage(merged: Values, number: int) -> Stage:
    names = {name: f"stage{number}.{name}" for name in STAGE_FIELDS}
    return Stage(**{name: merged[full] for name, full in names.items() if full in merged})  # type: ignore[arg-type]
