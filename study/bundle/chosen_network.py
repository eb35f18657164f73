"""The network of a study that is exported, and the figures of it and its siblings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.bundle.bundle import MeasuredValue
from study.common.errors import EvaluationError
from study.confirmation.result import read_confirmation
from study.confirmation.retraining import completed_runs, seed_of, trained_in_full
from study.final_test.final_test import trainings_name
from study.final_test.result import FinalTest, read_final_test
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn
from study.statistics.intervals import next_value_interval, t_interval, wilson, within_range
from study.storage.records import TrialRecord, ranked, read_trials
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import StoredStudy, open_study

UNCONFIRMED = (
    "It is the best of a search, neither confirmed with fresh seeds nor tested: its validation "
    "figures are those it was chosen by, and too good by an unknown amount."
)
UNTESTED = (
    "It was confirmed with fresh seeds and not tested: it was never tried on other patients, "
    "devices and class shares than those of the validation images."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenNetwork:
    """The network of a study that is exported.

    Args:
        stored: The study whose trial trained it.
        record: That trial.
        siblings: Trials of the same candidate with different seeds, this one included.
        number: Trial of the search that found the candidate.
        result: Its test; None if it was not tested.
        limits: Sentences on what its figures do not show.
    """

    stored: StoredStudy
    record: TrialRecord
    siblings: tuple[TrialRecord, ...]
    number: int
    fit_on: FitOn = "train"
    result: FinalTest | None = None
    limits: tuple[str, ...] = ()


def choose(origin: StoredStudy, run_context: RunContext) -> ChosenNetwork:
    """Return the tested network, else a confirmed one, else the best of the search."""
    attributes = origin.study.user_attrs
    confirmed, tested = read_confirmation(attributes), read_final_test(attributes)
    if confirmed is None:
        return _best_of_search(origin)
    identity = confirmed.chosen.candidate_id
    if tested is not None and tested.candidate_id == identity:
        return _tested(origin, tested, run_context)
    stored = open_study(confirmed.study, run_context.url)
    runs = tuple(completed_runs(stored).get(identity, {}).values())
    if not runs:
        raise EvaluationError(
            f"study '{confirmed.study}' has no training of the confirmed candidate {identity}; "
            f"run 'confirm {origin.settings.study}' again"
        )
    return ChosenNetwork(
        stored=stored,
        record=runs[0],
        siblings=runs,
        number=confirmed.chosen.number,
        limits=(UNTESTED,),
    )


def _tested(origin: StoredStudy, result: FinalTest, run_context: RunContext) -> ChosenNetwork:
    fit_on: FitOn = "train" if result.fit_on == "train" else "train+val"
    stored = open_study(trainings_name(origin.settings.study, fit_on), run_context.url)
    runs = completed_runs(stored).get(result.candidate_id, {})
    own = [run for run in runs.values() if seed_of(run) == result.seeds[0]]
    if not own:
        raise EvaluationError(
            f"study '{stored.settings.study}' does not have the tested network (seed "
            f"{result.seeds[0]}); run 'test {origin.settings.study}' again"
        )
    return ChosenNetwork(
        stored=stored,
        record=own[0],
        siblings=tuple(runs.values()),
        number=result.number,
        fit_on=fit_on,
        result=result,
    )


def _best_of_search(origin: StoredStudy) -> ChosenNetwork:
    settings = origin.settings
    if len(settings.measures) > 1 or not trained_in_full(origin):
        raise EvaluationError(
            f"study '{settings.study}' has no single best network trained in full; run 'confirm "
            f"{settings.study}' first, which chooses and trains one"
        )
    with storage_errors(origin.url):
        records = read_trials(origin.study.get_trials(deepcopy=False))
    best = ranked(records, maximise=settings.measures[0].maximise)[:1]
    if not best:
        raise EvaluationError(f"no trial of study '{settings.study}' is complete; run it first")
    return ChosenNetwork(
        stored=origin,
        record=best[0],
        siblings=(),
        number=best[0].number,
        limits=(UNCONFIRMED,),
    )


def validation_figures(
    metrics: Mapping[str, float],
    *,
    images: int,
    siblings: Mapping[str, Sequence[float]],
) -> dict[str, MeasuredValue]:
    """Return the figures of a network on the validation part.

    Args:
        metrics: Of this network, named with their split.
        images: Number of validation images.
        siblings: Values of fresh runs of the same candidate, for each metric.
    """
    figures = {}
    for name, value in metrics.items():
        runs = siblings[name]
        share = name == "val_accuracy"
        figures[name] = MeasuredValue(
            value=float(value),
            over_images=wilson(round(value * images), images) if share else None,
            mean=sum(runs) / len(runs) if runs else None,
            over_seeds=within_range(t_interval(runs), name),
            next_run=within_range(next_value_interval(runs), name),
        )
    return figures


def final_figures(result: FinalTest) -> dict[str, MeasuredValue]:
    """Return the figures of the first seed's network on the test part."""
    figures = {}
    for name, value in result.first.measures.items():
        runs = [network.measures[name] for network in result.networks]
        figures[name] = MeasuredValue(
            value=value,
            over_images=result.first.intervals.get(name),
            mean=result.over_seeds[name].mean,
            over_seeds=result.over_seeds[name].interval,
            next_run=within_range(next_value_interval(runs), name),
        )
    return figures
