"""``run_study.py test``: the confirmed candidate on images that took no part in its choice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from study.common.atomic_write import write_text
from study.common.errors import EvaluationError
from study.common.stored_form import canonical, to_stored
from study.common.version import code_version
from study.confirmation.result import read_confirmation
from study.confirmation.retraining import (
    Networks,
    Resources,
    completed_runs,
    full_settings,
    retrain,
    seed_of,
)
from study.data.locked_test import AccessReceipt, open_test_part
from study.data.parts import POOLED
from study.final_test.access_log import Access, Attributes, append_access, read_accesses
from study.final_test.measure import UnderTest, final_test, prediction_files
from study.final_test.result import FinalTest
from study.network.build import sha256, weights_of
from study.network.forward import class_scores, normalise
from study.running.study_data import describe_data_checks
from study.running.study_runner import StudyResult
from study.search_space.resolve import resolve
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, Plan, PlannedCandidate, StudySettings
from study.storage.checkpoints import local_study_folder
from study.storage.records import TrialRecord
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import DATA, TEST, StoredStudy, open_study

VALIDATION = ("val_accuracy", "val_balanced_accuracy")

Scores = Mapping[int, NDArray[np.floating]]
"""Seed → class scores (logits) of its network, (n, classes)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTestRun:
    """Output of one call of ``test``.

    Args:
        result: None if the trainings were interrupted, before the test part was opened.
        trainings: The linked study.
        files: Predictions of each network, and the figures.
        audit: Sentences on what the test part has in common with the other parts.
        failed: Trainings that gave no network.
    """

    result: FinalTest | None
    trainings: StudyResult
    accesses: tuple[Access, ...] = ()
    files: tuple[Path, ...] = ()
    audit: str = ""
    failed: int = 0


def trainings_name(origin: str, fit_on: FitOn) -> str:
    """Return the name of the study that holds the trainings of a test."""
    return f"{origin}-test" if fit_on == "train" else f"{origin}-test-trainval"


def run_test(
    name: str, resources: Resources, *, seeds: int, fit_on: FitOn, now: Callable[[], dt.datetime]
) -> FinalTestRun:
    """Train the confirmed candidate with fresh seeds, open the test part, store the figures.

    The access is written to the study's log when all networks are trained, and before an image of
    the test part is read.

    Args:
        name: The study that searched.
        seeds: Number of networks to train.
        fit_on: Images to train them on, for the epochs of the candidate's recipe.

    Raises:
        StudyError: The study searched on the pooled split or is not confirmed, or no training
            gave a network.
    """
    origin = open_study(name, resources.run_context.url)
    _validate_split(origin.settings)
    confirming, candidate = _confirmed(origin)
    plan = Plan(kind="test", origin=name, candidates=(candidate,), repeats=seeds, fit_on=fit_on)
    settings = full_settings(confirming, study=trainings_name(name, fit_on))
    trainings = retrain(settings, plan, resources)
    if trainings.work.ending == "interrupted":
        return FinalTestRun(result=None, trainings=trainings)
    result, scores = _test_networks(
        origin, confirming, trainings.stored, plan, run_context=resources.run_context, now=now
    )
    return FinalTestRun(
        result=result,
        trainings=trainings,
        accesses=tuple(read_accesses(origin.study)),
        files=_store(result, scores, origin, resources.run_context),
        audit=_store_data_checks(origin, resources.run_context),
        failed=seeds - len(result.networks),
    )


def _confirmed(origin: StoredStudy) -> tuple[StoredStudy, PlannedCandidate]:
    """Return the study of the confirmation's trainings, and the chosen candidate."""
    name, confirmed = origin.settings.study, read_confirmation(origin.study.user_attrs)
    if confirmed is None:
        raise EvaluationError(
            f"study '{name}' is not confirmed: the best of a search is the luckiest of many, and "
            f"the test part is opened for a chosen candidate only; run 'confirm {name}' first "
            "('confirm --top 1 --seeds 1' is the minimum)"
        )
    confirming = open_study(confirmed.study, origin.url)
    plan, identity = confirming.settings.plan, confirmed.chosen.candidate_id
    for candidate in () if plan is None else plan.candidates:
        if candidate.candidate_id == identity:
            return confirming, candidate
    raise EvaluationError(
        f"study '{confirming.settings.study}' holds no confirmed candidate {identity} any more; "
        "run 'confirm' again"
    )


def _completed(stored: StoredStudy, candidate: PlannedCandidate) -> list[TrialRecord]:
    return list(completed_runs(stored).get(candidate.candidate_id, {}).values())


