"""Hypothesis strategies: candidates, valid search spaces as YAML, random trees, damaged files."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from study.search_space.candidate import (
    FIELDS,
    LENGTHS,
    MAX_STAGES,
    STAGE_FIELDS,
    Architecture,
    CandidateField,
    ImageFormat,
    Recipe,
    Stage,
)
from study.search_space.reading.build import REPLACED
from study.search_space.reading.loading import SHIPPED
from study.search_space.reading.models import KINDS

images = st.builds(
    ImageFormat,
    channels=st.sampled_from([1, 3]),
    size=st.integers(3, 28),
    classes=st.integers(2, 6),
)
stages = st.builds(
    Stage,
    operation=st.sampled_from(["conv", "separable", "residual", "identity"]),
    kernel=st.sampled_from([1, 3, 5, 7]),
    channels=st.integers(1, 8),
    pool=st.sampled_from(["max", "average", "none"]),
)
architectures = st.builds(
    Architecture,
    conv_layers=st.integers(1, 5),
    channels=st.integers(1, 8),
    kernel=st.sampled_from([1, 3, 5, 7]),
    padding=st.sampled_from(["valid", "same"]),
    norm=st.sampled_from(["none", "batch"]),
    activation=st.sampled_from(["relu", "silu", "gelu"]),
    pool=st.sampled_from(["max", "average", "none"]),
    head=st.sampled_from(["flatten", "global_average"]),
    hidden_units=st.integers(1, 16),
    dropout=st.sampled_from([0.0, 0.5]),
    stages=st.lists(stages, max_size=5).map(tuple),
)
recipes = st.builds(
    Recipe,
    optimizer=st.sampled_from(["adam", "adamw", "sgd"]),
    learning_rate=st.sampled_from([1e-4, 1e-2]),
    weight_decay=st.sampled_from([0.0, 1e-3]),
    schedule=st.sampled_from(["constant", "cosine", "onecycle"]),
    batch_size=st.integers(3, 20),
    label_smoothing=st.sampled_from([0.0, 0.1]),
    flip=st.booleans(),
    shift=st.integers(0, 2),
    rotate=st.sampled_from([0, 20]),
    scale=st.sampled_from([0.0, 0.2]),
    brightness=st.sampled_from([0.0, 0.2]),
    erase=st.sampled_from([0.0, 0.5]),
    mixup=st.sampled_from([0.0, 0.2]),
    ema=st.sampled_from([0.0, 0.9]),
    balance=st.sampled_from(["none", "logit_adjust", "resample"]),
    epochs=st.just(1),
)

WORDS = sorted(
    {
        *FIELDS,
        *STAGE_FIELDS,
        *("name", "description", "parameters", "constraints", "enqueue", "stages", "count"),
        *("each", "type", "low", "high", "step", "log", "grid_points", "choices", "when"),
        *("int", "float", "categorical", "macs", "stages.count", "stage1.kernel", "adam", "conv"),
    }
)
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.none(),
    st.booleans(),
    st.integers(-5, 1100),
    st.integers(),
    st.floats(),
    st.sampled_from(["1e-4", "no", "010", "1:30", "0x1F", "~", "<<", "=", ".inf", "2020-01-01"]),
    st.text(max_size=8),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    ),
    max_leaves=40,
)
DECLARATIONS = st.one_of(
    TREES,
    st.fixed_dictionaries(
        {"type": st.sampled_from(sorted(KINDS))},
        optional={
            **dict.fromkeys(("low", "high", "step", "log", "grid_points"), SCALARS),
            "choices": st.one_of(st.lists(SCALARS, max_size=4), SCALARS),
            "when": st.dictionaries(
                st.sampled_from(WORDS), st.one_of(SCALARS, st.lists(SCALARS)), max_size=3
            ),
        },
    ),
)
ROWS = st.lists(st.dictionaries(st.sampled_from(WORDS), SCALARS, max_size=4), max_size=3)
NEARLY_SPACES = st.fixed_dictionaries(
    {"parameters": st.dictionaries(st.sampled_from(WORDS), DECLARATIONS, max_size=6)},
    optional={
        "name": SCALARS,
        "constraints": st.dictionaries(st.sampled_from(["parameters", "macs", "low"]), TREES),
        "enqueue": st.one_of(ROWS, TREES),
    },
)


@st.composite
def damaged_texts(draw: st.DrawFn) -> str:
    """A shipped space with a few pieces cut out, doubled, swapped or replaced."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.yaml"))]
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 30)))
        piece = draw(
            st.one_of(
                st.just(""),
                st.just(text[start:end] * 2),
                st.text("{}[]:,-#&*!|>'\"%@`\t\n 0123456789eE.+_", max_size=5),
                st.sampled_from(WORDS),
                st.text(max_size=5),
            )
        )
        text = text[:start] + piece + text[end:]
    return text


