"""The small drawings on a trial's page: its learning curve and its confusion matrix."""

from __future__ import annotations

import math
import time
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.report.confusion_drawing import confusion_svg
from study.report.curve_drawing import curve_svg
from tests.report.builders import CLASSES, final_test

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_curve_names_trial_measure_and_last_value() -> None:
    svg = curve_svg({1: 0.71, 2: 0.78, 3: 0.8193}, "val_accuracy", trial=7)
    assert "Trial 7: validation accuracy" in texts(svg)
    assert "0.8193" in texts(svg)
    assert [t for t in texts(svg) if t in "123"] == ["1", "2", "3"]
    description = ElementTree.fromstring(svg).find(f"{SVG}desc")
    assert description is not None
    assert description.text == "Accuracy after each epoch: 1: 0.7100, 2: 0.7800, 3: 0.8193"


def test_nothing_is_drawn_where_there_is_nothing() -> None:
    assert curve_svg({}, "val_loss", trial=0) == ""
    assert curve_svg({1: math.nan, 2: math.inf}, "val_loss", trial=0) == ""
    assert confusion_svg([], (), title="t") == ""
    assert confusion_svg([[0, 0], [0, 0]], (), title="t") == ""


@given(
    values=st.dictionaries(
        st.integers(1, 500),
        st.floats(allow_nan=True, allow_infinity=True)
        | st.sampled_from([0.0, 5e-324, 1e16, 1e16 + 2, 0.1, 0.1 + 1e-17, -1e99]),
        max_size=60,
    )
)
def test_any_curve_is_drawn_inside_its_frame(values: dict[int, float]) -> None:
    svg = curve_svg(values, "val_loss", trial=1)
    if not svg:
        assert not any(abs(value) < 1e100 for value in values.values())
        return
    root = ElementTree.fromstring(svg)
    line = root.find(f"{SVG}polyline")
    assert line is not None
    for point in line.attrib["points"].split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= float(root.attrib["width"])
        assert 0 <= y <= float(root.attrib["height"])


def test_many_epochs_are_labelled_sparsely() -> None:
    svg = curve_svg({epoch: epoch / 300 for epoch in range(1, 301)}, "val_accuracy", trial=1)
    labels = [text for text in texts(svg) if text.isdigit()]
    assert labels == ["50", "100", "150", "200", "250", "300"]


def test_a_confusion_matrix_shows_every_count_and_name() -> None:
    svg = confusion_svg(final_test().confusion, CLASSES, title="Trial 7: validation images")
    shown = texts(svg)
    assert "choroidal neovascularization · 0" in shown
    assert {"228", "244", "172", "121"} <= set(shown)
    assert "765 of 1000 images (76.5 %) on the diagonal" in svg


@given(
    counts=st.integers(1, 12).flatmap(
        lambda n: st.lists(
            st.lists(st.integers(0, 10**6), min_size=n, max_size=n), min_size=n, max_size=n
        )
    ),
    names=st.lists(st.text(max_size=60), max_size=12),
)
def test_any_matrix_and_names_give_well_formed_drawings(
    counts: list[list[int]], names: list[str]
) -> None:
    svg = confusion_svg(counts, names, title="t")
    if svg:
        assert ElementTree.fromstring(svg).tag == f"{SVG}svg"


@pytest.mark.parametrize("epochs", [3, 100])
def test_a_drawing_costs_next_to_nothing(epochs: int) -> None:
    values = {epoch: 1 / epoch for epoch in range(1, epochs + 1)}
    curve_svg(values, "val_loss", trial=0)
    began = time.process_time()
    for _ in range(10):
        curve_svg(values, "val_loss", trial=0)
    assert time.process_time() - began < 0.1
