"""The form of a search space file, as pydantic models.

Each model describes one mapping of the file. The legal values depend on the candidate field; this
``CandidateField`` is the validation context. In messages, ``{found}`` is replaced by the value as
written.
"""

from __future__ import annotations

import math
from decimal import Decimal
from functools import lru_cache, partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from study.search_space.candidate import CandidateField, Value
from study.search_space.describe import describe_number
from study.search_space.parameter import (
    AnyParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    same_value,
)
from study.search_space.reading.yaml_document import closest, listed

LARGEST = 1e15
"""A larger number is a typing error. Floats no longer hold every larger whole number."""
MOST_VALUES = 10_000
"""A stepped range with more values is a typing error, and would be slow to enumerate."""

WholeNumber = Annotated[int, Field(strict=True)]
RealNumber = Annotated[float, Field(strict=True)]
Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
Entries = Annotated[dict[str, Any], Field(min_length=1)]
Count = Annotated[RealNumber, Field(ge=0, le=LARGEST)]


# The values of a field


@lru_cache(maxsize=256)
def value_adapter(field: CandidateField) -> TypeAdapter[Value]:
    """Return the validator for the values of a field."""
    if field.kind == "bool":
        return TypeAdapter(StrictBool)
    if field.kind == "int":
        return TypeAdapter(Annotated[WholeNumber, AfterValidator(partial(_within, field))])
    if field.kind == "float":
        return TypeAdapter(Annotated[RealNumber, AfterValidator(partial(_within, field))])
    allowed = _one_of if field.kind == "choice" else _any_value
    return TypeAdapter(Annotated[Any, AfterValidator(partial(allowed, field))])


def _within(field: CandidateField, number: float) -> float:
    if not field.low <= number <= field.high:
        ends = f"{describe_number(field.low)} to {describe_number(field.high)}"
        raise ValueError(f"found {{found}}; write {ends} ({field.help})")
    return number + 0  # -0.0 becomes 0.0


def _one_of(field: CandidateField, value: object) -> Value:
    if isinstance(value, bool | int | float | str):
        for choice in field.choices:
            if same_value(value, choice):
                return choice
    message = f"found {{found}}; write one of {listed(field.choices)}"
    words = [choice for choice in field.choices if isinstance(choice, str)]
    close = closest(value, words) if isinstance(value, str) else None
    guess = f"; did you mean {close!r}?" if close else ""
    raise ValueError(f"{message}{guess} ({field.help})")


def _any_value(_: CandidateField, value: object) -> Value:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("expected a number, a text or true or false, found {found}; write one value")


def _field_of(info: ValidationInfo) -> CandidateField:
    assert isinstance(info.context, CandidateField)
    return info.context


def _field_value(value: object, info: ValidationInfo) -> Value:
    return value_adapter(_field_of(info)).validate_python(value)


FieldValue = Annotated[Any, PlainValidator(_field_value)]


# A parameter


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def arguments(self) -> dict[str, Any]:
        """Return the keys that the file has, as arguments of the resulting dataclass."""
        return self.model_dump(exclude={"type", "when"}, exclude_unset=True)


class _Declaration(_Model):
    parameter_type: ClassVar[type[AnyParameter]]

    def parameter(self, name: str) -> AnyParameter:
        """Return the parameter, without its conditions."""
        return self.parameter_type(name=name, **self.arguments())


class Choices(_Declaration):
    """``{type: categorical, choices: [...]}``."""

    parameter_type = CategoricalParameter
    type: Literal["categorical"]
    choices: tuple[FieldValue, ...]
    when: Entries = {}

    @field_validator("choices")
    @classmethod
    def _are_distinct(cls, choices: tuple[Value, ...]) -> tuple[Value, ...]:
        if not choices:
            raise ValueError("found {found}; write at least one entry")
        repeated = [
            choice
            for index, choice in enumerate(choices)
            if any(same_value(choice, other) for other in choices[:index])
        ]
        if repeated:
            raise ValueError(f"{listed(repeated)} occurs twice; remove one")
        return choices


def _fits(kind: str, info: ValidationInfo) -> str:
    field = _field_of(info)
    spans = field.kind == "choice" and all(isinstance(choice, int) for choice in field.choices)
    if field.kind in (kind, "any") or (spans and kind == "int"):
        return kind
    values, remedy = {
        "int": ("whole numbers", "int"),
        "float": ("real numbers", "float"),
        "bool": ("true and false", "categorical, with choices"),
    }.get(field.kind, (listed(field.choices), "categorical, with choices"))
    raise ValueError(f"found {kind}, but its values are {values}; write type: {remedy}")


def _end(value: object, info: ValidationInfo) -> object:
    if "type" not in info.data:
        return value  # a wrong type is a problem of its own
    return value_adapter(_numeric(_field_of(info), info.data["type"])).validate_python(value)


@lru_cache(maxsize=256)
def _numeric(field: CandidateField, kind: Literal["int", "float"]) -> CandidateField:
    """Return a field for the ends of a range; choices like 1, 3, 5 span whole numbers."""
    if field.kind == kind:
        return field
    numbers = [float(choice) for choice in field.choices] or [-LARGEST, LARGEST]
    return CandidateField(
        kind=kind, default=0, help=field.help, low=min(numbers), high=max(numbers)
    )


