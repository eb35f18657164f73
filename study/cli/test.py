"""``test``: the final test of the confirmed candidate, on the locked test part."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

import typer

from study.cli.confirm import print_interrupted
from study.cli.context import (
    observers_of,
    print_notes,
    print_written,
    run_context_of,
    storage_flag,
    workers_of,
)
from study.cli.options import Artifacts, DataRoot, Device, Quiet, Storage, Study, Workers
from study.common.stop import Stop
from study.storage.url import DEFAULT_URL


def final_test(
    stop: Stop,
    study: Study,
    seeds: Annotated[int, typer.Option(min=1, help="Networks to train and test.")] = 5,
    fit_on: Annotated[
        Literal["train", "train+val"],
        typer.Option(help="Images to train on, for the number of epochs of the candidate."),
    ] = "train",
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Train the confirmed candidate with fresh seeds and test it; every access is logged."""
    from study.confirmation.retraining import Resources
    from study.final_test.final_test import run_test
    from study.report.document import Paragraph
    from study.report.outcomes import final_test_section
    from study.report.terminal import print_report

    resources = Resources(
        run_context=run_context_of(storage, data_root, artifacts, device),
        workers=workers_of(workers, device),
        stop=stop,
        observers=observers_of(artifacts, quiet=quiet),
    )
    tested = run_test(
        study, resources, seeds=seeds, fit_on=fit_on, now=lambda: dt.datetime.now(dt.UTC)
    )
    print_notes(tested.trainings.notes)
    if tested.result is None:
        return print_interrupted("test", study, tested.trainings)
    if tested.failed:
        print_notes([f"{tested.failed} of the trainings gave no network"])
    print_report(final_test_section(tested.result, tested.accesses), Paragraph(tested.audit))
    print_written(tested.files)
    typer.echo(
        f"stored in '{study}': 'report {study}' shows it without opening the test part again. "
        f"Next: run_study.py export {study} --to DIR{storage_flag(storage)}",
        err=True,
    )
    return 0
