"""A stratified random sample of a space, for the full trainings."""

from __future__ import annotations

import numpy as np

from study.common.errors import EvaluationError, SettingsError
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import candidate_id, complexity, resolve
from study.search_space.space import SearchSpace

SMALLEST_SAMPLE = 30
"""In 400 samples of 30 networks of NAS-Bench-Macro, τ of MACs and of parameters had a standard
deviation of .09 to .12. It was .12 to .15 with 20 networks, and .07 to .09 with 50."""

_POOL = 20
_ATTEMPTS = 400


def check_sample_size(size: int) -> None:
    """Raise ``SettingsError`` if a sample is too small for a conclusion."""
    if size < SMALLEST_SAMPLE:
        raise SettingsError(
            f"a sample of {size} candidates is too small: rank correlations from it have an error "
            f"larger than the differences between estimators (the standard error of τ is about .1 "
            f"at 30); use at least {SMALLEST_SAMPLE}, and 50 to distinguish estimators"
        )


def stratified_sample(
    space: SearchSpace, image: ImageFormat, *, size: int, seed: int
) -> tuple[Values, ...]:
    """Return different candidates of the space, spread evenly over its range of MACs.

    Twenty times the number are drawn at random and sorted by MACs. One is taken at random from
    each of ``size`` equal parts. Every candidate has the chance of a plain random sample, but no
    size of network is missed by bad luck. It is not a sample of the best candidates: ranking those
    is harder, and the report shows it separately.

    Args:
        size: Number of candidates; the sample has fewer if the space has fewer.

    Raises:
        SettingsError: ``size`` is below ``SMALLEST_SAMPLE``.
        EvaluationError: The space has fewer different candidates than that.
    """
    check_sample_size(size)
    rng = np.random.default_rng([seed, size])
    pool = _pool(space, image, size=size, rng=rng)
    if len(pool) < SMALLEST_SAMPLE:
        raise EvaluationError(
            f"{space.name}: only {len(pool)} different candidates found, {SMALLEST_SAMPLE} are "
            f"needed to judge an estimator; a space this small can be trained in full"
        )

    def macs(name: str) -> int:
        return complexity(resolve(space.candidate(pool[name]).architecture, image)).macs

    by_macs = sorted(pool, key=lambda name: (macs(name), name))
    strata = np.array_split(np.arange(len(by_macs)), min(size, len(by_macs)))
    chosen = (by_macs[int(rng.choice(stratum))] for stratum in strata)
    return tuple(pool[name] for name in chosen)


def _pool(
    space: SearchSpace, image: ImageFormat, *, size: int, rng: np.random.Generator
) -> dict[str, Values]:
    """Return different candidates by identity, each drawn as random search draws."""
    pool: dict[str, Values] = {}
    for _ in range(_ATTEMPTS * size):
        if len(pool) == _POOL * size:
            break
        values = space.sample(rng)
        if space.allows(values, image):
            pool.setdefault(candidate_id(space.candidate(values), image), values)
    return pool
