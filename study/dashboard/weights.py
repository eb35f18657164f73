"""The weights of a study's best network, attached to the study as a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from study.common.artifact_path import ArtifactPath
from study.dashboard.store import attach_to_study, detach_from_study, listed
from study.storage.records import TrialRecord

if TYPE_CHECKING:
    import optuna
    from optuna.artifacts._protocol import ArtifactStore

PREFIX = "best-weights-trial-"


def attach_best_weights(
    study: optuna.Study,
    store: ArtifactStore,
    best: TrialRecord,
    *,
    checkpoints: ArtifactPath,
    attributes: Mapping[str, Any],
) -> None:
    """Attach the weights of the best trial in place of those of an earlier best.

    Nothing is done where they are attached already, or where this machine does not have them:
    another trained them, or the study keeps none.

    Args:
        study: The study.
        store: Where files go.
        best: The best trial so far.
        checkpoints: Folder of the study's trainings.
        attributes: The study's system attributes as just read.
    """
    name = f"{PREFIX}{best.number}.safetensors"
    there = [(i, n) for i, n in listed(dict(attributes)) if n.startswith(PREFIX)]
    if all(known != name for _, known in there):
        content = _weights(checkpoints, best)
        if content is None:
            return
        attach_to_study(study, store, name, content)
        kept = None
    else:
        kept = next(identity for identity, known in there if known == name)
    for identity, _ in there:
        if identity != kept:
            detach_from_study(study, store, identity)


def _weights(checkpoints: ArtifactPath, best: TrialRecord) -> bytes | None:
    from safetensors.torch import save

    from study.performance_estimation.training.checkpoint import network_weights

    names = (f"{best.candidate_id}.pt", f"{best.candidate_id}.{best.facts.get('seed')}.pt")
    path = next((checkpoints / name for name in names if (checkpoints / name).exists()), None)
    tensors = None if path is None else network_weights(path)
    if tensors is None:
        return None
    described = {"format": "pt", "trial": str(best.number), "candidate": best.candidate_id}
    content: bytes = save(
        {name: tensor.clone().contiguous() for name, tensor in tensors.items()}, described
    )
    return content
