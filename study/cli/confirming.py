"""Commands that turn a search into a statement: confirm and test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from study.cli.options import Artifacts, DataRoot, Device, Quiet, Storage, Workers
from study.cli.working import run_context_of, storage_flag, with_stop, workers_of
from study.common.stop import INTERRUPTED
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.common.stop import Stop
    from study.confirmation.confirming import Confirmed
    from study.final_test.final_testing import FinalOutcome
    from study.running.study_runner import StudyResult

Study = Annotated[str, typer.Argument(help="Name of the study that searched.")]


def confirm(
    study: Study,
    top: Annotated[int, typer.Option(min=1, help="Best candidates to train again.")] = 5,
    seeds: Annotated[int, typer.Option(min=1, help="Fresh seeds for each.")] = 3,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of a full training; the space's by default.")
    ] = None,
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Train the best candidates again with fresh seeds; say which is best and how sure that is."""

    def work(stop: Stop) -> int:
        from study.confirmation.confirming import confirm
        from study.retraining.retraining import Force

        force = Force(
            run_context=run_context_of(storage, data_root, artifacts, device),
            workers=workers_of(workers, device),
            stop=stop,
            quiet=quiet,
        )
        confirmed = confirm(study, force, top=top, seeds=seeds, epochs=epochs)
        return _tell_confirmed(study, confirmed)

    return with_stop(work)


def _tell_confirmed(name: str, confirmed: Confirmed) -> int:
    from study.report.confirm_text import confirmation_text

    _tell_notes(confirmed.trainings)
    if confirmed.fewer is not None:
        typer.echo(f"note: the study has {confirmed.fewer} candidates to confirm", err=True)
    if confirmed.result is None:
        return _tell_interrupted("confirm", name, confirmed.trainings)
    typer.echo(confirmation_text(confirmed.result), nl=False)
    typer.echo(
        f"stored in '{name}'; its trainings are study '{confirmed.result.study}'. Next: "
        f"run_study.py test {name}{storage_flag(confirmed.trainings.stored.url)}",
        err=True,
    )
    return 0


def final_test(
    study: Study,
    seeds: Annotated[int, typer.Option(min=1, help="Networks to train and test.")] = 5,
    fit_on: Annotated[
        Literal["train", "train+val"],
        typer.Option(help="Images to train on, for as many epochs as the candidate says."),
    ] = "train",
    storage: Storage = DEFAULT_URL,
    data_root: DataRoot = None,
    artifacts: Artifacts = None,
    device: Device = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Train the confirmed candidate with fresh seeds and open the test part; looks are counted."""

    def work(stop: Stop) -> int:
        import datetime as dt

        from study.final_test.final_testing import final_check
        from study.retraining.retraining import Force

        force = Force(
            run_context=run_context_of(storage, data_root, artifacts, device),
            workers=workers_of(workers, device),
            stop=stop,
            quiet=quiet,
        )
        tested = final_check(
            study, force, seeds=seeds, fit_on=fit_on, now=lambda: dt.datetime.now(dt.UTC)
        )
        return _tell_tested(study, tested)

    return with_stop(work)


def _tell_tested(name: str, tested: FinalOutcome) -> int:
    from study.report.final_test_text import final_test_text

    _tell_notes(tested.trainings)
    if tested.result is None:
        return _tell_interrupted("test", name, tested.trainings)
    if tested.failed:
        typer.echo(f"note: {tested.failed} of the trainings gave no network", err=True)
    typer.echo(final_test_text(tested.result, looks=tested.looks))
    typer.echo(tested.audit)
    for path in tested.files:
        typer.echo(f"wrote {path}", err=True)
    flag = storage_flag(tested.trainings.stored.url)
    typer.echo(
        f"stored in '{name}': 'report {name}' shows it without another look. Next: run_study.py "
        f"export {name} --to DIR{flag}",
        err=True,
    )
    return 0


def _tell_notes(trainings: StudyResult) -> None:
    for note in trainings.notes:
        typer.echo(f"note: {note}", err=True)


def _tell_interrupted(command: str, name: str, trainings: StudyResult) -> int:
    done, wanted = len(trainings.state.finished), trainings.stored.settings.trials
    flag = storage_flag(trainings.stored.url)
    typer.echo(
        f"interrupted; {done} of {wanted} trainings are done and kept. The same command goes on "
        f"from there: run_study.py {command} {name}{flag}",
        err=True,
    )
    return INTERRUPTED


COMMANDS: Mapping[str, Callable[..., int]] = MappingProxyType(
    {"confirm": confirm, "test": final_test}
)
