"""What an entry of ``SAMPLERS`` is, and how ``NAME[:VARIANT][,option=value…]`` is read."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from study.errors import SettingsError
from study.search_space.candidate import ImageFormat, Values
from study.search_space.resolve import candidate_id
from study.search_space.space import SearchSpace
from study.search_strategy.history import Strategy

NO_PRUNER = "none"

OptionValue = int | float | bool
Identity = Callable[[Values], str]
"""Names the candidate of a point; equal names are twins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A number or switch that a sampler may be given.

    Args:
        kind: Type of the value.
        default: Value where nothing is given.
        meaning: One line for the help text, with the source of the default.
        low: Smallest allowed number.
        high: Largest allowed number.
    """

    kind: Literal["int", "float", "bool"]
    default: OptionValue
    meaning: str
    low: float = 0.0
    high: float = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerChoice:
    """A sampler's text, read and checked.

    Args:
        name: Key of ``SAMPLERS``.
        variant: One of the spec's variants; empty where it has none.
        options: A value for every option of the spec.
    """

    name: str
    variant: str
    options: Mapping[str, OptionValue]

    def number(self, option: str) -> int:
        """Return the value of a whole-number option."""
        return int(self.options[option])

    def real(self, option: str) -> float:
        """Return the value of a real-number option."""
        return float(self.options[option])

    def switch(self, option: str) -> bool:
        """Return the value of a switch."""
        return bool(self.options[option])


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The study that a strategy is built for.

    Args:
        space: The search space.
        budget: Trials the study shall have; schedules are scaled to it. None where there is no
            limit.
        pruner: Name of the pruner; ``none`` where nothing is stopped early.
        objectives: Number of objectives.
        image: Format of the images, to check constraints and to tell twins; None where the
            points of the space are not networks.
        identity: Names the candidate of a point, in place of ``candidate_id``.
        seed: The study's seed.
    """

    space: SearchSpace
    budget: int | None = None
    pruner: str = NO_PRUNER
    objectives: int = 1
    image: ImageFormat | None = None
    identity: Identity | None = None
    seed: int = 0

    def allows(self, values: Values) -> bool:
        """Tell whether the constraints admit this point."""
        return self.image is None or self.space.allows(values, self.image)

    def naming(self) -> Identity | None:
        """Return what names the candidate of a point; None where nothing is known of twins."""
        space, image = self.space, self.image
        if self.identity is not None or image is None:
            return self.identity
        return lambda values: candidate_id(space.candidate(values), image)


Build = Callable[[Setup, SamplerChoice], Strategy]
Remark = Callable[[Setup], str | None]


def _no_remark(_: Setup) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec:
    """One entry of ``SAMPLERS``.

    Args:
        summary: One line: what it does and when to take it.
        build: Makes the strategy; imports what is heavy itself.
        options: What may be set, by name.
        variants: Texts allowed after the colon, the default first.
        countable: Whether it needs a space of countably many points.
        multi_objective: Whether it can have more than one objective.
        refuse: Returns why this study cannot have this sampler, or None.
        warn: Returns what the user should know before the study starts, or None.
    """

    summary: str
    build: Build
    options: Mapping[str, Option] = field(default_factory=dict)
    variants: tuple[str, ...] = ()
    countable: bool = False
    multi_objective: bool = False
    refuse: Remark = _no_remark
    warn: Remark = _no_remark


def read_choice(text: str, specs: Mapping[str, SamplerSpec]) -> SamplerChoice:
    """Read ``NAME[:VARIANT][,option=value…]``.

    Raises:
        SettingsError: Unknown name, variant or option, or a value out of range.
    """
    head, *assignments = (part.strip() for part in text.split(","))
    name, colon, variant = head.partition(":")
    if name not in specs:
        raise SettingsError(_unknown("sampler", name, specs))
    spec = specs[name]
    if colon and variant not in spec.variants:
        raise SettingsError(_unknown(f"variant of {name}", variant, spec.variants))
    options = {key: option.default for key, option in spec.options.items()}
    for assignment in assignments:
        key, _, value = (part.strip() for part in assignment.partition("="))
        if key not in spec.options:
            raise SettingsError(_unknown(f"option of {name}", key, spec.options))
        options[key] = _read_option(f"{name},{key}", value, spec.options[key])
    default = spec.variants[0] if spec.variants else ""
    return SamplerChoice(name=name, variant=variant or default, options=options)


def _read_option(where: str, text: str, option: Option) -> OptionValue:
    if option.kind == "bool":
        if text.lower() not in ("true", "false"):
            message = f"{where}: found {text!r}; write true or false"
            raise SettingsError(message)
        return text.lower() == "true"
    try:
        number: int | float = int(text) if option.kind == "int" else float(text)
    except ValueError:
        kind = "a whole number" if option.kind == "int" else "a number"
        message = f"{where}: found {text!r}; write {kind}, as {option.default}"
        raise SettingsError(message) from None
    if not option.low <= number <= option.high:
        message = f"{where}: found {text}; write a number from {option.low:g} to {option.high:g}"
        raise SettingsError(message)
    return number


def _unknown(what: str, found: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(found, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
    return f"unknown {what} {found!r}; {hint}"
