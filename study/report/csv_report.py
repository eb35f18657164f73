"""The trials as CSV (RFC 4180): a column for each parameter and each measure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from study.common.escaping import in_spreadsheet
from study.common.redaction import redacted
from study.report.json_report import strict
from study.report.study_summary import StudySummary
from study.results.describe import architecture_words, space_parameters
from study.storage.records import TrialRecord


def to_csv(records: Sequence[TrialRecord], summary: StudySummary) -> str:
    """Return a header and one line a trial, in number order.

    Parameters and measures carry their stored names, as ``param:dropout`` and
    ``metric:val_loss``. What is absent is an empty cell. Text that a spreadsheet would run as a
    formula is led by an apostrophe; numbers are never touched.
    """
    parameters = space_parameters(records, summary.parameters)
    measures = list(dict.fromkeys(name for record in records for name in record.metrics))
    metrics = [objective.metric for objective in summary.objectives]
    out = io.StringIO()
    writer = csv.writer(out)
    header = _row(_EMPTY, metrics=metrics, parameters=parameters, measures=measures)
    writer.writerow(map(in_spreadsheet, header))
    for record in records:
        row = _row(record, metrics=metrics, parameters=parameters, measures=measures)
        writer.writerow(map(_cell, row.values()))
    return redacted(out.getvalue())


_EMPTY = TrialRecord(number=0, state="waiting")


def _row(
    record: TrialRecord,
    *,
    metrics: Sequence[str],
    parameters: Sequence[str],
    measures: Sequence[str],
) -> dict[str, Any]:
    values = [*record.objectives, *[None] * len(metrics)]
    return {
        "number": record.number,
        "state": record.state,
        **{f"value:{m}": number for m, number in zip(metrics, values, strict=False)},
        **{f"param:{name}": record.params.get(name) for name in parameters},
        **{f"metric:{name}": record.metrics.get(name) for name in measures},
        "parameters": record.parameters,
        "macs": record.macs,
        "epochs": record.epochs,
        "seconds": record.seconds,
        "candidate_id": record.candidate_id,
        "network": architecture_words(record.architecture),
        "sequence_index": record.sequence_index,
        "reused_from": record.reused_from,
        "reason": record.reason,
        "failure": None if record.failure is None else record.failure.kind,
        "failure_text": None if record.failure is None else record.failure.text,
        "started": strict(record.started),
        "finished": strict(record.finished),
    }


def _cell(stored: Any) -> Any:
    if stored is None or (isinstance(stored, float) and not math.isfinite(stored)):
        return ""
    return in_spreadsheet(stored) if isinstance(stored, str) else stored
