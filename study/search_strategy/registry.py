"""All samplers and pruners by name. The import needs neither torch nor optuna nor scipy."""

from __future__ import annotations

from study.common.choices import parse_choice, registry_of
from study.search_strategy.pruner import NoPruner, Pruner
from study.search_strategy.pruners.halving import Asha, Hyperband, OneEpoch
from study.search_strategy.pruners.learning_curve import LastValue, LearningCurve
from study.search_strategy.pruners.median import Median, Patient
from study.search_strategy.sampler import Sampler
from study.search_strategy.samplers.cma_es import CmaEs
from study.search_strategy.samplers.evolution import Evolution
from study.search_strategy.samplers.local_search import LocalSearch
from study.search_strategy.samplers.model_based import Auto, Gp, Surrogate, Tpe
from study.search_strategy.samplers.non_adaptive import Grid, QuasiRandom, RandomSearch
from study.search_strategy.samplers.nsga2 import Nsga2
from study.search_strategy.samplers.q_learning import MetaQnn, QLearning
from study.search_strategy.samplers.reinforce import Reinforce, ReinforceZoph

SAMPLERS = registry_of(
    RandomSearch,
    Auto,
    Grid,
    QuasiRandom,
    Tpe,
    Gp,
    CmaEs,
    Nsga2,
    Reinforce,
    ReinforceZoph,
    QLearning,
    MetaQnn,
    Evolution,
    LocalSearch,
    Surrogate,
)

PRUNERS = registry_of(
    NoPruner,
    Median,
    Asha,
    Hyperband,
    Patient,
    OneEpoch,
    LearningCurve,
    LastValue,
)


def parse_sampler(text: str) -> Sampler:
    """Return the sampler of a text such as ``tpe,n_startup_trials=20``."""
    return parse_choice(text, SAMPLERS, what="sampler")


def parse_pruner(text: str) -> Pruner:
    """Return the pruner of a text such as ``asha,reduction_factor=3``."""
    return parse_choice(text, PRUNERS, what="pruner")
