"""How a command ends: its exit code, or one clear message in place of a traceback."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable

import typer

from study.common.errors import StorageError, StudyError
from study.common.stop import INTERRUPTED, KEPT, Stop, end_on_signals, leave
from study.storage.storage_errors import explain, is_database_error


def add_command(app: typer.Typer, name: str, command: Callable[..., int]) -> None:
    """Add a command that returns its exit code; its ``StudyError``s are shown as messages.

    A command with a parameter ``stop`` gets a stop flag that Ctrl-C and SIGTERM set, from its
    first line on. The parameter is no flag of the command line.
    """
    signature = inspect.signature(command, eval_str=True)
    flags = [flag for flag in signature.parameters.values() if flag.name != "stop"]
    interruptible = len(flags) < len(signature.parameters)

    @functools.wraps(command)
    def ending(**options: object) -> None:
        run = functools.partial(_with_stop, command) if interruptible else command
        raise typer.Exit(_code(run, **options))

    ending.__signature__ = signature.replace(parameters=flags)  # type: ignore[attr-defined]
    app.command(name)(ending)


def _with_stop(command: Callable[..., int], **options: object) -> int:
    stop = Stop()
    with end_on_signals(stop):
        try:
            code = command(stop=stop, **options)
        except KeyboardInterrupt:  # raised by a download that is stopped
            typer.echo(KEPT, err=True)
            code = INTERRUPTED
        if stop():
            leave(code)
    return code


def _code(command: Callable[..., int], **options: object) -> int:
    try:
        return command(**options)
    except StudyError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo(KEPT, err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output, such as `head`, has ended
        return 0
    except Exception as error:
        if not is_database_error(error):
            raise
        typer.echo(f"error: {explain(error, str(options.get('storage', '')))}", err=True)
        return StorageError.exit_code
