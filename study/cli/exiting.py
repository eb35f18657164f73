"""How a command ends: its exit code, or one clear message in place of a traceback."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import typer

from study.common.errors import StorageError, StudyError
from study.common.stop import INTERRUPTED, KEPT
from study.storage.storage_errors import explain, is_database_error


def add(app: typer.Typer, name: str, command: Callable[..., int]) -> None:
    """Add a command that returns its exit code, and whose ``StudyError``s are messages."""

    @functools.wraps(command)
    def ending(*arguments: object, **options: object) -> None:
        raise typer.Exit(_code(command, *arguments, **options))

    app.command(name)(ending)


def _code(command: Callable[..., int], *arguments: object, **options: object) -> int:
    try:
        return command(*arguments, **options)
    except StudyError as error:
        typer.echo(f"error: {error}", err=True)
        return error.exit_code
    except KeyboardInterrupt:
        typer.echo(KEPT, err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has left; nothing to complain about
        return 0
    except Exception as error:
        if not is_database_error(error):
            raise
        typer.echo(f"error: {explain(error, str(options.get('storage', '')))}", err=True)
        return StorageError.exit_code
