"""The time to ask a sampler for the next candidate, by the number of known trials.

    python -m benchmarks.ask_cost                           # every sampler but gp, 1,000 trials
    python -m benchmarks.ask_cost --space seed --trials 100 gp auto

The history is built as in the runner: anew for every ask, with one more trial each time, equal to
the last one but not the same objects. It has random candidates with a closed-form score. A tenth
of them are pruned and a twentieth failed. ``first`` is the ask of a new process, which reads the
whole history. ``median`` and ``worst`` are of the asks after it. ``gp`` runs only when named:
after 1,000 trials one ask takes minutes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from study.common.errors import SettingsError
from study.search_space.candidate import ImageFormat, Values
from study.search_space.reading.loading import load_space
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace
from study.search_strategy.registry import SAMPLERS, parse_sampler
from study.search_strategy.sampler import StrategyContext
from study.search_strategy.strategy import Exhausted, History, Observation, generator

IMAGE = ImageFormat()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCost:
    """Milliseconds of the asks of one sampler; the first one reads the whole history."""

    first: float
    later: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median of the later asks."""
        return statistics.median(self.later)


def ask_cost(
    sampler: str, space: SearchSpace, history: Sequence[Observation], *, asks: int
) -> AskCost:
    """Return the time that a sampler takes for the last asks of a history.

    Args:
        history: All trials; the last ``asks`` trials are unknown at the first ask.
        asks: Asks after the first, with one new trial each.
    """
    context = StrategyContext(space=space, budget=len(history), image=IMAGE)
    strategy = parse_sampler(sampler).make(context)
    milliseconds = []
    for known in range(len(history) - asks, len(history) + 1):
        fresh = tuple(replace(o, values=dict(o.values)) for o in history[:known])
        asked = History(
            space=space, observations=fresh, sequence_index=known, budget=context.budget
        )
        start = time.perf_counter()
        try:
            strategy.propose(asked, generator(0, "draw", known, 0))
        except Exhausted:
            break
        milliseconds.append(1000 * (time.perf_counter() - start))
    first, *later = milliseconds
    return AskCost(first=first, later=tuple(later))


def closed_form_history(space: SearchSpace, *, trials: int) -> tuple[Observation, ...]:
    """Return random candidates with scores that depend smoothly on every parameter."""
    rng = np.random.default_rng(0)
    weights = {parameter.name: rng.normal(size=2) for parameter in space.parameters}
    return tuple(_observation(n, space.sample(rng), weights, space) for n in range(trials))


def _observation(
    number: int, values: Values, weights: dict[str, np.ndarray], space: SearchSpace
) -> Observation:
    score = 0.0
    for name, value in values.items():
        shown = np.log1p(abs(value)) if isinstance(value, int | float) else len(str(value))
        score += float(weights[name] @ np.array([np.sin(shown), np.cos(shown)]))
    outcome = "failed" if number % 20 == 7 else "pruned" if number % 10 == 3 else "complete"
    return Observation(
        number=number,
        values=values,
        outcome=outcome,  # type: ignore[arg-type]
        scores=() if outcome == "failed" else (score,),
        step=1 + number % 3,
        candidate_id=candidate_id(space.candidate(values), IMAGE),
    )


def _row(sampler: str, space: SearchSpace, history: Sequence[Observation], *, asks: int) -> str:
    try:
        cost = ask_cost(sampler, space, history, asks=asks)
    except SettingsError as error:
        return f"{sampler:20} {error}"
    worst = max(cost.later)
    return f"{sampler:20} {cost.median:10.2f} {worst:10.1f} {cost.first:12.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row per sampler."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "samplers", nargs="*", default=[s for s in SAMPLERS if s != "gp"], metavar="sampler"
    )
    parser.add_argument("--space", default="stages", help="a shipped space or a file")
    parser.add_argument("--trials", type=int, default=1000, help="number of known trials")
    parser.add_argument("--asks", type=int, default=21, help="number of measured asks")
    chosen = parser.parse_args(arguments)
    space = load_space(chosen.space)
    print(f"{space.name}, {len(space.parameters)} parameters, {chosen.trials} trials known")
    print(f"{'sampler':20} {'median ms':>10} {'worst ms':>10} {'first ask ms':>12}")
    history = closed_form_history(space, trials=chosen.trials + chosen.asks)
    for sampler in chosen.samplers:
        print(_row(sampler, space, history, asks=chosen.asks), flush=True)


if __name__ == "__main__":
    main()
