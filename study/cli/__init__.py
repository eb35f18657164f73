"""The command line: arguments in, exit code out. Results on stdout, progress on stderr.

Exit codes: 0 done, 1 a clear error, 2 wrong usage, 130 interrupted.

Each command imports what it needs when it runs, so that ``--help``, ``check``, ``list`` and
``report`` start without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from study.cli.bundle import export, predict, reproduce
from study.cli.check import check, data
from study.cli.command import add_command
from study.cli.compare import compare
from study.cli.confirm_and_test import confirm, final_test
from study.cli.rank_estimators import rank_estimators
from study.cli.run import resume, run, worker
from study.cli.stored_studies import best, dashboard, delete, list_studies, replay, report

app = typer.Typer(
    name="study-nas",
    help="Neural architecture search studies for small image classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: Mapping[str, Callable[..., int]] = {
    "run": run,
    "resume": resume,
    "worker": worker,
    "confirm": confirm,
    "test": final_test,
    "export": export,
    "reproduce": reproduce,
    "predict": predict,
    "rank-estimators": rank_estimators,
    "compare": compare,
    "replay": replay,
    "check": check,
    "data": data,
    "list": list_studies,
    "report": report,
    "best": best,
    "dashboard": dashboard,
    "delete": delete,
}
for name, command in _COMMANDS.items():
    add_command(app, name, command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        app(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
