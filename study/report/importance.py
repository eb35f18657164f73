"""How much of the value's variation each parameter explains, from an Optuna study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

FEWEST_TRIALS = 10
"""PED-ANOVA compares the best tenth with all trials; with fewer there is no tenth."""


def parameter_importance(study: optuna.Study) -> dict[str, float]:
    """Return the importance of each parameter, the most important first; they sum to 1.

    By PED-ANOVA (Watanabe et al., arXiv 2304.10255), which draws nothing at random. Conditional
    parameters that not every trial has are left out, as the method cannot compare them. Empty
    for several objectives, for fewer than ``FEWEST_TRIALS`` complete trials, and where no
    parameter is common to all.
    """
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    from optuna.trial import TrialState

    if len(study.directions) > 1:
        return {}
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    common = set.intersection(*(set(t.params) for t in complete)) if complete else set()
    varied = [n for n in sorted(common) if len({str(t.params[n]) for t in complete}) > 1]
    if len(complete) < FEWEST_TRIALS or not varied:
        return {}
    shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), params=varied)
    return {name: float(share) for name, share in shares.items()}