class _Range(_Declaration):
    """The keys of both kinds of ranges. A validator sees only the keys declared above its own."""

    type: Any
    low: Annotated[Any, PlainValidator(_end)]
    high: Annotated[Any, PlainValidator(_end)]
    log: StrictBool = False
    grid_points: Annotated[WholeNumber, Field(ge=1, le=MOST_VALUES)] = 0
    when: Entries = {}
    step: Any = 0

    @field_validator("high")
    @classmethod
    def _is_ordered(cls, high: float, info: ValidationInfo) -> float:
        return _in_order(info.data["low"], high) if {"type", "low"} <= info.data.keys() else high

    @field_validator("log")
    @classmethod
    def _has_positive_low(cls, log: bool, info: ValidationInfo) -> bool:
        if log and {"type", "low"} <= info.data.keys() and info.data["low"] <= 0:
            found = f"log: true needs low above 0, found {describe_number(info.data['low'])}"
            raise ValueError(f"{found}; write a small positive number, or log: false")
        return log

    @field_validator("step")
    @classmethod
    def _reaches_high(cls, step: float, info: ValidationInfo) -> float:
        if info.data.get("log"):
            raise ValueError(
                "found together with log: true; remove one, they contradict each other"
            )
        if {"type", "low", "high"} <= info.data.keys():
            _check_step(*(Decimal(repr(n)) for n in (info.data["low"], info.data["high"], step)))
        return step


def _in_order(low: float, high: float) -> float:
    if low > high:
        low_text, high_text = describe_number(low), describe_number(high)
        raise ValueError(f"low {low_text} is above high {high_text}; swap them")
    return high


def _check_step(low: Decimal, high: Decimal, step: Decimal) -> None:
    """Check that the steps meet ``high``; otherwise ``high`` would silently be no value."""
    if (high - low) / step >= MOST_VALUES:
        raise ValueError(f"gives more than {MOST_VALUES:,} values; write a larger step")
    if (high - low) % step == 0:
        return
    last = high - (high - low) % step
    values = [float(low + i * step) for i in range(int((last - low) / step) + 1)]
    texts = [describe_number(value) for value in values]
    shown = ", ".join(texts if len(texts) <= 6 else [*texts[:3], "…", texts[-1]])
    following = describe_number(float(last + step))
    raise ValueError(
        f"from {texts[0]} it does not reach high {describe_number(float(high))}: the values are"
        f" {shown}; write high: {texts[-1]} or high: {following}"
    )


class IntRange(_Range):
    """``{type: int, low: 1, high: 9}``."""

    parameter_type = IntParameter
    type: Annotated[Literal["int"], AfterValidator(_fits)]
    step: Annotated[WholeNumber, Field(gt=0, le=LARGEST)] = 1

    @model_validator(mode="after")
    def _holds_choices_only(self, info: ValidationInfo) -> IntRange:
        field = _field_of(info)
        if field.kind == "choice":
            numbers = range(self.low, self.high + 1, self.step)
            illegal = [number for number in numbers if number not in field.choices]
            if illegal:
                message = f"the range holds {listed(illegal)}, allowed are {listed(field.choices)}"
                raise ValueError(f"{message}; write type: categorical, with choices")
        return self


class FloatRange(_Range):
    """``{type: float, low: 0, high: 0.5}``."""

    parameter_type = FloatParameter
    type: Annotated[Literal["float"], AfterValidator(_fits)]
    step: Annotated[RealNumber, Field(gt=0, le=LARGEST)] = 0.0


KINDS: dict[str, type[_Declaration]] = {
    "int": IntRange,
    "float": FloatRange,
    "categorical": Choices,
}
KEYS = tuple(dict.fromkeys(key for model in KINDS.values() for key in model.model_fields))
DECLARATION: TypeAdapter[IntRange | FloatRange | Choices] = TypeAdapter(
    Annotated[IntRange | FloatRange | Choices, Field(discriminator="type")]
)


# The file


class SpaceFile(_Model):
    """The keys of a search space file."""

    name: Text = ""
    description: Text = ""
    parameters: Entries
    constraints: dict[str, Any] = {}
    enqueue: tuple[Any, ...] = ()


class StagesModel(_Model):
    """``{count: ..., each: {...}}``."""

    count: Any
    each: Entries


class BoundModel(_Model):
    """``{low: 1_000, high: 300_000}``, or one of them."""

    low: Count = 0.0
    high: Count = math.inf

    @field_validator("high")
    @classmethod
    def _is_ordered(cls, high: float, info: ValidationInfo) -> float:
        return _in_order(info.data.get("low", 0.0), high)

    @model_validator(mode="after")
    def _has_an_end(self) -> BoundModel:
        if not self.model_fields_set:
            raise ValueError("found an empty mapping; write {low: …, high: …}, or one of them")
        return self


COUNT: TypeAdapter[float] = TypeAdapter(Count)
