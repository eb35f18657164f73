"""A study's report as data: strict JSON, and the trials as CSV."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from study.common.formats import in_spreadsheet
from study.common.redaction import redacted
from study.report.study_summary import StudySummary
from study.results.describe import describe_architecture, space_parameters
from study.results.ranking import best, pareto_front
from study.storage.records import TrialRecord

_EMPTY = TrialRecord(number=0, state="waiting")


def render_csv(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the trials as CSV (RFC 4180): a header and a line for each trial, in number order.

    Parameters and measures keep their stored names, as ``param:dropout`` and
    ``metric:val_loss``. An absent value is an empty cell. Text that a spreadsheet would run as a
    formula starts with an apostrophe; numbers are never changed.
    """
    parameters = space_parameters(records, summary.parameters)
    metrics = list(dict.fromkeys(name for record in records for name in record.metrics))
    objectives = [objective.metric for objective in summary.objectives]
    out = io.StringIO()
    writer = csv.writer(out)
    for record in (_EMPTY, *records):
        row = _csv_row(record, objectives=objectives, parameters=parameters, metrics=metrics)
        if record is _EMPTY:
            writer.writerow(map(in_spreadsheet, row))
        else:
            writer.writerow(map(_csv_cell, row.values()))
    return redacted(out.getvalue())


def _csv_row(
    record: TrialRecord,
    *,
    objectives: Sequence[str],
    parameters: Sequence[str],
    metrics: Sequence[str],
) -> dict[str, Any]:
    values = [*record.objectives, *[None] * len(objectives)]
    return {
        "number": record.number,
        "state": record.state,
        **{f"value:{name}": number for name, number in zip(objectives, values, strict=False)},
        **{f"param:{name}": record.params.get(name) for name in parameters},
        **{f"metric:{name}": record.metrics.get(name) for name in metrics},
        "parameters": record.parameters,
        "macs": record.macs,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "candidate_id": record.candidate_id,
        "network": describe_architecture(record.architecture),
        "sequence_index": record.sequence_index,
        "reused_from": record.reused_from,
        "reason": record.reason,
        "failure": None if record.failure is None else record.failure.kind,
        "failure_text": None if record.failure is None else record.failure.text,
        "started": strict(record.started),
        "finished": strict(record.finished),
    }


def _csv_cell(stored: Any) -> Any:
    if stored is None or (isinstance(stored, float) and not math.isfinite(stored)):
        return ""
    return in_spreadsheet(stored) if isinstance(stored, str) else stored


def render_json(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the report as strict JSON that ends in a newline."""
    text = json.dumps(json_report(records, summary), allow_nan=False, ensure_ascii=False, indent=2)
    return redacted(text) + "\n"


def json_report(records: Sequence[TrialRecord], summary: StudySummary) -> dict[str, Any]:
    """Return the report as plain data.

    ``direction`` and ``metric`` are texts, and ``best`` is a trial or null. With several
    objectives they are lists, and ``best`` lists the trials of the Pareto front.
    """
    directions = [objective.direction for objective in summary.objectives]
    metrics = [objective.metric for objective in summary.objectives]
    found: Any
    if len(summary.objectives) > 1:
        found = [json_trial(record) for record in pareto_front(records, summary.objectives)]
    else:
        winner = best(records, summary.objectives)
        found = None if winner is None else json_trial(winner)
        directions, metrics = directions[0], metrics[0]  # type: ignore[assignment]
    return {
        "study": summary.name,
        "direction": directions,
        "metric": metrics,
        "settings": strict(summary.settings),
        "trials": [json_trial(record) for record in records],
        "best": found,
        "confirmation": strict(summary.confirmation),
        "test": strict(summary.test),
        "accesses": strict(summary.accesses),
        "data_notes": summary.data_notes,
    }


def json_trial(record: TrialRecord) -> dict[str, Any]:
    """Return one trial as plain data: the record's fields, and some of them under a second name.

    Every trial has all keys.
    """
    draw = record.draw
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    values = fields.pop("objectives")
    return {
        "number": record.number,
        "state": record.state,
        "value": strict(record.value),
        "values": strict(values),
        "sequence_index": record.sequence_index,
        "source": None if draw is None else draw.source,
        "retry_of": None if draw is None else draw.retry_of,
        "network": describe_architecture(record.architecture),
        **{name: strict(stored) for name, stored in fields.items()},
    }


def strict(stored: Any) -> Any:
    """Return what strict JSON can hold: NaN and infinities become null, times ISO 8601."""
    if isinstance(stored, float):
        return stored if math.isfinite(stored) else None
    if stored is None or isinstance(stored, (bool, int, str)):
        return stored
    if isinstance(stored, dt.datetime):
        return stored.isoformat()
    if dataclasses.is_dataclass(stored):
        return {f.name: strict(getattr(stored, f.name)) for f in dataclasses.fields(stored)}
    if isinstance(stored, Mapping):
        return {str(key): strict(inner) for key, inner in stored.items()}
    if isinstance(stored, Sequence):
        return [strict(inner) for inner in stored]
    return str(stored)
