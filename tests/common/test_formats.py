from __future__ import annotations

import datetime as dt
import math

import pytest

from study.common import formats


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("conv_layers", "Conv layers"),
        ("dropout", "Dropout"),
        ("macs", "MACs"),
        ("stage3.kernel", "Stage 3 kernel"),
        ("stages.count", "Stages count"),
        ("val_auc", "Val AUC"),
    ],
)
def test_a_name_becomes_a_heading_in_words(name: str, heading: str) -> None:
    assert formats.headline(name) == heading


@pytest.mark.parametrize(
    ("metric", "heading", "words"),
    [
        ("val_accuracy", "Accuracy", "validation accuracy"),
        ("test_auc", "AUC", "test AUC"),
        ("val_balanced_accuracy", "Balanced accuracy", "validation balanced accuracy"),
        ("train_loss", "Training loss", "training loss"),
        ("macs", "MACs", "MACs"),
        ("synflow", "Synflow", "synflow"),
    ],
)
def test_a_metric_keeps_its_split_in_running_text(metric: str, heading: str, words: str) -> None:
    assert formats.describe_metric(metric) == words
    if metric != "train_loss":
        assert formats.metric_headline(metric) == heading


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        ("val_accuracy", 0.81934, "0.8193"),
        ("parameters", 422276.0, "422,276"),
        ("val_loss", 12345.678, "12,345.7"),
        ("val_loss", math.nan, "–"),
        ("val_loss", None, "–"),
        ("val_loss", math.inf, "∞"),
    ],
)
def test_a_measure_is_shown_by_what_it_counts(name: str, number: float, text: str) -> None:
    assert formats.measure(name, number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(12, "12"), (1500, "1.50 k"), (422_276, "422 k"), (4_310_000, "4.31 M"), (2.5e10, "25.0 G")],
)
def test_a_large_count_is_shortened_to_three_digits(number: float, text: str) -> None:
    assert formats.short(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (41.3, "41.3 s"),
        (150, "2.5 min"),
        (3_599, "1 h 0 min"),
        (11_520, "3 h 12 min"),
        (400_000, "4 d 15 h"),
        (math.inf, "–"),
    ],
)
def test_a_duration_has_the_units_that_matter(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


def test_a_moment_is_utc_to_the_minute() -> None:
    east = dt.timezone(dt.timedelta(hours=2))
    assert formats.moment(dt.datetime(2026, 1, 2, 1, 30, tzinfo=east)) == "2026-01-01 23:30 UTC"
    assert formats.moment(dt.datetime(2026, 1, 2, 1, 30)) == "2026-01-02 01:30 UTC"
    assert formats.moment(None) == "–"


def test_a_setting_of_any_shape_is_one_line() -> None:
    assert formats.plain({"a": [1, 2.5], "b": None, "c": True}) == "a: 1, 2.5, b: –, c: yes"
    assert formats.plain([]) == "–"
    assert formats.plain("") == "–"


def test_items_are_joined_as_in_a_sentence() -> None:
    assert formats.listed([]) == ""
    assert formats.listed(["a"]) == "a"
    assert formats.listed(["a", "b", "c"]) == "a, b and c"
