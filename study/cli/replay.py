"""The command that works draws out again: replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from study.cli.options import Storage, Study
from study.storage.opening import DEFAULT_URL

if TYPE_CHECKING:
    from study.benchmarking.replaying import Replay, Replayed


def replay(
    study: Study,
    verify: Annotated[
        bool, typer.Option("--verify", help="Work every draw out again, and compare.")
    ] = False,
    storage: Storage = DEFAULT_URL,
) -> int:
    """Print the sequence of draws, or verify that each follows from what its trial had seen."""
    from study.benchmarking.replaying import Replay
    from study.report.replay_text import sequence_text
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    replayed = Replay(stored=stored, records=records)
    if verify:
        return _verify(replayed)
    metric = stored.settings.measures[0].key
    typer.echo(sequence_text(study, replayed.drawn, metric=metric), nl=False)
    return 0


def _verify(replay: Replay) -> int:
    from study.report.replay_text import difference_text, same_text
    from study.storage.stored_study import version_differences

    name = replay.stored.settings.study
    refusals, notes = version_differences(replay.stored.environment)
    for note in (*refusals, *notes):
        typer.echo(f"note: {note}", err=True)
    done: list[Replayed] = []
    for one in replay.replayed():
        if one.differences:
            typer.echo(difference_text(name, one, before=len(done)), nl=False)
            return 1
        done.append(one)
    typer.echo(same_text(name, done), nl=False)
    return 0
