"""Every estimator there is, by name. Readable without importing torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from study.common.old_choices import Options, OptionValue, parse_choice
from study.performance_estimation import synthetic
from study.performance_estimation.estimator import Estimator, EstimatorContext
from study.performance_estimation.supernet import paths as supernet_paths
from study.performance_estimation.tabular import table_estimator
from study.performance_estimation.tabular.table import BenchmarkTable
from study.performance_estimation.zero_cost import zero_cost
from study.search_space.space import SearchSpace

Values = Mapping[str, OptionValue]


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
        epochs: Epochs that a candidate is trained for, from those of the longest training in the
            space and the options.
        epochs_at_first: Epochs trained before the study's first trial, from the options and
            whether its sampler learns a policy.
        caution: What to know before a result is believed; empty for trainings.
    """

    meaning: str
    build: Callable[[EstimatorContext, Values], Estimator]
    options: Options = field(default_factory=dict)
    needs_data: bool = True
    metric: str | None = None
    check: Callable[[SearchSpace], None] = lambda _: None
    epochs: Callable[[int, Values], int] = lambda longest, _: longest
    epochs_at_first: Callable[[Values, bool], int] = lambda _, __: 0
    caution: str = ""


def _train(context: EstimatorContext, _: Values) -> Estimator:
    from study.performance_estimation.training.train_estimator import TrainEstimator

    return TrainEstimator.for_study(context)


def _synthetic(context: EstimatorContext, values: Values) -> Estimator:
    return synthetic.SyntheticEstimator(
        image=context.image,
        epochs=int(values["epochs"]),
        delay=float(values["delay"]),
        noise=float(values["noise"]),
        fail=float(values["fail"]),
    )


def _table(context: EstimatorContext, values: Values) -> Estimator:
    table = table_estimator.table_of(values)
    return table_estimator.TableEstimator(table=table, image=context.image)


def _supernet(context: EstimatorContext, values: Values) -> Estimator:
    from study.performance_estimation.supernet.supernet_estimator import SupernetEstimator

    return SupernetEstimator.for_study(
        context,
        epochs=int(values["epochs"]),
        paths=str(values["paths"]),
        trials_per_epoch=supernet_paths.turns(values, policy=context.policy),
    )


def _no_training(_: int, __: Values) -> int:
    return 0


def _zero_cost(proxy: str) -> EstimatorSpec:
    def build(context: EstimatorContext, values: Values) -> Estimator:
        return zero_cost.ZeroCostEstimator.for_study(
            context,
            proxy=proxy,
            images=int(values["images"]),
            initialisations=int(values["initialisations"]),
        )

    return EstimatorSpec(
        meaning=f"no training: {zero_cost.MEANINGS[proxy]}",
        build=build,
        options=zero_cost.OPTIONS,
        metric=proxy,
        epochs=_no_training,
        caution=f"{proxy} ranks untrained networks: train the best before anything is claimed",
    )


PROXIES = ("synflow", "jacob_cov", "naswot", "grad_norm", "snip")
"""Zero-cost scores that a study can be run by alone, with ``--metric`` of the same name."""

TABLE = "table"

ESTIMATORS: Mapping[str, EstimatorSpec] = MappingProxyType(
    {
        "train": EstimatorSpec(meaning="train and validate; the yardstick", build=_train),
        "synthetic": EstimatorSpec(
            meaning="a closed form, for trying things out without any training",
            build=_synthetic,
            options=synthetic.OPTIONS,
            needs_data=False,
            epochs=lambda longest, values: int(values["epochs"]) or longest,
        ),
        "supernet": EstimatorSpec(
            meaning="shared weights, trained once a study; a look at them for each candidate",
            build=_supernet,
            options=supernet_paths.OPTIONS,
            check=supernet_paths.check_space,
            epochs=_no_training,
            epochs_at_first=lambda values, policy: supernet_paths.epochs_at_first(
                values, policy=policy
            ),
            caution=(
                "values are estimates by shared weights, which rank candidates worse than"
                " trainings do: train the best from scratch before anything is claimed of them"
            ),
        ),
        TABLE: EstimatorSpec(
            meaning="a tabulated benchmark: trainings made beforehand, looked up",
            build=_table,
            options=table_estimator.OPTIONS,
            needs_data=False,
            metric="accuracy",
        ),
        **{proxy: _zero_cost(proxy) for proxy in PROXIES},
    }
)


def estimator_spec(text: str) -> EstimatorSpec:
    """Return the spec that ``NAME[,option=value…]`` names.

    Raises:
        SettingsError: An unknown name or option.
    """
    return ESTIMATORS[parse_estimator(text)[0]]


def candidate_epochs(text: str, *, longest: int) -> int:
    """Return the epochs that an estimator trains a candidate for at most.

    Args:
        text: The estimator as chosen.
        longest: Epochs of the longest training in the space.

    Raises:
        SettingsError: An unknown name or option.
    """
    name, values = parse_estimator(text)
    return ESTIMATORS[name].epochs(longest, values)


def epochs_at_first(text: str, *, policy: bool) -> int:
    """Return the epochs that an estimator trains before a study's first trial.

    Args:
        text: The estimator as chosen.
        policy: Whether the study's sampler learns a distribution to draw candidates from.

    Raises:
        SettingsError: An unknown name or option.
    """
    name, values = parse_estimator(text)
    return ESTIMATORS[name].epochs_at_first(values, policy)


def is_table(text: str) -> bool:
    """Tell whether an estimator's text names a table, whether or not that can be read."""
    return text.partition(",")[0].strip() == TABLE


def table_named(text: str) -> BenchmarkTable | None:
    """Return the table that an estimator's text names; None for another estimator.

    Raises:
        SettingsError: The text does not say which table.
        DataError: It cannot be read.
    """
    name, values = parse_estimator(text)
    return table_estimator.table_of(values) if name == TABLE else None


def make_estimator(text: str, context: EstimatorContext) -> Estimator:
    """Return the estimator that ``NAME[,option=value…]`` names.

    Raises:
        SettingsError: An unknown name or option, or a space it does not fit.
    """
    name, values = parse_estimator(text)
    spec = ESTIMATORS[name]
    spec.check(context.space)
    return spec.build(context, values)


def parse_estimator(text: str) -> tuple[str, dict[str, OptionValue]]:
    """Return the name and the value of every option of an estimator's text.

    Raises:
        SettingsError: An unknown name or option, or a value outside its bounds.
    """
    registry = {name: spec.options for name, spec in ESTIMATORS.items()}
    return parse_choice(text, registry, what="estimator")
