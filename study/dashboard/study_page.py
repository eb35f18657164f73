"""A study's page in optuna-dashboard: its note, its trials' notes, our plots, the best weights."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.dashboard.notes import has_note, write_study_note, write_trial_note
from study.dashboard.plots import write_plot
from study.dashboard.store import artifact_store
from study.dashboard.weights import attach_best_weights
from study.report.study_summary import StudySummary, chosen, summarise_study, with_importance
from study.report.trial_document import study_note, trial_note
from study.storage.checkpoints import study_folder
from study.storage.opening import open_storage
from study.storage.records import TrialRecord, read_trial, read_trials
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import CONFIRMATION, TEST, StoredStudy, open_study

if TYPE_CHECKING:
    from optuna.artifacts._protocol import ArtifactStore
    from optuna.trial import FrozenTrial

Ended = Callable[[], bool]

BATCH = 50
"""Notes written before it is looked again which of them other processes have written."""


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
    checkpoints: ArtifactPath

    def shown(self) -> tuple[Any, ...]:
        """Return what the page depends on: trials that ended, confirmation and test."""
        trials = self.stored.study.get_trials(deepcopy=False)
        outcomes = self.stored.study.user_attrs
        ended = sum(trial.state.is_finished() for trial in trials)
        return ended, outcomes.get(CONFIRMATION), outcomes.get(TEST)

    def write_words(self, *, ended: Ended = lambda: False) -> None:
        """Write the study's note, missing notes of trials, and the best network's weights.

        Args:
            ended: Asked between two notes; True leaves the rest to the next time.
        """
        trials = self.stored.study.get_trials(deepcopy=False)
        records = [read_trial(trial) for trial in trials]
        summary = summarise_study(self.stored, records)
        write_study_note(self.stored.study, study_note(records, summary), self._attributes())
        while missing := self._without_note(trials):
            for trial in missing:
                if ended():
                    return
                note = trial_note(read_trial(trial), summary)
                write_trial_note(self.stored.study, trial._trial_id, note)
        self._write_weights(records, summary)

    def _attributes(self) -> dict[str, Any]:
        study = self.stored.study
        return study._storage.get_study_system_attrs(study._study_id)

    def _without_note(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return the next trials to be given a note; processes begin at different ones."""
        attributes = self._attributes()
        missing = [
            trial
            for trial in trials
            if trial.state.is_finished() and not has_note(attributes, trial._trial_id)
        ]
        start = os.getpid() % max(len(missing), 1)
        return [*missing[start:], *missing[:start]][:BATCH]

    def _write_weights(self, records: Sequence[TrialRecord], summary: StudySummary) -> None:
        best = chosen(records, summary)
        if best is None or len(summary.objectives) > 1:
            return
        attach_best_weights(
            self.stored.study,
            self.store,
            best,
            checkpoints=self.checkpoints,
            attributes=self._attributes(),
        )

    def write_plots(self, *, ended: Ended = lambda: False) -> None:
        """Write the report's figures.

        Args:
            ended: Asked between two figures; True leaves the rest to the next time.
        """
        from study.report.figures import study_figures

        records = read_trials(self.stored.study.get_trials(deepcopy=False))
        summary = with_importance(self.stored, summarise_study(self.stored, records))
        attributes = self._attributes()
        for figure in study_figures(records, summary):
            if ended():
                return
            write_plot(self.stored.study, figure, attributes)


def study_page(stored: StoredStudy, artifacts: ArtifactPath | None) -> StudyPage:
    """Return the page of a stored study.

    Args:
        stored: The study.
        artifacts: Folder of all studies' files; None for the one beside the storage.
    """
    folder = study_folder(artifacts, stored.url, stored.settings.study)
    store = artifact_store(artifacts, stored.url)
    return StudyPage(stored=stored, store=store, checkpoints=folder / "checkpoints")


def new_pages(
    url: str, artifacts: ArtifactPath | None, *, known: Collection[str]
) -> dict[str, StudyPage]:
    """Return the pages of the studies of a storage, by name, that are not known yet.

    Raises:
        StorageError: The storage cannot be read.
    """
    import optuna

    with storage_errors(url):
        names = optuna.get_all_study_names(open_storage(url))
    pages = {}
    for name in sorted(set(names) - set(known)):
        with contextlib.suppress(StorageError):  # another program's study
            pages[name] = study_page(open_study(name, url), artifacts)
    return pages
