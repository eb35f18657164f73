"""Which settings work together."""

from __future__ import annotations

from study.common.errors import SettingsError
from study.performance_estimation.registry import ZERO_COST, SupernetOptions
from study.performance_estimation.screen import check_screen
from study.performance_estimation.tabular.table import BenchmarkTable
from study.settings.metrics import COSTS
from study.settings.problem import Problem


def validate(problem: Problem) -> tuple[str, ...]:
    """Check that the settings of a study work together; return warnings."""
    if problem.table is not None:
        _check_fidelity(problem, problem.table)
    problem.estimator.validate(problem.space, problem.image)
    if problem.table is not None and not problem.networks:
        _check_table(problem, problem.table)
    _check_pruner(problem)
    problem.sampler.validate(problem.strategy_context)
    _check_screen(problem)
    _check_supernet(problem)
    _check_objectives(problem)
    return problem.sampler.warnings(problem.strategy_context)


def _check_fidelity(problem: Problem, table: BenchmarkTable) -> None:
    settings = problem.settings
    for flag, given in (
        ("--epochs", settings.epochs is not None),
        ("--fraction", settings.fraction != 1.0),
        ("--image-size", settings.image_size is not None),
    ):
        if given:
            raise SettingsError(
                f"{flag}: the trainings of table {table.name} were made beforehand; leave it out"
            )


def _check_table(problem: Problem, table: BenchmarkTable) -> None:
    known = {"accuracy", *table.sizes}
    for name in problem.settings.objectives:
        if name not in known:
            raise SettingsError(
                f"objective {name}: table {table.name} does not contain it; it contains"
                f" {', '.join(sorted(known))}"
            )
    if problem.screen is not None:
        raise SettingsError(
            f"--screen: the points of table {table.name} are no networks; leave it out"
        )


def _check_pruner(problem: Problem) -> None:
    settings = problem.settings
    if problem.pruner.stops and len(settings.objectives) > 1:
        raise SettingsError(
            f"--pruner {settings.pruner} with {len(settings.objectives)} objectives: Optuna prunes"
            " one objective only; leave the pruner out, or bound the second objective with"
            " 'constraints:' in the space (or Optuna's trial.set_constraint in code of your own)"
            " and search for the first"
        )
    problem.pruner.validate(epochs=problem.epochs)


def _check_screen(problem: Problem) -> None:
    if problem.screen is None:
        return
    check_screen(problem.screen, problem.space)
    if problem.sampler.exhaustive:
        raise SettingsError(
            f"--screen {problem.settings.screen}: --sampler {problem.sampler.name} visits every"
            " point of the grid anyway; leave the screen out or take another sampler"
        )


def _check_supernet(problem: Problem) -> None:
    """Check that the budget outlasts the shared weights, and that paths can be learned."""
    settings, learns_policy = problem.settings, problem.sampler.learns_policy
    needed = problem.estimator.epochs_before_first_trial(learns_policy=learns_policy)
    if settings.epochs_budget is not None and needed > settings.epochs_budget:
        raise SettingsError(
            f"--epochs-budget {settings.epochs_budget:g}: --estimator {settings.estimator} trains"
            f" {needed} epochs before the first trial; give it fewer, or a larger budget"
        )
    if not (isinstance(problem.estimator, SupernetOptions) and problem.sampler.fixed_sequence):
        return
    if problem.estimator.turn(learns_policy=False):
        raise SettingsError(
            f"--estimator {settings.estimator}: --sampler {problem.sampler.name} learns nothing"
            " that paths could be drawn from; take reinforce, or leave trials_per_epoch out"
        )


def _check_objectives(problem: Problem) -> None:
    """Check that the estimator measures the objectives, and that they need a search."""
    names, metric = problem.settings.objectives, problem.estimator.metric
    flag, usual = "--metric" if len(names) == 1 else "--objectives", metric or "accuracy"
    for name in names:
        foreign = name not in COSTS if metric else name in ZERO_COST
        if foreign and name != metric:
            other = f" or --estimator {name}" if name in ZERO_COST else ""
            raise SettingsError(
                f"{flag} {','.join(names)}: the estimator '{problem.settings.estimator}' does not"
                f" measure {name}; write --metric {usual}{other}"
            )
    if len(names) == 1 and names[0] in COSTS:
        raise SettingsError(
            f"--metric {names[0]}: '{problem.settings.estimator}' measures {usual}, and"
            f" {names[0]} beside it; write --objectives {usual},{names[0]}"
        )
