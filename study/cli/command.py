"""How a command starts and ends: its flags, its exit code, and what it prints on stderr."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer

from study.common.errors import StorageError, StudyError
from study.common.redaction import redacted_url
from study.common.stop import INTERRUPTED, KEPT, Stop, end_on_signals, leave
from study.storage.storage_errors import explain, is_database_error
from study.storage.url import DEFAULT_URL

_T = TypeVar("_T")


def add_command(app: typer.Typer, name: str, command: Callable[..., int]) -> None:
    """Add a command that returns its exit code; its ``StudyError``s are shown as messages.

    A parameter whose type is a dataclass is a group of options: each of its fields is a flag. A
    parameter of type ``Stop`` is no flag. It gets a stop flag that Ctrl-C and SIGTERM set, from
    the first line of the command on.
    """
    parameters = list(_parameters(command))
    flags = [flag for flag in parameters if flag.annotation is not Stop]
    interruptible = len(flags) < len(parameters)

    @functools.wraps(command)
    def ending(**options: Any) -> None:
        run = _with_stop if interruptible else _filled
        raise typer.Exit(_code(lambda: run(command, options), str(options.get("storage", ""))))

    ending.__signature__ = inspect.Signature(flags)  # type: ignore[attr-defined]
    app.command(name)(ending)


def _parameters(command: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        if _is_group(parameter.annotation):
            yield from _parameters(parameter.annotation)
        else:
            yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)


def _is_group(annotation: Any) -> bool:
    return is_dataclass(annotation)


def _filled(
    command: Callable[..., _T], options: Mapping[str, Any], stop: Stop | None = None
) -> _T:
    """Call a command or make a group of options, with its parameters taken from the options."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        if parameter.annotation is Stop:
            arguments[name] = stop
        elif _is_group(parameter.annotation):
            arguments[name] = _filled(parameter.annotation, options, stop)
        else:
            arguments[name] = options[name]
    return command(**arguments)


def _with_stop(command: Callable[..., int], options: Mapping[str, Any]) -> int:
    stop = Stop()
    with end_on_signals(stop):
        try:
            code = _filled(command, options, stop)
        except KeyboardInterrupt:  # raised by a download that is stopped
            typer.echo(KEPT, err=True)
            code = INTERRUPTED
        if stop():
            leave(code)
    return code


def _code(run: Callable[[], int], storage: str) -> int:
    try:
        return run()
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
        typer.echo(f"error: {explain(error, storage)}", err=True)
        return StorageError.exit_code


def storage_flag(url: str) -> str:
    """Return the flag that names this storage in a command; empty for the default one."""
    return "" if url == DEFAULT_URL else f" --storage '{redacted_url(url)}'"


def print_notes(notes: Iterable[str]) -> None:
    """Print notes on stderr, one a line."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def print_written(paths: Iterable[Path]) -> None:
    """Print on stderr which files were written."""
    for path in paths:
        typer.echo(f"wrote {path}", err=True)
