from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.report.network_drawing import architecture_svg
from study.search_space.candidate import OCTMNIST, Architecture, Stage
from study.search_space.describe import describe_layers
from study.search_space.resolve import complexity, resolve, stack_from_stored
from tests.report.builders import stored

SVG = "{http://www.w3.org/2000/svg}"

STAGES = st.builds(
    Stage,
    operation=st.sampled_from(["conv", "separable", "residual", "identity"]),
    kernel=st.sampled_from([1, 3, 5, 7]),
    channels=st.integers(1, 128),
    pool=st.sampled_from(["max", "average", "none"]),
)
ARCHITECTURES = st.builds(
    Architecture,
    conv_layers=st.integers(1, 6),
    padding=st.sampled_from(["valid", "same"]),
    norm=st.sampled_from(["none", "batch"]),
    activation=st.sampled_from(["relu", "silu", "gelu"]),
    head=st.sampled_from(["flatten", "global_average"]),
    hidden_units=st.integers(1, 512),
    dropout=st.sampled_from([0, 0.5]),
    stages=st.lists(STAGES, max_size=6).map(tuple),
)


@given(architecture=ARCHITECTURES)
def test_the_layers_parameters_add_up_to_the_network_s(architecture: Architecture) -> None:
    stack = resolve(architecture, OCTMNIST)
    drawn = describe_layers(stack)
    assert sum(layer.parameters for layer in drawn) == complexity(stack).parameters
    assert drawn[0].shape == "28×28×1"
    assert drawn[-1].shape == "4"


@given(architecture=ARCHITECTURES)
def test_a_stored_stack_comes_back(architecture: Architecture) -> None:
    assert stack_from_stored(stored(architecture)) == resolve(architecture, OCTMNIST)


@given(architecture=ARCHITECTURES)
def test_any_architecture_is_drawn_as_well_formed_svg(architecture: Architecture) -> None:
    root = ET.fromstring(architecture_svg(stored(architecture)))
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for rect in root.iter(f"{SVG}rect"):
        x, y = float(rect.get("x", 0)), float(rect.get("y", 0))
        assert 0 <= x <= x + float(rect.attrib["width"]) <= width
        assert 0 <= y <= y + float(rect.attrib["height"]) <= height


def test_a_drawing_says_in_words_what_it_shows() -> None:
    root = ET.fromstring(architecture_svg(stored(Architecture(hidden_units=219))))
    title, text = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert text is not None
    assert title.text == "Network of 185,867 parameters"
    assert "Convolution 3×3, 13×13×32, 320 parameters" in str(text.text)
    assert root.attrib["role"] == "img"


def test_a_drawing_carries_light_and_dark_colours() -> None:
    assert "prefers-color-scheme:dark" in architecture_svg(stored(Architecture()))


@pytest.mark.parametrize("nothing", [{}, {"image": 1}, {"image": {}, "blocks": [], "head": {}}])
def test_nothing_stored_gives_no_drawing(nothing: dict[str, object]) -> None:
    assert architecture_svg(nothing) == ""
