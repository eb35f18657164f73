"""Which candidates ``confirm`` trains again, and the result of their fresh runs.

The best value of a search is the luckiest of many and overstates its candidate. So the best
candidates are trained again with fresh seeds. All runs choose among them; only the fresh runs are
reported. With a standard deviation of 0.2 points over seeds, three seeds distinguish candidates
that differ by half a point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from study.common.errors import EvaluationError
from study.confirmation.result import Confirmation, ConfirmedCandidate
from study.settings.metrics import Measure
from study.settings.study_settings import PlannedCandidate
from study.statistics.bootstrap import mean_over_classes, weighted_mean
from study.statistics.intervals import seed_spread
from study.statistics.results import PairedTest
from study.statistics.significance import paired_bootstrap, paired_t, seeds_to_resolve
from study.storage.records import TrialRecord, ranked

Values = NDArray[np.float64]

OVER_CLASSES = frozenset({"val_balanced_accuracy", "val_balanced_log_loss"})
"""Measures that are means over classes of the mean in each; the others are plain means."""

_BOOTSTRAP_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageValues:
    """The contribution of each validation image to each fresh run.

    Args:
        metric: Name of the measure, for example ``accuracy``.
        labels: True classes, (n,).
        values: Candidate → seed → value of each image, (n,), larger is better: 1 for a hit.
        average: Mean over ``images``, or over ``classes`` of the mean in each.
    """

    metric: str
    labels: NDArray[np.int64]
    values: Mapping[str, Mapping[int, Values]]
    average: Literal["images", "classes"] = "images"


def image_values(
    key: str, scores: NDArray[np.floating], labels: NDArray[np.int64]
) -> Values | None:
    """Return each image's contribution to a measure, (n,), larger is better.

    Args:
        key: The measure, for example ``val_accuracy``.
        scores: Class scores (logits), (n, classes).
        labels: True classes, (n,).

    Returns:
        None for the area under a ROC curve, which is a mean over pairs of images.
    """
    if key in ("val_accuracy", "val_balanced_accuracy"):
        hits: Values = (scores.argmax(axis=1) == labels).astype(np.float64)
        return hits
    if key in ("val_loss", "val_balanced_log_loss"):
        shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
        log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        own: Values = log_shares[np.arange(len(labels)), labels]
        return own
    return None


def confirm_candidates(
    records: Sequence[TrialRecord], *, top: int, maximise: bool = True
) -> list[PlannedCandidate]:
    """Return the ``top`` best candidates of a search, best first, each once.

    Only complete trials that trained count: not pruned ones, not duplicates that reuse a result.

    Raises:
        EvaluationError: No trial is complete.
    """
    chosen: dict[str, PlannedCandidate] = {}
    for record in ranked(records, maximise=maximise):
        if len(chosen) == top:
            break
        if record.candidate_id not in chosen:
            chosen[record.candidate_id] = PlannedCandidate(
                candidate_id=record.candidate_id,
                number=record.number,
                params=dict(record.params),
                search_value=record.objectives[0],
            )
    if not chosen:
        raise EvaluationError("no trial of the study is complete; continue it with 'run' first")
    return list(chosen.values())


def confirmation(
    searched: Sequence[PlannedCandidate],
    fresh: Mapping[str, Mapping[int, float]],
    *,
    measure: Measure,
    images: ImageValues | None = None,
    study: str = "",
) -> Confirmation:
    """Return the result of the fresh runs.

    The candidate with the best mean of all runs is chosen. Comparing the winner and the runner-up
    by an unadjusted two-sided test is valid (Hung and Fithian 2019, arXiv 1610.03944); here
    approximately, as the choice also uses the search's runs.

    Args:
        searched: The candidates, from ``confirm_candidates``. A candidate without a search value
            was not trained in full by the search; its fresh runs alone choose.
        fresh: Candidate → seed → value of each fresh run that completed.
        images: Values of single images, for the test over images.
        study: Name of the linked study that holds the trainings.

    Raises:
        EvaluationError: No candidate has a fresh run.
    """
    trained = [candidate for candidate in searched if fresh.get(candidate.candidate_id)]
    if not trained:
        raise EvaluationError(
            "no candidate was trained again successfully; 'report' shows why; then run 'confirm' "
            "again"
        )
    sign = measure.sign
    confirmed = [
        _confirmed(candidate, fresh[candidate.candidate_id], metric=measure.metric)
        for candidate in trained
    ]
    confirmed.sort(key=lambda c: (-sign * c.choosing_mean, c.number))
    first = confirmed[0]
    seen = first.search_value
    tests = _tests(confirmed, fresh, images, sign=sign)
    result = Confirmation(
        metric=measure.metric,
        maximise=measure.maximise,
        candidates=tuple(confirmed),
        optimism=None if seen is None else sign * (seen - first.fresh.mean),
        tests=tests,
        study=study,
        left_out=tuple(
            f"{c.candidate_id} (trial {c.number}): no fresh run completed"
            for c in searched
            if c not in trained
        ),
    )
    return replace(
        result,
        distinguishable=result.seeds_test is not None
        and all(test.favours_first for test in tests),
        seeds_needed=_seeds_needed(result, fresh),
    )


def _confirmed(
    candidate: PlannedCandidate, runs: Mapping[int, float], *, metric: str
) -> ConfirmedCandidate:
    seeds = sorted(runs)
    values = [float(runs[seed]) for seed in seeds]
    seen = candidate.search_value
    return ConfirmedCandidate(
        candidate_id=candidate.candidate_id,
        number=candidate.number,
        search_value=seen,
        seeds=tuple(seeds),
        fresh_values=tuple(values),
        fresh=seed_spread(metric, values),
        choosing_mean=float(np.mean(values if seen is None else [seen, *values])),
    )


def _tests(
    confirmed: Sequence[ConfirmedCandidate],
    fresh: Mapping[str, Mapping[int, float]],
    images: ImageValues | None,
    *,
    sign: float,
) -> tuple[PairedTest, ...]:
    """Return the tests of first against second; a positive difference favours the first."""
    if len(confirmed) < 2:
        return ()
    first, second = (
        {seed: sign * value for seed, value in fresh[c.candidate_id].items()}
        for c in confirmed[:2]
    )
    tests = [paired_t(first, second)]
    if images is not None:
        pair = (confirmed[0].candidate_id, confirmed[1].candidate_id)
        tests.append(_image_test(pair, images))
    return tuple(test for test in tests if test is not None)


def _image_test(pair: tuple[str, str], images: ImageValues) -> PairedTest | None:
    """Compare two candidates by the mean over their common seeds of each image's value."""
    first, second = (images.values.get(candidate, {}) for candidate in pair)
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        return None
    difference = np.mean([first[s].astype(float) - second[s] for s in seeds], axis=0)
    statistic = (
        weighted_mean(difference)
        if images.average == "images"
        else mean_over_classes(difference, images.labels)
    )
    return paired_bootstrap(statistic, images.labels, metric=images.metric, seed=_BOOTSTRAP_SEED)


def _seeds_needed(result: Confirmation, fresh: Mapping[str, Mapping[int, float]]) -> int | None:
    failing = [test for test in result.tests if not test.favours_first]
    test = result.seeds_test
    if test is None or failing != [test] or test.difference <= 0:
        return None
    first, second = (fresh[c.candidate_id] for c in result.candidates[:2])
    differences = [first[seed] - second[seed] for seed in sorted(first.keys() & second.keys())]
    sd = float(np.std(differences, ddof=1))
    return seeds_to_resolve(test.difference, sd)
