"""``replay``: the sequence of draws of a study, and its verification."""

from __future__ import annotations

from typing import Annotated

import typer

from study.cli.context import print_notes
from study.cli.options import Storage, Study
from study.storage.url import DEFAULT_URL


def replay(
    study: Study,
    verify: Annotated[
        bool, typer.Option("--verify", help="Repeat every draw, and compare.")
    ] = False,
    storage: Storage = DEFAULT_URL,
) -> int:
    """Print the sequence of draws, or verify that each follows from what was known at its time."""
    from study.benchmarking.replay import drawn_trials, replay_study
    from study.report.benchmarking import draws_table, replay_section
    from study.report.terminal import print_report
    from study.storage.stored_study import load_trials, version_differences

    stored, records = load_trials(study, storage)
    if not verify:
        metric = stored.settings.measures[0].key
        print_report(draws_table(study, drawn_trials(records), metric=metric))
        return 0
    refusals, notes = version_differences(stored.environment)
    print_notes((*refusals, *notes))
    result = replay_study(stored, records)
    print_report(replay_section(result))
    return 0 if result.different is None else 1
