"""Importance of the parameters. Optuna's importance package imports scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState

from study.report.study_summary import StudySummary
from study.storage.stored_study import StoredStudy

FEWEST_TRIALS = 10
"""PED-ANOVA compares the best tenth with all trials; with fewer there is no tenth."""


def with_importance(stored: StoredStudy, summary: StudySummary) -> StudySummary:
    """Return the summary with the importance of each parameter, if it can be estimated."""
    if len(summary.objectives) > 1:
        return summary
    return replace(summary, importance=parameter_importance(stored.study))


def parameter_importance(study: optuna.Study) -> dict[str, float]:
    """Return the importance of each parameter, the most important first; they sum to 1.

    By PED-ANOVA (Watanabe et al., arXiv 2304.10255), which draws nothing at random. Conditional
    parameters that not every trial has are left out, as the method cannot compare them. Empty
    for several objectives, for fewer than ``FEWEST_TRIALS`` complete trials, and where no
    parameter is common to all.
    """
    if len(study.directions) > 1:
        return {}
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    common = set.intersection(*(set(t.params) for t in complete)) if complete else set()
    varied = [n for n in sorted(common) if len({str(t.params[n]) for t in complete}) > 1]
    if len(complete) < FEWEST_TRIALS or not varied:
        return {}
    shares = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), params=varied)
    return {name: float(share) for name, share in shares.items()}
