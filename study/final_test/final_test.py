"""``run_study.py test``: the confirmed candidate on images that nobody has chosen by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from study.common.atomic_write import write_text
from study.common.errors import EvaluationError
from study.common.stored_form import canonical, to_stored
from study.common.version import code_version
from study.confirmation.result import Confirmation, read_confirmation
from study.confirmation.retraining import (
    Networks,
    Resources,
    completed_runs,
    full_settings,
    retrain,
    seed_of,
)
from study.final_test.access_log import Access, read_accesses
from study.final_test.logged_test_part import open_logged, validate_split
from study.final_test.measure import UnderTest, final_test
from study.final_test.prediction_files import prediction_files
from study.final_test.result import FinalTest
from study.network.build import sha256, weights_of
from study.network.forward import class_scores, normalise
from study.running.study_data import describe_data_checks
from study.running.study_runner import StudyResult
from study.search_space.resolve import resolve
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, Plan, PlannedCandidate
from study.storage.checkpoints import local_study_folder
from study.storage.records import TrialRecord
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import DATA, TEST, StoredStudy, open_study

Clock = Callable[[], dt.datetime]

VALIDATION = ("val_accuracy", "val_balanced_accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalTestRun:
    """What a call of ``test`` did.

    Args:
        result: The figures; None if the trainings were interrupted, before the test part was
            opened.
        trainings: The linked study.
        accesses: The test-set access log.
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
    name: str, resources: Resources, *, seeds: int, fit_on: FitOn, now: Clock
) -> FinalTestRun:
    """Train the confirmed candidate with fresh seeds, open the test part, store the figures.

    The access is written to the study's log when all networks are trained, and before an image of
    the test part is read.

    Args:
        name: The study that searched.
        resources: Where and how to train.
        seeds: Number of networks to train.
        fit_on: Images to train them on, for the epochs of the candidate's recipe.
        now: Returns the time of the access.

    Raises:
        StudyError: The study searched on the pooled split or is not confirmed, or no training
            gave a network.
    """
    origin = open_study(name, resources.run_context.url)
    validate_split(name, origin.settings.split)
    confirmed = stored_confirmation(origin)
    confirming = open_study(confirmed.study, resources.run_context.url)
    plan = Plan(
        kind="test",
        origin=name,
        candidates=(_chosen(confirming, confirmed),),
        repeats=seeds,
        fit_on=fit_on,
    )
    settings = full_settings(confirming, study=trainings_name(name, fit_on))
    trainings = retrain(settings, plan, resources)
    if trainings.work.ending == "interrupted":
        return FinalTestRun(result=None, trainings=trainings)
    case = _Case(
        origin=origin,
        confirming=confirming,
        trainings=trainings,
        plan=plan,
        run_context=resources.run_context,
    )
    return case.tested(now)


def stored_confirmation(origin: StoredStudy) -> Confirmation:
    """Return what ``confirm`` stored.

    Raises:
        EvaluationError: Nothing is stored, or it cannot be read.
    """
    confirmed = read_confirmation(origin.study.user_attrs)
    if confirmed is None:
        name = origin.settings.study
        raise EvaluationError(
            f"study '{name}' is not confirmed: the best of a search is the luckiest of many, and "
            f"the test part is opened for a chosen candidate only; run 'confirm {name}' first "
            "('confirm --top 1 --seeds 1' is the minimum)"
        )
    return confirmed


