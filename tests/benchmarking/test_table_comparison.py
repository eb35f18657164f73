"""Text and figure of a comparison do not depend on how large the values of the table are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from study.benchmarking.game import play
from study.benchmarking.games import GameFile
from study.benchmarking.match import make_match
from study.benchmarking.table_comparison import TableComparison, summarise
from study.report.benchmarking import regret_figure, table_comparison_section
from study.report.terminal import render_text
from tests.benchmarking.tables import arrays, write_table

ALONE = dict.fromkeys(("curves", "cost", "twins", "parameters", "macs"))


def _comparison(folder: Path, values: np.ndarray) -> TableComparison:
    folder.mkdir()
    path = write_table(folder, values=values, **ALONE)
    match = make_match(str(path), "evolution,population=5", trials=30, repeats=6, seed=0)
    kept = GameFile(folder)
    for key in match.game_keys():
        kept.add(key, play(match.table, key.sampler, trials=key.trials, seed=key.seed))
    games = {name: [kept.games[key] for key in match.game_keys(name)] for name in match.samplers}
    return summarise(match.table, games, trials=match.trials, seeds=match.seeds)


def _text(comparison: TableComparison) -> str:
    return render_text(table_comparison_section(comparison))


def _lines(comparison: TableComparison) -> list[tuple[float, ...]]:
    return [tuple(trace.y) for trace in regret_figure(comparison).plot.data]


@pytest.mark.parametrize("scale", [1e-7, pytest.param(1e5, marks=pytest.mark.slow)])
def test_values_of_any_size_have_four_digits_and_the_same_drawing(
    tmp_path: Path, scale: float
) -> None:
    losses = arrays()["values"] - 2
    small, plain = (
        _comparison(tmp_path / name, losses * factor)
        for name, factor in (("small", scale), ("plain", 1.0))
    )

    assert not small.in_points
    for one, other in zip(small.results, plain.results, strict=True):
        assert one.sampler == other.sampler
        assert one.curve.mean == pytest.approx(
            [scale * mean for mean in other.curve.mean], rel=1e-4
        )
        assert f" {one.curve.mean[-1]:.4g} " in _text(small)
        assert f"{one.curve.mean[-1]:.4g} after 30 trials" in regret_figure(small).text
    corrected = [[pair.corrected for pair in found.over_all] for found in (small, plain)]
    assert corrected[0] == corrected[1]
    for drawn, plainly in zip(_lines(small), _lines(plain), strict=True):
        assert len(set(drawn)) > 4
        assert drawn == pytest.approx([scale * number for number in plainly], rel=1e-4)


@pytest.mark.parametrize(("factor", "form"), [(1e-6, ".4g"), (1.0, ".3f")])
def test_percentage_points_have_three_decimals_unless_all_are_small(
    tmp_path: Path, factor: float, form: str
) -> None:
    comparison = _comparison(tmp_path / "a", arrays()["values"] * factor)
    text, regret = _text(comparison), comparison.results[0].curve.mean

    assert comparison.in_points
    assert f" {regret[9]:{form}} " in text
    assert f"{regret[-1]:{form}} after" in regret_figure(comparison).text
    assert re.search(r" [+-]\d+\.\d{3} ", text) or factor < 1


def test_equal_means_are_no_regret(tmp_path: Path) -> None:
    values = np.array([[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0.2, 0.3, 0.1]] * 27)
    path = write_table(tmp_path, values=values, **ALONE)
    match = make_match(str(path), "grid", trials=81, repeats=3, seed=0)
    means = match.table.true_values

    assert means.max() > means.min()
    for seed in match.seeds:
        assert set(play(match.table, "grid", trials=81, seed=seed).regret) == {0.0}
