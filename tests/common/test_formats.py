from __future__ import annotations

import datetime as dt
import math

import pytest

from study.common import formats


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


EAST = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (formats.headline("conv_layers"), "Conv layers"),
        (formats.headline("dropout"), "Dropout"),
        (formats.headline("macs"), "MACs"),
        (formats.headline("stage3.kernel"), "Stage 3 kernel"),
        (formats.headline("stages.count"), "Stages count"),
        (formats.headline("val_auc"), "Val AUC"),
        (formats.measure("val_accuracy", 0.81934), "0.8193"),
        (formats.measure("parameters", 422276.0), "422,276"),
        (formats.measure("val_loss", 12345.678), "12,345.7"),
        (formats.measure("val_loss", math.nan), "–"),
        (formats.measure("val_loss", None), "–"),
        (formats.measure("val_loss", math.inf), "∞"),
        (formats.short(12), "12"),
        (formats.short(1500), "1.50 k"),
        (formats.short(422_276), "422 k"),
        (formats.short(4_310_000), "4.31 M"),
        (formats.short(2.5e10), "25.0 G"),
        (formats.duration(0.04), "0.0 s"),
        (formats.duration(41.3), "41.3 s"),
        (formats.duration(150), "2.5 min"),
        (formats.duration(3_599), "1 h 0 min"),
        (formats.duration(11_520), "3 h 12 min"),
        (formats.duration(400_000), "4 d 15 h"),
        (formats.duration(math.inf), "–"),
        (formats.moment(dt.datetime(2026, 1, 2, 1, 30, tzinfo=EAST)), "2026-01-01 23:30 UTC"),
        (formats.moment(dt.datetime(2026, 1, 2, 1, 30)), "2026-01-02 01:30 UTC"),
        (formats.moment(None), "–"),
        (formats.plain({"a": [1, 2.5], "b": None, "c": True}), "a: 1, 2.5, b: –, c: yes"),
        (formats.plain([]), "–"),
        (formats.plain(""), "–"),
        (formats.listed([]), ""),
        (formats.listed(["a"]), "a"),
        (formats.listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_each_kind_of_value_has_one_text(shown: str, text: str) -> None:
    assert shown == text
