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
    ``metric:val_loss``. An absent value is an empty cell. A text that a spreadsheet would run as
    a formula starts with an apostrophe; numbers are never changed.
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
        "failure": record.failure and record.failure.kind,
        "failure_text": record.failure and record.failure.text,
        "started": record.started,
        "finished": record.finished,
    }


def _csv_cell(stored: Any) -> Any:
    plain = strict(stored)
    return in_spreadsheet(plain) if isinstance(plain, str) else plain


def render_json(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return the report as strict JSON that ends in a newline."""
    text = json.dumps(json_report(records, summary), allow_nan=False, ensure_ascii=False, indent=2)
    return redacted(text) + "\n"


def json_report(records: Sequence[TrialRecord], summary: StudySummary) -> dict[str, Any]:
    """Return the report as plain data.

    ``direction`` and ``metric`` are texts, and ``best`` is a trial or null. With several
    objectives they are lists, and ``best`` lists the trials of the Pareto front.
    """
    front = pareto_front(records, summary.objectives)
    winner = best(records, summary.objectives)
    report = {
        "study": summary.name,
        "direction": [o.direction for o in summary.objectives],
        "metric": [o.metric for o in summary.objectives],
        "settings": summary.settings,
        "trials": [_json_trial(record) for record in records],
        "best": [_json_trial(record) for record in front],
        "confirmation": summary.confirmation,
        "test": summary.test,
        "accesses": summary.accesses,
        "data_notes": summary.data_notes,
    }
    if len(summary.objectives) == 1:
        report |= {
            "direction": summary.objective.direction,
            "metric": summary.objective.metric,
            "best": None if winner is None else _json_trial(winner),
        }
    return {key: strict(content) for key, content in report.items()}


def _json_trial(record: TrialRecord) -> dict[str, Any]:
    """Return the record's fields, and some of them under a second name; all trials have all."""
    draw = record.draw
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    return {
        "number": record.number,
        "state": record.state,
        "value": record.value,
        "values": fields.pop("objectives"),
        "sequence_index": record.sequence_index,
        "source": draw and draw.source,
        "retry_of": draw and draw.retry_of,
        "network": describe_architecture(record.architecture),
        **fields,
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
