"""``name,key=value,…`` on the command line → a name and its options, checked once and typed.

Samplers, pruners and estimators are all chosen this way: ``asha,reduction_factor=3``. Each
registry declares the options of its names as ``Option``s, from which help texts come too.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from study.common.errors import SettingsError

OptionValue = int | float | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What may be given to a named choice.

    Args:
        default: Value where none is given; its type is the option's type.
        meaning: One line for the help text.
        low: Smallest number allowed, included.
        high: Largest number allowed, included.
        choices: Texts allowed; empty where any is.
    """

    default: OptionValue
    meaning: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()


Options = Mapping[str, Option]


def parse_choice(
    text: str, registry: Mapping[str, Options], *, what: str
) -> tuple[str, dict[str, OptionValue]]:
    """Return the chosen name and the value of every option it has.

    Args:
        text: As ``asha,reduction_factor=3``.
        registry: The names there are, with their options.
        what: What is chosen, for messages; ``pruner``, say.

    Raises:
        SettingsError: An unknown name or option, or a value outside its bounds.
    """
    name, *pairs = (part.strip() for part in text.split(","))
    if name not in registry:
        raise SettingsError(f"unknown {what} {name!r}; {_choose(name, registry)}")
    options = registry[name]
    values = {key: option.default for key, option in options.items()}
    given: set[str] = set()
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        where = f"{what} {name}: {key}"
        if not equals:
            raise SettingsError(f"{where}: a value is missing; write {key or 'key'}=value")
        if key not in options:
            raise SettingsError(f"{where}: unknown option; {_choose(key, options)}")
        if key in given:
            raise SettingsError(f"{where}: given twice")
        given.add(key)
        values[key] = _value(value, options[key], where)
    return name, values


def _value(text: str, option: Option, where: str) -> OptionValue:
    if isinstance(option.default, str):
        if option.choices and text not in option.choices:
            raise SettingsError(f"{where}: {text!r}; {_choose(text, option.choices)}")
        return text
    kind = type(option.default)
    try:
        number = kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{where}: expected {expected}, got {text!r}") from None
    if not option.low <= number <= option.high or math.isinf(number):  # NaN fails it too
        raise SettingsError(f"{where}: {text} is outside {option.low:g} to {option.high:g}")
    return number


def _choose(word: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"choose from: {', '.join(known)}" if known else "it has none"