def _chosen(confirming: StoredStudy, confirmed: Confirmation) -> PlannedCandidate:
    plan = confirming.settings.plan
    identity = confirmed.chosen.candidate_id
    for candidate in () if plan is None else plan.candidates:
        if candidate.candidate_id == identity:
            return candidate
    raise EvaluationError(
        f"study '{confirming.settings.study}' holds no confirmed candidate {identity} any more; "
        "run 'confirm' again"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A candidate with trained networks.

    Args:
        origin: The study that searched; its log is written.
        confirming: The confirmation's trainings.
        trainings: The test's trainings.
        plan: What was trained for the test.
        run_context: Storage, data and device.
    """

    origin: StoredStudy
    confirming: StoredStudy
    trainings: StudyResult
    plan: Plan
    run_context: RunContext

    @property
    def candidate(self) -> PlannedCandidate:
        return self.plan.candidates[0]

    def tested(self, now: Clock) -> FinalTestRun:
        """Open the test part and store the result.

        Raises:
            EvaluationError: There is no network to test.
        """
        runs = self._runs()
        networks = Networks.of(self.trainings.stored, self.run_context)
        trained = {seed_of(run): networks.training(run).network for run in runs}
        stack = resolve(networks.candidate(runs[0]).architecture, self.trainings.stored.image)
        access, images, labels = self._open(tuple(trained), now())
        scores = {
            seed: class_scores(network, images, stack=stack, feed=normalise).numpy()
            for seed, network in trained.items()
        }
        weights = {seed: sha256(weights_of(network)) for seed, network in trained.items()}
        tested = replace(self._under_test(access, runs), weights=weights)
        result = final_test(scores, labels.numpy(), tested=tested)
        return FinalTestRun(
            result=result,
            trainings=self.trainings,
            accesses=tuple(read_accesses(self.origin.study)),
            files=self._store(result, scores),
            audit=self._audit(),
            failed=self.plan.repeats - len(runs),
        )

    def _runs(self) -> list[TrialRecord]:
        stored = self.trainings.stored
        runs = completed_runs(stored).get(self.candidate.candidate_id)
        if not runs:
            raise EvaluationError(
                f"no training of candidate {self.candidate.candidate_id} completed; 'report "
                f"{stored.settings.study}' shows why. The test part was not opened"
            )
        return list(runs.values())

    def _open(self, seeds: tuple[int, ...], when: dt.datetime) -> tuple[int, Tensor, Tensor]:
        settings = self.origin.settings
        return open_logged(
            self.origin.study,
            Access(
                when=when,
                candidate_id=self.candidate.candidate_id,
                code_version=code_version(),
                fit_on=self.plan.fit_on,
                seeds=seeds,
            ),
            name=settings.study,
            dataset=settings.dataset,
            searched=self.trainings.stored.data["name"],
            split=settings.split,
            data_root=self.run_context.data_root,
            size=settings.size,
        )

    def _under_test(self, access: int, runs: Sequence[TrialRecord]) -> UnderTest:
        """Return what is tested.

        Networks that were trained on the validation part are not judged by it: the validation
        figures are then those of the confirmation's networks.
        """
        stored = self.trainings.stored
        validated, whose = list(runs), "these networks"
        if self.plan.fit_on != "train":
            found = completed_runs(self.confirming).get(self.candidate.candidate_id, {})
            validated, whose = list(found.values()), "the confirmation's networks"
        return UnderTest(
            candidate_id=self.candidate.candidate_id,
            number=self.candidate.number,
            access=access,
            dataset=stored.data["name"],
            size=stored.image.size,
            class_names=tuple(stored.data["classes"]),
            fit_on=self.plan.fit_on,
            epochs=runs[0].epochs,
            validation={
                name: float(np.mean([run.metrics[name] for run in validated]))
                for name in VALIDATION
                if validated
            },
            validated=whose,
        )

    def _store(
        self, result: FinalTest, scores: Mapping[int, NDArray[np.floating]]
    ) -> tuple[Path, ...]:
        """Store the figures in the study, and figures and predictions in files."""
        figures = to_stored(result)
        with storage_errors(self.run_context.url):
            self.origin.study.set_user_attr(TEST, figures)
        base = local_study_folder(
            self.run_context.artifacts, self.run_context.url, self.origin.settings.study
        )
        folder = base / "test" / f"access-{result.access}"
        texts = {**prediction_files(scores, result), "figures.json": canonical(figures)}
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
        return tuple(folder / name for name in texts)

    def _audit(self) -> str:
        """Compare the test part with the other parts, now that it is open, and store that too."""
        description = describe_data_checks(self.origin.settings, self.run_context, parts="all")
        with storage_errors(self.run_context.url):
            self.origin.study.set_user_attr(DATA, {**self.origin.data, "data_checks": description})
        return description
