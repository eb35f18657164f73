"""``run_study.py test``: the confirmed candidate on images that nobody has chosen by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from study.bundle.bundle import sha256
from study.bundle.export import weights_of
from study.common.atomic_write import write_text
from study.common.errors import EvaluationError
from study.common.stored_form import canonical, from_stored, to_stored
from study.common.version import code_version
from study.confirmation.confirm import Confirmation
from study.data.parts import POOLED
from study.final_test.final_test import FinalTest, UnderTest, final_test
from study.final_test.looks import (
    Look,
    OpenedTestPart,
    Searched,
    StudyLedger,
    look_at_test_part,
)
from study.final_test.prediction_files import prediction_files
from study.network.forward import class_scores, normalise
from study.retraining.retraining import (
    Force,
    Networks,
    completed_runs,
    full_settings,
    retrain,
    seed_of,
)
from study.running.study_data import describe_data_checks
from study.running.study_runner import StudyResult
from study.search_space.resolve import resolve
from study.settings.run_context import RunContext
from study.settings.study_settings import FitOn, Plan, PlannedCandidate
from study.storage.checkpoints import local_study_folder
from study.storage.records import TrialRecord
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import CONFIRMATION, DATA, TEST, StoredStudy, open_study

Clock = Callable[[], dt.datetime]

VALIDATION = ("val_accuracy", "val_balanced_accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalOutcome:
    """What a call of ``test`` came to.

    Args:
        result: The figures; None where the trainings were interrupted, before any look.
        looks: How many looks at the test part there have been.
        trainings: The linked study.
        files: Predictions of each network, and the figures.
        audit: What the test part has in common with the others, in words.
        failed: Trainings that gave no network.
    """

    result: FinalTest | None
    trainings: StudyResult
    looks: int = 0
    files: tuple[Path, ...] = ()
    audit: str = ""
    failed: int = 0


def trainings_name(origin: str, fit_on: FitOn) -> str:
    """Return the name of the study that holds the trainings of a test."""
    return f"{origin}-test" if fit_on == "train" else f"{origin}-test-trainval"


def final_check(name: str, force: Force, *, seeds: int, fit_on: FitOn, now: Clock) -> FinalOutcome:
    """Train the confirmed candidate with fresh seeds, look at the test part, store the figures.

    The look is written to the study's ledger once all networks are there, and before an image of
    the test part is read.

    Args:
        name: The study that searched.
        force: Where to train, and with what.
        seeds: Networks to train.
        fit_on: Images to train them on; for as many epochs as the candidate's recipe says.
        now: Tells the time of the look.

    Raises:
        StudyError: The study searched on the pooled split, is not confirmed, or no network came
            of the trainings.
    """
    origin = open_study(name, force.run_context.url)
    _refuse_pooled(origin)
    confirmed = stored_confirmation(origin)
    confirming = open_study(confirmed.study, force.run_context.url)
    plan = Plan(
        kind="test",
        origin=name,
        candidates=(_chosen(confirming, confirmed),),
        repeats=seeds,
        fit_on=fit_on,
    )
    settings = full_settings(confirming, study=trainings_name(name, fit_on))
    trainings = retrain(settings, plan, force)
    if trainings.work.ending == "interrupted":
        return FinalOutcome(result=None, trainings=trainings)
    case = _Case(
        origin=origin,
        confirming=confirming,
        trainings=trainings,
        plan=plan,
        run_context=force.run_context,
    )
    return case.tested(now)


def _refuse_pooled(origin: StoredStudy) -> None:
    if origin.settings.split == POOLED:
        raise EvaluationError(
            f"study '{origin.settings.study}' searched on the pooled split, whose training part "
            "holds official test images, so its candidates cannot be tested on the official test "
            "part; search with --split official"
        )


def stored_confirmation(origin: StoredStudy) -> Confirmation:
    """Return what ``confirm`` stored.

    Raises:
        EvaluationError: Nothing is stored.
    """
    name, stored = origin.settings.study, origin.study.user_attrs.get(CONFIRMATION)
    if stored is None:
        raise EvaluationError(
            f"study '{name}' is not confirmed: the best of a search is the luckiest of many, and "
            f"the test part is opened for a chosen candidate only; run 'confirm {name}' first "
            "('confirm --top 1 --seeds 1' is the least)"
        )
    return from_stored(Confirmation, stored, where=f"confirmation of study '{name}'")


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
    """A candidate whose networks are trained.

    Args:
        origin: The study that searched; the ledger is in it.
        confirming: The confirmation's trainings.
        trainings: The test's trainings.
        plan: What was trained for the test.
        run_context: Where.
    """

    origin: StoredStudy
    confirming: StoredStudy
    trainings: StudyResult
    plan: Plan
    run_context: RunContext

    @property
    def candidate(self) -> PlannedCandidate:
        return self.plan.candidates[0]

    def tested(self, now: Clock) -> FinalOutcome:
        """Look at the test part and store what it says.

        Raises:
            EvaluationError: There is no network to test.
        """
        runs = self._runs()
        networks = Networks.of(self.trainings.stored, self.run_context)
        trained = {seed_of(run): networks.training(run).network for run in runs}
        stack = resolve(networks.candidate(runs[0]).architecture, self.trainings.stored.image)
        opened = self._look(tuple(trained), now())
        scores = {
            seed: class_scores(network, opened.images, stack=stack, feed=normalise).numpy()
            for seed, network in trained.items()
        }
        weights = [sha256(weights_of(network)) for network in trained.values()]
        tested = replace(self._under_test(opened, runs), weights=tuple(weights))
        result = final_test(scores, opened.labels.numpy(), tested=tested)
        return FinalOutcome(
            result=result,
            trainings=self.trainings,
            looks=len(StudyLedger(self.origin.study).looks()),
            files=self._kept(result, scores),
            audit=self._audited(),
            failed=self.plan.repeats - len(runs),
        )

    def _runs(self) -> list[TrialRecord]:
        stored = self.trainings.stored
        runs = completed_runs(stored).get(self.candidate.candidate_id)
        if not runs:
            raise EvaluationError(
                f"no training of candidate {self.candidate.candidate_id} completed; see why with "
                f"'report {stored.settings.study}'. The test part was not opened"
            )
        return list(runs.values())

    def _look(self, seeds: tuple[int, ...], when: dt.datetime) -> OpenedTestPart:
        settings = self.origin.settings
        return look_at_test_part(
            settings.dataset,
            ledger=StudyLedger(self.origin.study),
            look=Look(
                when=when,
                candidate_id=self.candidate.candidate_id,
                code_version=code_version(),
                fit_on=self.plan.fit_on,
                seeds=seeds,
            ),
            searched=Searched(
                study=settings.study,
                dataset=self.trainings.stored.data["name"],
                split=settings.split,
            ),
            data_root=self.run_context.data_root,
            size=settings.size,
        )

    def _under_test(self, opened: OpenedTestPart, runs: Sequence[TrialRecord]) -> UnderTest:
        """Return what is tested; who learned the validation part is not judged by it."""
        stored = self.trainings.stored
        validated, whose = list(runs), "these networks"
        if self.plan.fit_on != "train":
            found = completed_runs(self.confirming).get(self.candidate.candidate_id, {})
            validated, whose = list(found.values()), "the confirmation's networks"
        return UnderTest(
            candidate_id=self.candidate.candidate_id,
            number=self.candidate.number,
            look=opened.number,
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

    def _kept(
        self, result: FinalTest, scores: Mapping[int, NDArray[np.floating]]
    ) -> tuple[Path, ...]:
        """Store the figures in the study, and figures and predictions in files."""
        figures = to_stored(result)
        with storage_errors(self.run_context.url):
            self.origin.study.set_user_attr(TEST, figures)
        base = local_study_folder(
            self.run_context.artifacts, self.run_context.url, self.origin.settings.study
        )
        folder = base / "test" / f"look-{result.look}"
        texts = {**prediction_files(scores, result), "figures.json": canonical(figures)}
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            write_text(folder / name, text)
        return tuple(folder / name for name in texts)

    def _audited(self) -> str:
        """Compare the test part with the others, now that it is open, and store that too."""
        words = describe_data_checks(self.origin.settings, self.run_context, parts="all")
        with storage_errors(self.run_context.url):
            self.origin.study.set_user_attr(DATA, {**self.origin.data, "audit": words})
        return words
