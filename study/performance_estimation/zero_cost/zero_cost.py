"""Scores a candidate without training it, in milliseconds.

Beside the proxies of ``proxies.py`` stand the counts that are hard to beat: parameters, MACs and
the convolutions' MACs. No proxy sees the recipe: two candidates that differ in it alone tie.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from study.common.old_choices import Option, Options
from study.performance_estimation.estimator import (
    Estimate,
    EstimateFailed,
    EstimatorContext,
    Report,
    Step,
)
from study.search_space.candidate import Candidate, ImageFormat
from study.search_space.resolve import Stack, architecture_id, complexity, resolve

if TYPE_CHECKING:
    from torch import Tensor

COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "parameters": "trainable numbers of the network",
        "macs": "multiply-accumulates an image",
        "conv_macs": "multiply-accumulates an image in convolutions",
    }
)
"""Free scores, by name, with their meaning; larger counts as better."""

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "synflow": "how much flows through the untrained network's absolute weights",
        "jacob_cov": "how differently the untrained network responds to images",
        "naswot": "how differently images switch the untrained network's units",
        "grad_norm": "size of the loss's gradient before training",
        "snip": "sensitivity of the loss to the weights before training",
        **COUNTS,
    }
)
"""Every zero-cost score, by name, with one line for the help text."""

INITIALISATIONS = 3
"""Drawings of the weights that a score is averaged over."""

OPTIONS: Options = MappingProxyType(
    {
        "images": Option(default=64, low=2, high=1024, meaning="images looked at"),
        "initialisations": Option(
            default=INITIALISATIONS, low=1, high=100, meaning="drawings of the weights averaged"
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroCostEstimator:
    """Scores every candidate on the same few images.

    Args:
        proxy: A name of ``MEANINGS``; also that of the metric.
        image: Format of the images.
        images: uint8 (n, c, h, w), all different.
        labels: int64 (n,).
        initialisations: Drawings of the weights that the score is averaged over.
        seed: The study's. A network's weights follow from it and from the network: by a
            candidate's own seed the luckiest of its recipes would lead.
    """

    proxy: str
    image: ImageFormat
    images: Tensor
    labels: Tensor
    initialisations: int = INITIALISATIONS
    seed: int = 0

    @classmethod
    def for_study(
        cls, context: EstimatorContext, *, proxy: str, images: int, initialisations: int
    ) -> ZeroCostEstimator:
        """Return the estimator on ``images`` of the study's training images, classes in turn."""
        from study.performance_estimation.training.data import training_data
        from study.performance_estimation.zero_cost.proxies import proxy_batch

        data = training_data(context)
        chosen = proxy_batch(data.train_labels, images)
        return cls(
            proxy=proxy,
            image=context.image,
            images=data.train_images[chosen],
            labels=data.train_labels[chosen],
            initialisations=initialisations,
            seed=context.seed,
        )

    def estimate(self, candidate: Candidate, *, seed: int, report: Report) -> Estimate:
        """See ``Estimator``. One step is reported; the weights' seed is of study and network."""
        from study.performance_estimation.training.determinism import derived_seed

        start = time.perf_counter()
        name = architecture_id(candidate.architecture, self.image)
        weights = derived_seed(self.seed, "network", name)
        value = score(
            resolve(candidate.architecture, self.image),
            self.images,
            self.labels,
            proxy=self.proxy,
            seed=weights,
            initialisations=self.initialisations,
        )
        seconds = time.perf_counter() - start
        report(Step(number=1, metrics={self.proxy: value}, seconds=seconds))
        return Estimate(metrics={self.proxy: value}, seconds=seconds, facts={"seed": weights})


def score(
    stack: Stack,
    images: Tensor,
    labels: Tensor,
    *,
    proxy: str,
    seed: int,
    initialisations: int = INITIALISATIONS,
) -> float:
    """Return the zero-cost score of a network; larger is taken for better.

    Args:
        stack: The network.
        images: uint8 (n, c, h, w); not changed, and not looked at by ``COUNTS``.
        labels: int64 (n,).
        proxy: A name of ``MEANINGS``.
        seed: The weights drawn follow from it.
        initialisations: Drawings of the weights that the score is averaged over.

    Raises:
        EstimateFailed: The score is not finite, as where the network answers every image alike,
            or memory ran out.
    """
    if proxy in COUNTS:
        return float(getattr(complexity(stack), proxy))
    try:
        values = [
            _score_once(stack, images, labels, proxy=proxy, seed=seed, drawing=drawing)
            for drawing in range(initialisations)
        ]
    except (RuntimeError, MemoryError) as error:
        from study.performance_estimation.training.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        raise EstimateFailed("out of memory", f"{proxy} on {len(images)} images") from error
    mean = sum(values) / len(values)
    if not math.isfinite(mean):
        size = complexity(stack).parameters
        raise EstimateFailed(
            "non-finite", f"{proxy} is {mean} for this network of {size} parameters"
        )
    return mean


def _score_once(
    stack: Stack, images: Tensor, labels: Tensor, *, proxy: str, seed: int, drawing: int
) -> float:
    from study.network.build import build
    from study.network.forward import normalise
    from study.performance_estimation.training.determinism import derived_generator, one_thread
    from study.performance_estimation.zero_cost.proxies import PROXIES, ready

    network = build(stack, generator=derived_generator(seed, "zero-cost", drawing))
    network.to(images.device)
    with one_thread():
        return float(PROXIES[proxy](ready(network), normalise(images), labels).detach())
