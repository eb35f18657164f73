"""A study as strict JSON: no NaN, no infinity, the same keys for every trial."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from study.common.redaction import redacted
from study.report.stored_outcomes import ShownConfirmation, ShownTest
from study.report.study_summary import StudySummary
from study.results.describe import architecture_words
from study.results.ranking import best, pareto_front
from study.storage.records import TrialRecord


def to_json(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the report as JSON, ending in a newline."""
    text = json.dumps(json_report(records, summary), allow_nan=False, ensure_ascii=False, indent=2)
    return redacted(text) + "\n"


def json_report(records: Sequence[TrialRecord], summary: StudySummary) -> dict[str, Any]:
    """Return the report as plain data.

    ``direction`` and ``metric`` are texts, and ``best`` is a trial or null. With several
    objectives they are lists, ``best`` that of the Pareto front's trials. ``confirmation`` and
    ``test`` are null where there is none.
    """
    single = len(summary.objectives) == 1
    directions = [objective.direction for objective in summary.objectives]
    metrics = [objective.metric for objective in summary.objectives]
    return {
        "study": summary.name,
        "direction": directions[0] if single else directions,
        "metric": metrics[0] if single else metrics,
        "settings": strict(summary.settings),
        "trials": [json_trial(record) for record in records],
        "best": _best(records, summary),
        "confirmation": _outcome(summary.confirmation),
        "test": _outcome(summary.test),
        "looks": [strict(asdict(look)) for look in summary.looks],
        "data_notes": summary.data_notes,
    }


def _best(records: Sequence[TrialRecord], summary: StudySummary) -> Any:
    if len(summary.objectives) > 1:
        return [json_trial(record) for record in pareto_front(records, summary.objectives)]
    found = best(records, summary.objectives)
    return None if found is None else json_trial(found)


def _outcome(found: ShownConfirmation | ShownTest | None) -> Any:
    return None if found is None else strict(asdict(found))


def json_trial(record: TrialRecord) -> dict[str, Any]:
    """Return one trial as plain data; every trial has all keys."""
    draw = record.draw
    trial = {
        "number": record.number,
        "state": record.state,
        "value": record.value,
        "params": record.params,
        "candidate_id": record.candidate_id,
        "metrics": record.metrics,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "parameters": record.parameters,
        "macs": record.macs,
        "reused_from": record.reused_from,
        "values": record.objectives,
        "restored": record.restored,
        "conv_macs": record.conv_macs,
        "failure": None if record.failure is None else asdict(record.failure),
        "reason": record.reason,
        "sequence_index": record.sequence_index,
        "source": None if draw is None else draw.source,
        "retry_of": None if draw is None else draw.retry_of,
        "network": architecture_words(record.architecture),
        "architecture": record.architecture,
        "curve": record.curve,
        "intermediate": record.intermediate,
        "facts": record.facts,
        "worker": record.worker,
        "started": record.started,
        "finished": record.finished,
    }
    return {key: strict(stored) for key, stored in trial.items()}


def strict(stored: Any) -> Any:
    """Return what strict JSON can hold: NaN and infinities become null, times ISO 8601."""
    if isinstance(stored, float):
        return stored if math.isfinite(stored) else None
    if stored is None or isinstance(stored, (bool, int, str)):
        return stored
    if isinstance(stored, dt.datetime):
        return stored.isoformat()
    if isinstance(stored, Mapping):
        return {str(key): strict(inner) for key, inner in stored.items()}
    if isinstance(stored, Sequence):
        return [strict(inner) for inner in stored]
    return str(stored)