def _steps(draw: st.DrawFn, low: int, high: int) -> tuple[int, int, int]:
    step = draw(st.integers(1, max(1, (high - low) // 2)))
    start = draw(st.integers(low, high))
    count = draw(st.integers(0, min((high - start) // step, 6)))
    return start, start + count * step, step


@st.composite
def _declarations(draw: st.DrawFn, field: CandidateField) -> Any:
    """A parameter, or a fixed value, that the field may have."""
    if field.kind == "bool":
        return draw(st.sampled_from([True, {"type": "categorical", "choices": [False, True]}]))
    if field.kind == "choice":
        kept = draw(st.lists(st.sampled_from(field.choices), min_size=1, unique=True))
        return draw(st.sampled_from([kept[0], {"type": "categorical", "choices": kept}]))
    if field.kind == "int":
        low, high, step = _steps(draw, int(field.low), min(int(field.high), 600))
        ranged = {"type": "int", "low": low, "high": high}
        if low > 0 and draw(st.booleans()):
            return ranged | {"log": True}
        return draw(st.sampled_from([low, ranged | {"step": step}, ranged]))
    return draw(_reals(field))


@st.composite
def _reals(draw: st.DrawFn, field: CandidateField) -> Any:
    scale = (field.high - field.low) / 1000
    low, high, step = (round(field.low + scale * n, 6) for n in _steps(draw, 1, 900))
    ranged = {"type": "float", "low": low, "high": high}
    kinds: list[Any] = [
        low,
        ranged,
        {"type": "categorical", "choices": sorted({low, high})},
        {"type": "float", "low": low, "high": low, "step": round(step - field.low, 6)},
    ]
    if low > 0:
        kinds += [ranged | {"log": True}, ranged | {"log": True, "grid_points": 3}]
    return draw(st.sampled_from(kinds))


@st.composite
def valid_documents(draw: st.DrawFn, *, countable: bool = False) -> dict[str, Any]:
    """A sound search space with conditions and, in half of the cases, stages."""
    staged = draw(st.booleans())
    lengths = {*LENGTHS} - {draw(st.sampled_from(LENGTHS))}  # a space names one at most
    names = [n for n in FIELDS if not (staged and n in REPLACED) and n not in lengths]
    if countable:
        names = [name for name in names if FIELDS[name].kind != "float"]
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    parameters: dict[str, Any] = {}
    for name in chosen:
        parameters[name] = _conditioned(draw, draw(_declarations(FIELDS[name])), parameters)
    if staged:
        parameters["stages"] = draw(_stages())
    if not any(
        isinstance(declared, dict) and "type" in declared for declared in parameters.values()
    ):
        parameters["norm"] = {"type": "categorical", "choices": ["none", "batch"]}
    return {"name": "drawn", "parameters": parameters}


@st.composite
def _stages(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.integers(1, MAX_STAGES - 2))
    count: Any = {"type": "int", "low": low, "high": draw(st.integers(low, low + 2))}
    chosen = draw(st.lists(st.sampled_from(list(STAGE_FIELDS)), min_size=1, unique=True))
    each: dict[str, Any] = {}
    for name in chosen:
        each[name] = _conditioned(draw, draw(_declarations(STAGE_FIELDS[name])), each)
    return {"count": draw(st.sampled_from([low, count])), "each": each}


def _conditioned(draw: st.DrawFn, declared: Any, earlier: dict[str, Any]) -> Any:
    """The declaration, perhaps with a condition on an earlier parameter with choices."""
    known = [n for n, d in earlier.items() if isinstance(d, dict) and d.get("choices")]
    if not isinstance(declared, dict) or not known or draw(st.booleans()):
        return declared
    name = draw(st.sampled_from(known))
    values = draw(st.lists(st.sampled_from(earlier[name]["choices"]), min_size=1, unique=True))
    return declared | {"when": {name: draw(st.sampled_from([values, values[0]]))}}


def as_yaml(document: Any) -> str:
    """The document as YAML, in its own order."""
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
