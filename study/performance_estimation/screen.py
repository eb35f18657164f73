"""``--screen synflow:200``: many draws scored without training, the best of them trained first.

What is parsed, refused and scored is here; what a study stores of it is in ``study/screening.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from study.common.errors import SettingsError
from study.common.old_choices import OptionValue, parse_choice
from study.performance_estimation.estimator import EstimateFailed, EstimatorContext
from study.performance_estimation.zero_cost.zero_cost import (
    COUNTS,
    MEANINGS,
    OPTIONS,
    ZeroCostEstimator,
)
from study.search_space.candidate import RECIPE_FIELDS, Candidate
from study.search_space.resolve import complexity, resolve
from study.search_space.space import SearchSpace

KEPT_SHARE = 10
"""One in so many draws is trained where nothing else is asked for."""

MOST_DRAWS = 100_000

Scorer = Callable[[Candidate], float | None]
"""A candidate → its score, larger taken for better; None where it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSpec:
    """A screen as asked for.

    Args:
        proxy: A name of ``MEANINGS``.
        draws: Different candidates drawn at random and scored.
        kept: How many of them, the best, the study tries before its sampler goes on.
        options: A value for every option of the proxy.
    """

    proxy: str
    draws: int
    kept: int
    options: dict[str, OptionValue] = field(default_factory=dict)

    @property
    def needs_data(self) -> bool:
        """Whether the score looks at images."""
        return self.proxy not in COUNTS


def parse_screen(text: str) -> ScreenSpec:
    """Return the screen of a text ``PROXY[,option=value…]:DRAWS[:KEPT]``.

    Raises:
        SettingsError: It is not such a text, or names a proxy or an option that there is not.
    """
    choice, *numbers = text.split(":")
    registry = {name: {} if name in COUNTS else OPTIONS for name in MEANINGS}
    proxy, options = parse_choice(choice, registry, what="screen")
    if not 1 <= len(numbers) <= 2 or not all(number.strip().isdecimal() for number in numbers):
        raise SettingsError(
            f"--screen {text}: write PROXY:DRAWS or PROXY:DRAWS:KEPT, as {proxy}:200 or"
            f" {proxy}:200:20"
        )
    draws = int(numbers[0])
    kept = int(numbers[1]) if len(numbers) > 1 else max(draws // KEPT_SHARE, 1)
    if not 2 <= draws <= MOST_DRAWS or not 1 <= kept <= draws:
        raise SettingsError(
            f"--screen {text}: {draws} draws of which {kept} are kept; draw 2 to {MOST_DRAWS:,}"
            " and keep at least one and no more than are drawn"
        )
    return ScreenSpec(proxy=proxy, draws=draws, kept=kept, options=options)


def check_screen(spec: ScreenSpec, space: SearchSpace) -> None:
    """Refuse a space whose candidates a screen cannot tell apart.

    Raises:
        SettingsError: Nothing varies but the recipe, which no zero-cost score sees.
    """
    if any(parameter.name not in RECIPE_FIELDS for parameter in space.parameters):
        return
    names = ", ".join(parameter.name for parameter in space.parameters)
    raise SettingsError(
        f"--screen {spec.proxy}: {space.name} varies {names} only, which is how networks are"
        " trained; a score of the untrained network is the same for all. Leave the screen out"
    )


def make_scorer(spec: ScreenSpec, context: EstimatorContext) -> Scorer:
    """Return what scores the candidates of a study, its images loaded."""
    if not spec.needs_data:
        return lambda candidate: _count(spec.proxy, candidate, context)
    estimator = ZeroCostEstimator.for_study(
        context,
        proxy=spec.proxy,
        images=int(spec.options["images"]),
        initialisations=int(spec.options["initialisations"]),
    )

    def scored(candidate: Candidate) -> float | None:
        try:
            found = estimator.estimate(candidate, seed=context.seed, report=lambda _: None)
        except EstimateFailed:
            return None
        return found.metrics[spec.proxy]

    return scored


def _count(name: str, candidate: Candidate, context: EstimatorContext) -> float:
    return float(getattr(complexity(resolve(candidate.architecture, context.image)), name))
