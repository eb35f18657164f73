"""The command line: arguments in, exit code out. Results on stdout, progress on stderr.

Exit codes: 0 done, 1 a clear error, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import typer

from study.cli import comparing, confirming, exporting, inspecting, replaying, running, trusting
from study.cli.exiting import add

app = typer.Typer(
    name="study-nas",
    help="Neural architecture search studies for small image classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (running, confirming, exporting, trusting, comparing, replaying, inspecting):
    for name, command in module.COMMANDS.items():
        add(app, name, command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        app(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0
