"""A study's page in optuna-dashboard: notes, plots, and the weights of the best network."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.artifacts._protocol import ArtifactStore
from optuna.trial import FrozenTrial
from safetensors.torch import save

from study.common.artifact_path import ArtifactPath
from study.common.errors import StorageError
from study.dashboard.attributes import has_note, write_plot, write_study_note, write_trial_note
from study.dashboard.store import artifact_store, attach_to_study, detach_from_study, listed
from study.performance_estimation.training.checkpoint import network_weights
from study.report.figures import study_figures
from study.report.study_summary import StudySummary, chosen, summarise_study
from study.report.trial_document import study_note, trial_note
from study.storage.checkpoints import study_folder
from study.storage.opening import open_storage
from study.storage.records import TrialRecord, read_trial, read_trials
from study.storage.storage_errors import storage_errors
from study.storage.stored_study import CONFIRMATION, TEST, StoredStudy, open_study

Ended = Callable[[], bool]

BATCH = 50
"""Notes to write before reading again which ones other processes have written."""
WEIGHTS = "best-weights-trial-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPage:
    """Updates what the dashboard shows of a study; what is up to date is not written again.

    Several processes may do so at the same time: they write the same.
    """

    stored: StoredStudy
    store: ArtifactStore
    checkpoints: ArtifactPath

    def state(self) -> tuple[Any, ...]:
        """Return what the page depends on: finished trials, confirmation and test."""
        trials = self.stored.study.get_trials(deepcopy=False)
        outcomes = self.stored.study.user_attrs
        ended = sum(trial.state.is_finished() for trial in trials)
        return ended, outcomes.get(CONFIRMATION), outcomes.get(TEST)

    def write_notes(self, *, ended: Ended = lambda: False) -> None:
        """Write the study's note, missing notes of trials, and the best network's weights.

        Once ``ended`` returns True, the rest is left for the next time.
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
        """Return the next trials that need a note; each process starts at another trial."""
        attributes = self._attributes()
        missing = [
            trial
            for trial in trials
            if trial.state.is_finished() and not has_note(attributes, trial._trial_id)
        ]
        start = os.getpid() % max(len(missing), 1)
        return [*missing[start:], *missing[:start]][:BATCH]

    def _write_weights(self, records: Sequence[TrialRecord], summary: StudySummary) -> None:
        """Attach the best network's weights in place of those of an earlier best.

        Do nothing if they are attached already, or if this machine does not have them because
        another machine trained the network or the study keeps no checkpoints.
        """
        best = chosen(records, summary)
        if best is None or len(summary.objectives) > 1:
            return
        name = f"{WEIGHTS}{best.number}.safetensors"
        attached = [(i, n) for i, n in listed(self._attributes()) if n.startswith(WEIGHTS)]
        kept = next((identity for identity, known in attached if known == name), None)
        if kept is None:
            content = best_weights(self.checkpoints, best)
            if content is None:
                return
            attach_to_study(self.stored.study, self.store, name, content)
        for identity, _ in attached:
            if identity != kept:
                detach_from_study(self.stored.study, self.store, identity)

    def write_plots(self, *, ended: Ended = lambda: False) -> None:
        """Write the report's figures; once ``ended`` returns True, the rest for the next time."""
        # scikit-learn takes more than a second to import, and a short run draws no plots.
        from study.report.importance import with_importance

        records = read_trials(self.stored.study.get_trials(deepcopy=False))
        summary = with_importance(self.stored, summarise_study(self.stored, records))
        attributes = self._attributes()
        for figure in study_figures(records, summary):
            if ended():
                return
            write_plot(self.stored.study, figure, attributes)


def best_weights(checkpoints: ArtifactPath, best: TrialRecord) -> bytes | None:
    """Return the weights of a trial's network in safetensors format; None if they are not here."""
    names = (f"{best.candidate_id}.pt", f"{best.candidate_id}.{best.facts.get('seed')}.pt")
    path = next((checkpoints / name for name in names if (checkpoints / name).exists()), None)
    tensors = None if path is None else network_weights(path)
    if tensors is None:
        return None
    described = {"format": "pt", "trial": str(best.number), "candidate": best.candidate_id}
    contiguous = {name: tensor.clone().contiguous() for name, tensor in tensors.items()}
    content: bytes = save(contiguous, described)
    return content


def study_page(stored: StoredStudy, artifacts: ArtifactPath | None) -> StudyPage:
    """Return the page of a stored study; without a folder, its files are beside the storage."""
    folder = study_folder(artifacts, stored.url, stored.settings.study)
    store = artifact_store(artifacts, stored.url)
    return StudyPage(stored=stored, store=store, checkpoints=folder / "checkpoints")


def new_pages(
    url: str, artifacts: ArtifactPath | None, *, known: Collection[str]
) -> dict[str, StudyPage]:
    """Return the pages of the studies of a storage that are not known yet, by name."""
    with storage_errors(url):
        names = optuna.get_all_study_names(open_storage(url))
    pages = {}
    for name in sorted(set(names) - set(known)):
        with contextlib.suppress(StorageError):  # a study of another program
            pages[name] = study_page(open_study(name, url), artifacts)
    return pages
