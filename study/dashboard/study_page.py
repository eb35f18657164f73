"""A study's page in optuna-dashboard: its note, its trials' notes, our plots, the best weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from study.checkpoints import study_folder
from study.dashboard.notes import has_note, write_study_note, write_trial_note
from study.dashboard.plots import write_plot
from study.dashboard.store import artifact_store
from study.dashboard.weights import attach_best_weights
from study.overview import summarise_study, with_importance
from study.records import TrialRecord, read_trial
from study.report.notes import study_note, trial_note
from study.report.standing import chosen
from study.stored_study import StoredStudy

if TYPE_CHECKING:
    from optuna.artifacts._protocol import ArtifactStore
    from optuna.trial import FrozenTrial

Ended = Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPage:
    """Brings what the dashboard shows of a study up to date; whatever is so already stays.

    Any number of processes may do it at the same time: they write the same.

    Args:
        stored: The study.
        store: Where files go.
        checkpoints: Folder of its trainings.
    """

    stored: StoredStudy
    store: ArtifactStore
    checkpoints: Path

    def write_words(self, *, ended: Ended = lambda: False) -> None:
        """Write the study's note, missing notes of trials, and the best network's weights.

        Args:
            ended: Asked between two notes; True leaves the rest to the next time.
        """
        study = self.stored.study
        attributes = study._storage.get_study_system_attrs(study._study_id)
        trials = study.get_trials(deepcopy=False)
        records = [read_trial(trial) for trial in trials]
        summary = summarise_study(self.stored, records)
        write_study_note(study, study_note(records, summary), attributes)
        for trial, record in zip(trials, records, strict=True):
            if ended():
                return
            if trial.state.is_finished() and not has_note(attributes, trial._trial_id):
                write_trial_note(study, trial._trial_id, trial_note(record, summary))
        best = chosen(records, summary)
        if best is not None and len(summary.objectives) == 1:
            attach_best_weights(
                study, self.store, best, checkpoints=self.checkpoints, attributes=attributes
            )

    def write_plots(self, *, ended: Ended = lambda: False) -> None:
        """Write the report's figures.

        Args:
            ended: Asked between two figures; True leaves the rest to the next time.
        """
        from study.report.figures.collection import all_figures

        study = self.stored.study
        attributes = study._storage.get_study_system_attrs(study._study_id)
        records = _read(study.get_trials(deepcopy=False))
        summary = with_importance(self.stored, summarise_study(self.stored, records))
        for figure in all_figures(records, summary):
            if ended():
                return
            write_plot(study, figure, attributes)


def study_page(stored: StoredStudy, artifacts: Path | None) -> StudyPage:
    """Return the page of a stored study.

    Args:
        stored: The study.
        artifacts: Folder of all studies' files; None for the one beside the storage.
    """
    folder = study_folder(artifacts, stored.url, stored.settings.study)
    store = artifact_store(artifacts, stored.url)
    return StudyPage(stored=stored, store=store, checkpoints=folder / "checkpoints")


def _read(trials: Sequence[FrozenTrial]) -> list[TrialRecord]:
    return [read_trial(trial) for trial in trials]
