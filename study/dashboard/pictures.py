"""The pictures of one trial: its network, its learning curve, its confusion matrix.

They are attached while the trial runs, as Optuna changes no finished one, and once: a twin shows
nothing of its own, and a trial that is run again gets them when it ends.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna

from study.common.artifact_path import ArtifactPath
from study.dashboard.store import artifact_store, attach_to_trial
from study.performance_estimation.estimator import EstimateFailed
from study.report.network_drawing import architecture_svg
from study.running.observer import StudyObserver
from study.storage import records
from study.storage.stored_study import StoredStudy

if TYPE_CHECKING:
    from optuna.artifacts._protocol import ArtifactStore

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialPictures(StudyObserver):
    """Attaches the pictures of each trial when it ends.

    Args:
        artifacts: Folder of all studies' files; None for the one beside the storage.
    """

    artifacts: ArtifactPath | None = None

    @contextmanager
    def around_trial(self, stored: StoredStudy, trial: optuna.Trial) -> Iterator[None]:
        """Attach the pictures of a trial that completed, was pruned or failed."""
        try:
            yield
        except (optuna.TrialPruned, EstimateFailed):
            self._attach(stored, trial)
            raise
        self._attach(stored, trial)

    def _attach(self, stored: StoredStudy, trial: optuna.Trial) -> None:
        _attach(trial, artifact_store(self.artifacts, stored.url))


def _attach(trial: optuna.Trial, store: ArtifactStore) -> None:
    """Attach what there is. A trial must not fail because of its pictures."""
    try:
        drawn = _drawn(trial.user_attrs)
        attach_to_trial(trial, store, {name: svg.encode() for name, svg in drawn.items() if svg})
    except OSError as error:
        _LOG.warning("trial %d: no pictures for the dashboard: %s", trial.number, error)
    except Exception:  # noqa: BLE001 - what ails the storage is told by whoever needs it
        _LOG.debug("trial %d: no pictures for the dashboard", trial.number, exc_info=True)


def _drawn(attributes: Mapping[str, Any]) -> dict[str, str]:
    if records.REUSED_FROM in attributes:
        return {}
    return {"network.svg": architecture_svg(attributes.get(records.ARCHITECTURE, {}))}
