"""``confirm`` and ``test``: train the best candidates again, and test the best one."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.command import print_notes, print_written, storage_flag
from study.cli.options import Epochs, Study, TrainingOptions
from study.common.stop import INTERRUPTED

if TYPE_CHECKING:
    from study.confirmation.retraining import Resources
    from study.running.study_runner import StudyResult


def confirm(
    study: Study,
    top: Annotated[int, typer.Option(min=1, help="Best candidates to train again.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds for each.")] = 3,
    epochs: Epochs = None,
    *,
    options: TrainingOptions,
) -> int:
    """Train the best candidates again with fresh seeds; print which is best, with an interval."""
    from study.confirmation.confirm import confirm
    from study.report.outcomes import confirmation_section
    from study.report.terminal import print_report

    confirmed = confirm(study, _resources(options), top=top, seeds=seeds, epochs=epochs)
    print_notes(confirmed.trainings.notes)
    if confirmed.fewer is not None:
        print_notes([f"the study has {confirmed.fewer} candidates to confirm"])
    if confirmed.result is None:
        return _print_interrupted("confirm", study, confirmed.trainings)
    print_report(confirmation_section(confirmed.result))
    typer.echo(
        f"stored in '{study}'; its trainings are study '{confirmed.result.study}'. Next: "
        f"run_study.py test {study}{storage_flag(options.storage)}",
        err=True,
    )
    return 0


def final_test(
    study: Study,
    seeds: Annotated[int, typer.Option(min=1, help="Networks to train and test.")] = 5,
    fit_on: Annotated[
        Literal["train", "train+val"],
        typer.Option(help="Images to train on, for the number of epochs of the candidate."),
    ] = "train",
    *,
    options: TrainingOptions,
) -> int:
    """Train the confirmed candidate with fresh seeds and test it; every access is logged."""
    from study.final_test.final_test import run_test
    from study.report.document import Paragraph
    from study.report.outcomes import final_test_section
    from study.report.terminal import print_report

    tested = run_test(
        study, _resources(options), seeds=seeds, fit_on=fit_on, now=lambda: dt.datetime.now(dt.UTC)
    )
    print_notes(tested.trainings.notes)
    if tested.result is None:
        return _print_interrupted("test", study, tested.trainings)
    if tested.failed:
        print_notes([f"{tested.failed} of the trainings gave no network"])
    print_report(final_test_section(tested.result, tested.accesses), Paragraph(tested.audit))
    print_written(tested.files)
    typer.echo(
        f"stored in '{study}': 'report {study}' shows it without opening the test part again. "
        f"Next: run_study.py export {study} --to DIR{storage_flag(options.storage)}",
        err=True,
    )
    return 0


def _resources(options: TrainingOptions) -> Resources:
    from study.confirmation.retraining import Resources

    return Resources(
        run_context=options.run_context,
        workers=options.processes,
        stop=options.stop,
        observers=options.observers,
    )


def _print_interrupted(command: str, study: str, trainings: StudyResult) -> int:
    done, wanted = len(trainings.state.finished), trainings.stored.settings.trials
    flag = storage_flag(trainings.stored.url)
    typer.echo(
        f"interrupted; {done} of {wanted} trainings are done and kept. Continue with: "
        f"run_study.py {command} {study}{flag}",
        err=True,
    )
    return INTERRUPTED
