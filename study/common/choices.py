"""``name,key=value,…`` → one validated object of the class that the name stands for.

Samplers, pruners and estimators are chosen this way: ``asha,reduction_factor=3``. Each is a frozen
pydantic dataclass with the class variable ``name``. Its fields are its options, declared once with
default, bounds and help::

    @dataclass(frozen=True, kw_only=True)
    class Evolution(Sampler):
        \"\"\"Mutates the best of a few members; the oldest dies.\"\"\"

        name: ClassVar[str] = "evolution"
        population: Annotated[int, Field(ge=1, description="members alive")] = 20

Modules of these classes import neither torch nor optuna nor scipy, so that the command line starts
fast. A class that needs one of them names its implementation by a dotted path, for
``pkgutil.resolve_name``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import ValidationError

from study.common.errors import SettingsError


class Choice(Protocol):
    """A class that a name stands for."""

    name: ClassVar[str]


C = TypeVar("C", bound=Choice)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option as the help texts and the docs show it."""

    default: Any
    help: str


def registry_of(*classes: type[C]) -> Mapping[str, type[C]]:
    """Return a read-only mapping from name to class, in this order."""
    return MappingProxyType({cls.name: cls for cls in classes})


def options_of(cls: type) -> dict[str, Option]:
    """Return the options of a class by name."""
    fields = getattr(cls, "__pydantic_fields__", {})
    return {
        name: Option(default=field.default, help=field.description or "")
        for name, field in fields.items()
    }


def split_choice(text: str, *, what: str) -> tuple[str, dict[str, str]]:
    """Return the name and the options in ``asha,reduction_factor=3``, as text.

    Args:
        what: What is chosen, for messages; for example ``pruner``.
    """
    name, *pairs = (part.strip() for part in text.split(","))
    given: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        where = f"{what} {name}: {key}"
        if not equals:
            raise SettingsError(f"{where}: a value is missing; write {key or 'key'}=value")
        if key in given:
            raise SettingsError(f"{where}: given twice")
        given[key] = value
    return name, given


def parse_choice(text: str, registry: Mapping[str, type[C]], *, what: str) -> C:
    """Return an object of the chosen class with its options, from ``asha,reduction_factor=3``.

    Args:
        what: What is chosen, for messages; for example ``pruner``.

    Raises:
        SettingsError: Name, option or value is not allowed.
    """
    name, given = split_choice(text, what=what)
    if name not in registry:
        raise SettingsError(f"unknown {what} {name!r}; {suggest(name, registry)}")
    known = options_of(registry[name])
    for key in given:
        if key not in known:
            hint = suggest(key, known) if known else "it has none"
            raise SettingsError(f"{what} {name}: {key}: unknown option; {hint}")
    try:
        return registry[name](**given)
    except ValidationError as error:
        lines = [
            f"{what} {name}: {'.'.join(map(str, problem['loc']))}: {problem['msg']},"
            f" got {problem['input']!r}"
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None


def split_choices(text: str, *, flag: str, example: str) -> tuple[str, ...]:
    """Return the choices in ``tpe,n_startup_trials=5,evolution``. Options follow their name.

    Args:
        flag: Flag of the command line, for messages.
        example: A correct list, for messages.
    """
    found: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if not part or ("=" in part and not found):
            raise SettingsError(f"{flag} {text}: a name is missing; write {example}")
        if "=" in part:
            found[-1] += f",{part}"
        else:
            found.append(part)
    if twice := next((name for name in found if found.count(name) > 1), None):
        raise SettingsError(f"{flag} {text}: {twice} is given twice; leave one out")
    return tuple(found)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown word: the closest known word, or all of them."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"choose from: {', '.join(names)}"
