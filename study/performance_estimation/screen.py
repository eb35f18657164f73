"""``--screen synflow:200``: score random candidates without training, and train the best first.

This file parses, validates and scores. ``study/running`` stores the scores with the study.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from pydantic.dataclasses import dataclass as options_dataclass

from study.common.choices import parse_choice, registry_of
from study.common.errors import SettingsError
from study.performance_estimation.estimator import (
    EstimateFailed,
    EstimatorContext,
    EstimatorOptions,
)
from study.performance_estimation.registry import ZERO_COST
from study.search_space.candidate import RECIPE_FIELDS, Candidate
from study.search_space.resolve import complexity, resolve
from study.search_space.space import SearchSpace

KEPT_SHARE = 10
"""Draws for each kept candidate where the number to keep is not given."""

MOST_DRAWS = 100_000

Scorer = Callable[[Candidate], float | None]
"""Returns the score of a candidate; larger is better, None where there is none."""


@options_dataclass(frozen=True, kw_only=True)
class CountOptions(EstimatorOptions):
    """A count of the network as its score; the names are those of its subclasses."""

    needs_data: ClassVar[bool] = False


class Parameters(CountOptions):
    """Trainable numbers of the network."""

    name = "parameters"


class Macs(CountOptions):
    """Multiply-accumulates for an image."""

    name = "macs"


class ConvMacs(CountOptions):
    """Multiply-accumulates for an image in convolutions."""

    name = "conv_macs"


SCORES = registry_of(*ZERO_COST.values(), Parameters, Macs, ConvMacs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSpec:
    """A screen before a search.

    Args:
        score: One of ``SCORES``.
        draws: Different candidates drawn at random and scored.
        kept: The best of them, which the study tries before its sampler continues.
    """

    score: EstimatorOptions
    draws: int
    kept: int

    @property
    def proxy(self) -> str:
        return self.score.name


def parse_screen(text: str) -> ScreenSpec:
    """Return the screen of a text ``SCORE[,option=value…]:DRAWS[:KEPT]``."""
    choice, *numbers = text.split(":")
    score = parse_choice(choice, SCORES, what="screen")
    if not 1 <= len(numbers) <= 2 or not all(number.strip().isdecimal() for number in numbers):
        raise SettingsError(
            f"--screen {text}: write SCORE:DRAWS or SCORE:DRAWS:KEPT, as {score.name}:200 or"
            f" {score.name}:200:20"
        )
    draws = int(numbers[0])
    kept = int(numbers[1]) if len(numbers) > 1 else max(draws // KEPT_SHARE, 1)
    if not 2 <= draws <= MOST_DRAWS or not 1 <= kept <= draws:
        raise SettingsError(
            f"--screen {text}: {draws} draws of which {kept} are kept; draw 2 to {MOST_DRAWS:,}"
            " and keep at least one and no more than are drawn"
        )
    return ScreenSpec(score=score, draws=draws, kept=kept)


def check_screen(screen: ScreenSpec, space: SearchSpace) -> None:
    """Check that a screen can tell the candidates of a space apart.

    Raises:
        SettingsError: Only the recipe varies, on which no score depends.
    """
    if any(parameter.name not in RECIPE_FIELDS for parameter in space.parameters):
        return
    names = ", ".join(parameter.name for parameter in space.parameters)
    raise SettingsError(
        f"--screen {screen.proxy}: {space.name} varies {names} only, which is how networks"
        " are trained; a score of the untrained network is the same for all. Leave the screen out"
    )


def make_scorer(screen: ScreenSpec, context: EstimatorContext) -> Scorer:
    """Return the function that scores the candidates of a study."""
    name, image = screen.proxy, context.image
    if isinstance(screen.score, CountOptions):
        return lambda c: float(getattr(complexity(resolve(c.architecture, image)), name))
    estimator = screen.score.make(context)

    def score(candidate: Candidate) -> float | None:
        try:
            found = estimator.estimate(candidate, seed=context.seed, report=lambda _: None)
        except EstimateFailed:
            return None
        return found.metrics[name]

    return score