def _test_networks(
    origin: StoredStudy,
    confirming: StoredStudy,
    stored: StoredStudy,
    plan: Plan,
    *,
    run_context: RunContext,
    now: Callable[[], dt.datetime],
) -> tuple[FinalTest, Scores]:
    """Open the test part, and return the result and the class scores by seed.

    Args:
        confirming: The confirmation's trainings.
        stored: The test's trainings.
    """
    candidate = plan.candidates[0]
    runs = _completed(stored, candidate)
    if not runs:
        raise EvaluationError(
            f"no training of candidate {candidate.candidate_id} completed; 'report "
            f"{stored.settings.study}' shows why. The test part was not opened"
        )
    networks = Networks.of(stored, run_context)
    trained = {seed_of(run): networks.training(run).network for run in runs}
    stack = resolve(networks.candidate(runs[0]).architecture, stored.image)
    access = Access(
        when=now(),
        candidate_id=candidate.candidate_id,
        code_version=code_version(),
        fit_on=plan.fit_on,
        seeds=tuple(trained),
    )
    searched, data_root = stored.data["name"], run_context.data_root
    number, images, labels = open_logged(
        origin.study, access, origin.settings, searched=searched, data_root=data_root
    )
    scores = {
        seed: class_scores(network, images, stack=stack, feed=normalise).numpy()
        for seed, network in trained.items()
    }
    # networks that were trained on the validation part are not judged by it
    own = plan.fit_on == "train"
    validated = runs if own else _completed(confirming, candidate)
    tested = UnderTest(
        candidate_id=candidate.candidate_id,
        number=candidate.number,
        access=number,
        dataset=searched,
        size=stored.image.size,
        class_names=tuple(stored.data["classes"]),
        fit_on=plan.fit_on,
        epochs=runs[0].epochs,
        validation={
            name: float(np.mean([run.metrics[name] for run in validated]))
            for name in VALIDATION
            if validated
        },
        validated="these networks" if own else "the confirmation's networks",
        weights={seed: sha256(weights_of(network)) for seed, network in trained.items()},
    )
    return final_test(scores, labels.numpy(), tested=tested), scores


def open_logged(
    study: Attributes,
    access: Access,
    settings: StudySettings,
    *,
    searched: str,
    data_root: Path | None = None,
) -> tuple[int, Tensor, Tensor]:
    """Write an access to the log, then open the test part: the only way to its images.

    Args:
        access: The entry; made when the networks are trained.
        settings: Of the study that searched.
        searched: Name of the data set that the study searched on, as the data state it.

    Returns:
        Number of the access in the log, images (n, channels, size, size), uint8, and labels (n,),
        int64.

    Raises:
        EvaluationError: The study searched on the pooled split, or the storage kept nothing.
        DataError: The data set is another one than was searched on, missing or damaged.
    """
    _validate_split(settings)
    number = append_access(study, access)
    receipt = AccessReceipt(
        study=settings.study,
        number=number,
        candidate_id=access.candidate_id,
        dataset=searched,
        split=settings.split,
    )
    images, labels = open_test_part(
        settings.dataset, receipt=receipt, data_root=data_root, size=settings.size
    )
    return number, images, labels


def _validate_split(settings: StudySettings) -> None:
    if settings.split == POOLED:
        raise EvaluationError(
            f"study '{settings.study}' searched on the pooled split, whose training part contains "
            "official test images, so its candidates cannot be tested on the official test part; "
            "search with --split official"
        )


def _store(
    result: FinalTest, scores: Scores, origin: StoredStudy, run_context: RunContext
) -> tuple[Path, ...]:
    """Store the figures in the study, and figures and predictions in files."""
    figures = to_stored(result)
    with storage_errors(run_context.url):
        origin.study.set_user_attr(TEST, figures)
    base = local_study_folder(run_context.artifacts, run_context.url, origin.settings.study)
    folder = base / "test" / f"access-{result.access}"
    texts = {**prediction_files(scores, result), "figures.json": canonical(figures)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(folder / name, text)
    return tuple(folder / name for name in texts)


def _store_data_checks(origin: StoredStudy, run_context: RunContext) -> str:
    """Compare the test part with the other parts, now that it is open, and store that too."""
    description = describe_data_checks(origin.settings, run_context, parts="all")
    with storage_errors(run_context.url):
        origin.study.set_user_attr(DATA, {**origin.data, "data_checks": description})
    return description
