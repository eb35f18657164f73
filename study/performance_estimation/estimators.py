"""Every estimator there is, by name. Readable without importing torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from study.options import Options, OptionValue, parse_choice
from study.performance_estimation import synthetic, zero_cost
from study.performance_estimation.estimator import Estimator, Fidelity
from study.search_space.candidate import ImageFormat
from study.search_space.space import SearchSpace

if TYPE_CHECKING:
    import torch

    from study.data.dataset import SearchData

Values = Mapping[str, OptionValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorSetup:
    """The study and the process that an estimator is built for.

    Args:
        space: The search space.
        image: Format of the images that enter the networks.
        data: Training and validation images; None where the estimator looks at none.
        fidelity: Share of a full training.
        precision: ``float32`` or ``bfloat16``.
        device: Where networks are trained.
        seed: The study's seed.
        folder: Where checkpoints are kept; None for none.
        seeds_apart: Whether one candidate is trained with several seeds, so that its checkpoints
            are named by both.
        interrupted: Asked often; True where the estimate should be broken off.
    """

    space: SearchSpace
    image: ImageFormat
    data: SearchData | None = None
    fidelity: Fidelity = field(default_factory=Fidelity)
    precision: str = "float32"
    device: torch.device | None = None
    seed: int = 0
    folder: Path | None = None
    seeds_apart: bool = False
    interrupted: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorSpec:
    """An entry of ``ESTIMATORS``.

    Args:
        meaning: One line for the help text.
        build: Makes the estimator from a value for every option.
        options: What may be given after the name.
        needs_data: Whether it looks at images.
        metric: Measure it is best judged by; None for the study's.
        check: Refuses a space the estimator cannot score.
    """

    meaning: str
    build: Callable[[EstimatorSetup, Values], Estimator]
    options: Options = field(default_factory=dict)
    needs_data: bool = True
    metric: str | None = None
    check: Callable[[SearchSpace], None] = lambda _: None


def _train(setup: EstimatorSetup, _: Values) -> Estimator:
    from study.performance_estimation.train_estimator import TrainEstimator

    return TrainEstimator.for_study(setup)


def _synthetic(setup: EstimatorSetup, values: Values) -> Estimator:
    return synthetic.SyntheticEstimator(
        image=setup.image,
        epochs=int(values["epochs"]),
        delay=float(values["delay"]),
        noise=float(values["noise"]),
        fail=float(values["fail"]),
    )


def _zero_cost(proxy: str) -> EstimatorSpec:
    def build(setup: EstimatorSetup, values: Values) -> Estimator:
        return zero_cost.ZeroCostEstimator.for_study(
            setup,
            proxy=proxy,
            images=int(values["images"]),
            initialisations=int(values["initialisations"]),
        )

    return EstimatorSpec(
        meaning=f"no training: {zero_cost.MEANINGS[proxy]}",
        build=build,
        options=zero_cost.OPTIONS,
        metric=proxy,
    )


PROXIES = ("synflow", "jacob_cov", "naswot", "grad_norm", "snip")
"""Zero-cost scores that a study can be run by alone, with ``--metric`` of the same name."""

ESTIMATORS: Mapping[str, EstimatorSpec] = MappingProxyType(
    {
        "train": EstimatorSpec(meaning="train and validate; the yardstick", build=_train),
        "synthetic": EstimatorSpec(
            meaning="a closed form, for trying things out without any training",
            build=_synthetic,
            options=synthetic.OPTIONS,
            needs_data=False,
        ),
        **{proxy: _zero_cost(proxy) for proxy in PROXIES},
    }
)


def estimator_spec(text: str) -> EstimatorSpec:
    """Return the spec that ``NAME[,option=value…]`` names.

    Raises:
        SettingsError: An unknown name or option.
    """
    return ESTIMATORS[_parse(text)[0]]


def make_estimator(text: str, setup: EstimatorSetup) -> Estimator:
    """Return the estimator that ``NAME[,option=value…]`` names.

    Raises:
        SettingsError: An unknown name or option, or a space it does not fit.
    """
    name, values = _parse(text)
    spec = ESTIMATORS[name]
    spec.check(setup.space)
    return spec.build(setup, values)


def _parse(text: str) -> tuple[str, dict[str, OptionValue]]:
    registry = {name: spec.options for name, spec in ESTIMATORS.items()}
    return parse_choice(text, registry, what="estimator")
