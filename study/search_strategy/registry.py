"""``SAMPLERS``: what may be tried next. Readable without importing Optuna or torch."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from study.common.choices import Option, Options, parse_choice
from study.common.errors import SettingsError
from study.search_strategy.sampler_spec import Chosen, SamplerSpec, StrategyContext
from study.search_strategy.samplers.cma_es import cma_es, refuse_cmaes, warn_cmaes
from study.search_strategy.samplers.evolution import evolution
from study.search_strategy.samplers.fixed_sequence import grid, quasi_random, refuse_grid
from study.search_strategy.samplers.local_search import local_search
from study.search_strategy.samplers.nsga2 import nsga2
from study.search_strategy.samplers.q_learning import metaqnn, q_learning
from study.search_strategy.samplers.random_search import RandomSearch
from study.search_strategy.samplers.reinforce import reinforce
from study.search_strategy.strategy import Strategy


def _random(_: StrategyContext, __: Chosen) -> Strategy:
    return RandomSearch()


def _tpe(context: StrategyContext, chosen: Chosen) -> Strategy:
    from study.search_strategy.samplers.optuna_strategy import tpe

    return tpe(context, chosen)


def _gp(context: StrategyContext, chosen: Chosen) -> Strategy:
    from study.search_strategy.samplers.optuna_strategy import gp

    return gp(context, chosen)


def _warn_gp(context: StrategyContext) -> str | None:
    if context.prunes():
        return "gp: learns from complete trials only, pruned ones are lost on it; try auto"
    if context.conditional():
        return "gp: conditional parameters are drawn at random, it cannot learn them; try auto"
    return None


def _reinforce_zoph(context: StrategyContext, chosen: Chosen) -> Strategy:
    from study.search_strategy.samplers.reinforce_zoph import reinforce_zoph

    return reinforce_zoph(context, chosen)


def _surrogate(context: StrategyContext, chosen: Chosen) -> Strategy:
    from study.search_strategy.samplers.surrogate import surrogate

    return surrogate(context, chosen)


def _auto(context: StrategyContext, _: Chosen) -> Strategy:
    return make_strategy(auto_choice(context), context)


def auto_choice(context: StrategyContext) -> str:
    """Return the sampler that ``auto`` stands for in a study.

    With one objective it is ``surrogate``: ahead of TPE on a table and on closed forms, level with
    Optuna's GP, which knows neither conditions nor pruned trials and costs far more an ask. With
    several, which it does not know, TPE: it was ahead of ``nsga2`` up to 150 trials.
    """
    return "surrogate" if context.objectives == 1 else "tpe"


def _options(**options: Option) -> Options:
    return MappingProxyType(options)


def _switch(default: str, meaning: str) -> Option:
    return Option(default=default, choices=("true", "false"), meaning=meaning)


def _q_options(*, alpha: float, order: int) -> Options:
    return _options(
        alpha=Option(default=alpha, low=0.0, high=1.0, meaning="step size"),
        order=Option(default=order, low=0, high=1, meaning="earlier choices a state remembers"),
        replays=Option(default=100, low=0, high=100_000, meaning="trials replayed a trial"),
    )


SAMPLERS: Mapping[str, SamplerSpec] = MappingProxyType(
    {
        "random": SamplerSpec(
            meaning="every parameter at random; the baseline",
            build=_random,
            multi_objective=True,
        ),
        "auto": SamplerSpec(
            meaning="the one to take: surrogate, or tpe where there are several objectives",
            build=_auto,
            multi_objective=True,
        ),
        "grid": SamplerSpec(
            meaning="every point of the grid once, in shuffled order",
            build=grid,
            countable=True,
            multi_objective=True,
            refuse=refuse_grid,
        ),
        "qmc": SamplerSpec(
            meaning="a scrambled Sobol' sequence: spread more evenly than random points",
            build=quasi_random,
            multi_objective=True,
        ),
        "tpe": SamplerSpec(
            meaning="Optuna's tree-structured Parzen estimator; at home in every space",
            build=_tpe,
            multi_objective=True,
            options=_options(
                n_startup_trials=Option(
                    default=10, low=1, meaning="random trials first (Optuna's default)"
                ),
                n_ei_candidates=Option(
                    default=24, low=1, meaning="draws to choose from (Optuna's default)"
                ),
                multivariate=_switch("true", "model parameters together"),
                group=_switch("true", "model parameters that are active together by themselves"),
                constant_liar=_switch("true", "keep away from candidates in training"),
            ),
        ),
        "gp": SamplerSpec(
            meaning="Optuna's Gaussian process; for small spaces without conditions or pruning",
            build=_gp,
            multi_objective=True,
            warn=_warn_gp,
            options=_options(
                n_startup_trials=Option(
                    default=10, low=1, meaning="random trials first (Optuna's default)"
                ),
            ),
        ),
        "cmaes": SamplerSpec(
            meaning="CMA-ES with margin, for spaces of numbers; choices are drawn at random",
            build=cma_es,
            refuse=refuse_cmaes,
            warn=warn_cmaes,
            options=_options(
                population=Option(
                    default=0, low=0, high=100_000, meaning="a generation; 0: by dimension"
                )
            ),
        ),
        "nsga2": SamplerSpec(
            meaning="NSGA-II, a population along the front of several objectives",
            build=nsga2,
            multi_objective=True,
            options=_options(
                population=Option(
                    default=0,
                    low=0,
                    high=100_000,
                    meaning="a generation; 0: a tenth of the budget",
                )
            ),
        ),
        "reinforce": SamplerSpec(
            meaning="policy gradient with a softmax for each parameter; learns within 50 trials",
            build=reinforce,
            options=_options(
                step=Option(default=0.3, low=1e-6, high=100.0, meaning="learning rate"),
                entropy=Option(
                    default=0.0, low=0.0, high=10.0, meaning="weight of an entropy bonus"
                ),
            ),
        ),
        "reinforce:zoph": SamplerSpec(
            meaning="policy gradient as published, with an LSTM; meant for thousands of trials",
            build=_reinforce_zoph,
            options=_options(
                step=Option(default=6e-4, low=1e-9, high=1.0, meaning="Adam's learning rate"),
                decay=Option(
                    default=0.99, low=0.0, high=1.0, meaning="memory of the average reward"
                ),
                entropy=Option(
                    default=0.0, low=0.0, high=10.0, meaning="weight of an entropy bonus"
                ),
            ),
        ),
        "q_learning": SamplerSpec(
            meaning="Q-learning over the sequence of choices, Monte-Carlo returns",
            build=q_learning,
            options=_q_options(alpha=0.1, order=0),
        ),
        "q_learning:metaqnn": SamplerSpec(
            meaning="MetaQNN as published: Bellman backups; meant for thousands of trials",
            build=metaqnn,
            options=_q_options(alpha=0.01, order=1),
        ),
        "evolution": SamplerSpec(
            meaning="regularised evolution: mutate the best of a few, the oldest dies",
            build=evolution,
            options=_options(
                population=Option(default=20, low=1, high=100_000, meaning="members alive"),
                sample=Option(default=5, low=1, high=100_000, meaning="members compared"),
            ),
        ),
        "local_search": SamplerSpec(
            meaning="climbs by single changes, from random points",
            build=local_search,
            options=_options(
                start=Option(default=10, low=1, high=100_000, meaning="random points at first")
            ),
        ),
        "surrogate": SamplerSpec(
            meaning="a Gaussian process ranks neighbours of the best; strong from the start",
            build=_surrogate,
            options=_options(
                start=Option(default=8, low=1, high=100_000, meaning="quasi-random points first"),
                bound=Option(
                    default=1.5, low=0.0, high=100.0, meaning="standard deviations of optimism"
                ),
            ),
        ),
    }
)


def make_strategy(text: str, context: StrategyContext) -> Strategy:
    """Return the strategy of a text such as ``tpe,n_startup_trials=20``, for a study.

    Args:
        text: A name of ``SAMPLERS`` and its options.
        context: The study it is for.

    Raises:
        SettingsError: An unknown name or option, or a study that cannot have this sampler.
    """
    name, chosen = parse_sampler(text)
    spec = SAMPLERS[name]
    if context.objectives > 1 and not spec.multi_objective:
        able = ", ".join(other for other in SAMPLERS if SAMPLERS[other].multi_objective)
        message = f"{name} has one objective, not {context.objectives}; choose from: {able}"
        raise SettingsError(message)
    if reason := spec.refuse(context):
        raise SettingsError(reason)
    return spec.build(context, chosen)


def sampler_warnings(text: str, context: StrategyContext) -> tuple[str, ...]:
    """Return what the user should know before a study with this sampler starts.

    Raises:
        SettingsError: An unknown name or option.
    """
    warning = SAMPLERS[parse_sampler(text)[0]].warn(context)
    return () if warning is None else (warning,)


def parse_sampler(text: str) -> tuple[str, Chosen]:
    """Return the name and the value of every option of a sampler's text.

    Raises:
        SettingsError: An unknown name or option, or a value outside its bounds.
    """
    registry = {name: spec.options for name, spec in SAMPLERS.items()}
    return parse_choice(text, registry, what="sampler")
