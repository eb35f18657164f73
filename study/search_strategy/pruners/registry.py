"""``PRUNERS``: what may stop a training early. Readable without importing Optuna."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from study.common.choices import Option, Options, OptionValue, parse_choice
from study.common.errors import SettingsError
from study.search_strategy.pruners.learning_curve import MIN_POINTS
from study.search_strategy.pruners.pruner import Curve, Decision, Pruner, keep

Values = Mapping[str, OptionValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerSpec:
    """An entry of ``PRUNERS``.

    Args:
        meaning: One line for the help text.
        build: Makes the pruner from a value for every option.
        first: Earliest epoch at which that pruner stops anything.
        options: What may be given after the name.
        promotes: Whether a pruned candidate goes on once the cut has moved below it.
    """

    meaning: str
    build: Callable[[Values], Pruner]
    first: Callable[[Values], int]
    options: Options = field(default_factory=dict)
    promotes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAll:
    """Stops nothing."""

    def decide(
        self,
        own: Curve,
        others: Sequence[Curve],
        *,
        study_name: str,
        epochs: int,
    ) -> Decision:
        """See ``Pruner``."""
        return keep(f"kept at epoch {own.step}: no pruner")


def _none(_: Values) -> Pruner:
    return KeepAll()


def _median(values: Values) -> Pruner:
    from study.search_strategy.pruners.optuna_pruners import Median

    return Median(startup=int(values["startup"]), first_epoch=int(values["first_epoch"]))


def _patient(values: Values) -> Pruner:
    from study.search_strategy.pruners.optuna_pruners import Patient

    return Patient(
        patience=int(values["patience"]),
        min_delta=float(values["min_delta"]),
        startup=int(values["startup"]),
    )


def _asha(values: Values) -> Pruner:
    from study.search_strategy.pruners.optuna_pruners import Asha

    return Asha(
        min_resource=int(values["min_resource"]), reduction_factor=int(values["reduction_factor"])
    )


def _hyperband(values: Values) -> Pruner:
    from study.search_strategy.pruners.optuna_pruners import Hyperband

    return Hyperband(
        min_resource=int(values["min_resource"]), reduction_factor=int(values["reduction_factor"])
    )


def _one_epoch(values: Values) -> Pruner:
    from study.search_strategy.pruners.one_epoch import OneEpoch

    return OneEpoch(epoch=int(values["epoch"]), share=float(values["share"]))


def _learning_curve(values: Values) -> Pruner:
    from study.search_strategy.pruners.learning_curve import LearningCurve, PowerLaw

    return LearningCurve(forecaster=PowerLaw(), probability=float(values["probability"]))


def _last_value(values: Values) -> Pruner:
    from study.search_strategy.pruners.learning_curve import LastValue, LearningCurve

    forecaster = LastValue(startup=int(values["startup"]))
    return LearningCurve(forecaster=forecaster, probability=float(values["probability"]))


def _options(**options: Option) -> Options:
    return MappingProxyType(options)


_STARTUP = Option(default=5, low=1, high=10_000, meaning="complete candidates to wait for")
_MIN_RESOURCE = Option(default=1, low=1, high=10_000, meaning="epoch of the first comparison")
_REDUCTION = Option(default=3, low=2, high=100, meaning="one over the share that goes on")
_PROBABILITY = Option(
    default=0.05, low=0.0, high=1.0, meaning="stop below this probability of reaching the best"
)

PRUNERS: Mapping[str, PrunerSpec] = MappingProxyType(
    {
        "none": PrunerSpec(meaning="train everything to the end", build=_none, first=lambda _: 0),
        "median": PrunerSpec(
            meaning="stop what is below the median at the same epoch",
            build=_median,
            first=lambda values: int(values["first_epoch"]),
            options=_options(
                startup=_STARTUP,
                first_epoch=Option(
                    default=1, low=1, high=10_000, meaning="earliest epoch to stop"
                ),
            ),
        ),
        "asha": PrunerSpec(
            meaning="successive halving: the best third goes on at epochs 1, 3, 9, …",
            build=_asha,
            first=lambda values: int(values["min_resource"]),
            options=_options(min_resource=_MIN_RESOURCE, reduction_factor=_REDUCTION),
            promotes=True,
        ),
        "hyperband": PrunerSpec(
            meaning="successive halving in brackets with early and late first comparisons",
            build=_hyperband,
            first=lambda values: int(values["min_resource"]),
            options=_options(min_resource=_MIN_RESOURCE, reduction_factor=_REDUCTION),
            promotes=True,
        ),
        "patient": PrunerSpec(
            meaning="the median rule, once a candidate has stopped improving",
            build=_patient,
            first=lambda values: int(values["patience"]) + 2,
            options=_options(
                patience=Option(
                    default=2, low=0, high=10_000, meaning="epochs without gain borne"
                ),
                min_delta=Option(default=0.0, low=0.0, high=1e9, meaning="smallest gain counted"),
                startup=_STARTUP,
            ),
        ),
        "one_epoch": PrunerSpec(
            meaning="the best quarter by the first epoch goes on to the end",
            build=_one_epoch,
            first=lambda values: int(values["epoch"]),
            options=_options(
                epoch=Option(default=1, low=1, high=10_000, meaning="when to compare"),
                share=Option(default=0.25, low=1e-6, high=1.0, meaning="share that goes on"),
            ),
        ),
        "learning_curve": PrunerSpec(
            meaning="stop what a power law says will not reach the best",
            build=_learning_curve,
            first=lambda _: MIN_POINTS,
            options=_options(probability=_PROBABILITY),
        ),
        "last_value": PrunerSpec(
            meaning="the same by the last value and the usual gain: learning_curve's baseline",
            build=_last_value,
            first=lambda _: 1,
            options=_options(probability=_PROBABILITY, startup=_STARTUP),
        ),
    }
)


def make_pruner(text: str, *, epochs: int) -> Pruner:
    """Return the pruner of a text such as ``asha,reduction_factor=3``.

    Args:
        text: A name of ``PRUNERS`` and its options.
        epochs: The most epochs that a candidate of the study is trained for; 0 where none is.

    Raises:
        SettingsError: An unknown name or option, or a pruner that could never stop anything.
    """
    registry = {name: spec.options for name, spec in PRUNERS.items()}
    name, values = parse_choice(text, registry, what="pruner")
    spec = PRUNERS[name]
    first = spec.first(values)
    if first and not epochs:
        raise SettingsError(
            f"pruner {name}: the estimator trains no candidate, so there is nothing to stop; use "
            f"--pruner none"
        )
    if first and first >= epochs:
        raise SettingsError(
            f"pruner {name}: first compares at epoch {first}, but trainings end at epoch "
            f"{epochs}, so it would never stop one; train longer or use --pruner none"
        )
    return spec.build(values)


def promotes(text: str) -> bool:
    """Tell whether a pruner lets pruned candidates go on later.

    Raises:
        SettingsError: An unknown name or option.
    """
    registry = {name: spec.options for name, spec in PRUNERS.items()}
    return PRUNERS[parse_choice(text, registry, what="pruner")[0]].promotes


def promotable(
    pruner: Pruner,
    curves: Sequence[Curve],
    *,
    among: Container[int | None],
    study_name: str,
    epochs: int,
) -> Iterator[int]:
    """Yield the places of the pruned candidates that the pruner lets go on by now.

    A cut moves as candidates come in: in ASHA the best third of nine holds three, of three one.
    The furthest candidate comes first, of equals the one with the best score.

    Args:
        pruner: The study's pruner; one that ``promotes``.
        curves: The curves of all candidates, one for a place.
        among: Places that can be continued.
        study_name: Name of the study.
        epochs: Steps of a whole training.
    """
    missed: set[tuple[int, int]] = set()
    waiting = [
        c for c in curves if c.sequence_index in among and c.outcome == "pruned" and c.scores
    ]
    for curve in sorted(waiting, key=lambda c: (-c.step, -c.last, c.sequence_index)):
        bracket = getattr(pruner, "bracket", _one_bracket)
        rivals = (curve.step, bracket(curve.sequence_index, study_name=study_name, epochs=epochs))
        if rivals in missed:  # a better one at the same rung does not go on
            continue
        others = [other for other in curves if other.sequence_index != curve.sequence_index]
        if not pruner.decide(curve, others, study_name=study_name, epochs=epochs).stop:
            yield curve.sequence_index
        else:
            missed.add(rivals)


def _one_bracket(sequence_index: int, *, study_name: str, epochs: int) -> int:  # noqa: ARG001
    return 0
