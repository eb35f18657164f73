"""The command line: arguments in, exit code out. Results on stdout, progress on stderr.

Exit codes: 0 done, 1 a clear error, 2 wrong usage, 130 interrupted.

Each command imports what it needs when it runs, so that ``--help``, ``check``, ``list`` and
``report`` start without torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import typer

from study.cli.check import check
from study.cli.command import add_command
from study.cli.compare import compare
from study.cli.confirm import confirm
from study.cli.dashboard import dashboard
from study.cli.data import data
from study.cli.delete import delete
from study.cli.export import export
from study.cli.predict import predict
from study.cli.rank_estimators import rank_estimators
from study.cli.replay import replay
from study.cli.report import best, list_studies, report
from study.cli.reproduce import reproduce
from study.cli.resume import resume, worker
from study.cli.run import run
from study.cli.test import final_test

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
