from __future__ import annotations

import pytest

from study.bundle.bundle import DataFacts, MeasuredValue, OnnxCheck
from study.bundle.model_card import model_card
from study.search_space.candidate import ImageFormat
from study.statistics.results import Interval
from tests.bundle.bundles import STAGED, described


def test_the_card_says_what_how_good_on_what_data_and_what_it_is_not_for() -> None:
    card = model_card(described())
    for part in (
        "# octmnist-small",
        "sorts grey images of 28×28 pixels into 4 classes: CNV, DME, drusen, normal",
        "**Not for clinical use.**",
        "| validation accuracy | 0.8120 | 0.8000 to 0.8200 | 0.8100 | 0.8050 to 0.8150 |",
        "licence of the images: CC BY 4.0",
        "- seed 101, 3 epochs, float32",
        "- torch: 2.14.1",
        "2,874 parameters",
    ):
        assert part in card


def test_figures_by_which_the_candidate_was_chosen_are_called_too_good() -> None:
    assert "too good by an unknown amount" in model_card(described())
    tested = model_card(described(test_accesses=2))
    assert "The test part was opened 2 times" in tested
    assert "too good" not in tested
    assert "neither confirmed nor tested" in model_card(described(figures={}))


def test_the_onnx_check_is_stated_with_its_images() -> None:
    check = OnnxCheck(images=758, largest_difference=3.1e-7, same_class=758, runtime="1.32.0")
    card = model_card(described(onnx=check))
    assert "on 758 real images its probabilities differ from PyTorch's by 3.1e-07 at most" in card
    assert "no ONNX file" in model_card(described())


def test_text_from_outside_cannot_break_the_card() -> None:
    nasty = "x | y\n# Fake <script>alert(1)</script> `"
    card = model_card(described(data=DataFacts(name=nasty, licence=nasty, notes=(nasty,))))
    assert "\n# Fake" not in card
    assert "<script>" not in card


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_another_level_than_95_is_stated(level: float) -> None:
    figure = MeasuredValue(value=0.8, over_images=Interval(low=0.7, high=0.9, level=level))
    assert ("(90 %)" in model_card(described(figures={"test_auc": figure}))) == (level == 0.9)


def test_rgb_images_and_staged_networks_have_a_card_too() -> None:
    card = model_card(described(STAGED, ImageFormat(channels=3, size=20, classes=3)))
    assert "RGB images of 20×20" in card
    assert "Residual 3×3" in card
