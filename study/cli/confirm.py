"""``confirm``: train the best candidates again, with fresh seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.context import observers_of, print_notes, run_context_of, storage_flag, workers_of
from study.cli.options import Artifacts, DataRoot, Device, Epochs, Quiet, Storage, Study, Workers
from study.common.stop import INTERRUPTED, Stop
from study.storage.url import DEFAULT_URL

if TYPE_CHECKING:
    from study.running.study_runner import StudyResult


def confirm(
    stop: Stop,
    study: Study,
    top: Annotated[int, typer.Option(min=1, help="Best candidates to train again.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds for each.")] = 3,
    epochs: Epochs = None,
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Train the best candidates again with fresh seeds; print which is best, with an interval."""
    from study.confirmation.confirm import confirm
    from study.confirmation.retraining import Resources
    from study.report.outcomes import confirmation_section
    from study.report.terminal import print_report

    resources = Resources(
        run_context=run_context_of(storage, data_root, artifacts, device),
        workers=workers_of(workers, device),
        stop=stop,
        observers=observers_of(artifacts, quiet=quiet),
    )
    confirmed = confirm(study, resources, top=top, seeds=seeds, epochs=epochs)
    print_notes(confirmed.trainings.notes)
    if confirmed.fewer is not None:
        print_notes([f"the study has {confirmed.fewer} candidates to confirm"])
    if confirmed.result is None:
        return print_interrupted("confirm", study, confirmed.trainings)
    print_report(confirmation_section(confirmed.result))
    typer.echo(
        f"stored in '{study}'; its trainings are study '{confirmed.result.study}'. Next: "
        f"run_study.py test {study}{storage_flag(storage)}",
        err=True,
    )
    return 0


def print_interrupted(command: str, study: str, trainings: StudyResult) -> int:
    """Print how to continue the trainings of a command, and return its exit code."""
    done, wanted = len(trainings.state.finished), trainings.stored.settings.trials
    flag = storage_flag(trainings.stored.url)
    typer.echo(
        f"interrupted; {done} of {wanted} trainings are done and kept. Continue with: "
        f"run_study.py {command} {study}{flag}",
        err=True,
    )
    return INTERRUPTED
