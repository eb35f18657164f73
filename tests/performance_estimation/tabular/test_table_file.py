"""Tables as files: what is read, and every way in which a file is an error."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.common.errors import StudyError
from study.performance_estimation.tabular.table_file import (
    MACRO_SPACE,
    SHIPPED,
    load_table,
    macro_twins,
    shipped_tables,
)
from study.performance_estimation.tabular.table_space import OwnSpace, table_space_from_text
from study.search_space.candidate import OCTMNIST
from study.search_space.resolve import candidate_id
from tests.benchmarking.tables import SPACE, arrays, write_table

MACRO = Path(__file__).resolve().parents[3].parent / "shared/benchmarks/nas_bench_macro.npz"


def test_a_table_is_read_with_everything_it_holds(tmp_path: Path) -> None:
    table = load_table(write_table(tmp_path))

    assert (table.name, table.seeds, table.epochs, table.unit) == ("layers", 2, 3, "share")
    assert isinstance(table.space, OwnSpace)
    best = {f"layer{i}": "wide" for i in range(1, 5)}
    assert table.row(best) == 80
    assert table.value(best, seed=3) == arrays()["values"][80, 1]
    assert table.sizes is not None
    assert table.sizes["macs"][80] == 1008


VALUES_ALONE: dict[str, Any] = dict.fromkeys(("curves", "cost", "twins", "parameters", "macs"))


@pytest.mark.parametrize("other", [None, "parameters", "macs"])
def test_rows_are_twins_where_they_agree_in_everything_and_none_are_named(
    tmp_path: Path, other: str | None
) -> None:
    columns = arrays()
    for name in ("values", "curves", "cost", "parameters", "macs"):
        columns[name][7] = columns[name][5] + (name == other)
    table = load_table(write_table(tmp_path, **{**columns, "twins": None}))

    assert (table.twins[7] == table.twins[5]) == (other is None)
    assert len(set(table.twins.tolist())) == (80 if other is None else 81)


ROUNDED = np.round(arrays()["values"][:, :1], 1)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"values": ROUNDED},
        {"values": ROUNDED, "curves": ROUNDED[:, :, None]},
        {"values": np.full((81, 2), 0.5)},
    ],
    ids=["values", "rounded", "rounded curves", "constant"],
)
def test_values_alone_make_a_table_and_agreement_by_chance_makes_no_twins(
    tmp_path: Path, changes: dict[str, np.ndarray]
) -> None:
    table = load_table(write_table(tmp_path, **{**VALUES_ALONE, **changes}))

    assert table.epochs == 1
    assert table.cost.tolist() == [1.0] * 81
    assert len(set(table.twins.tolist())) == 81


TWIN_NETWORKS = """\
parameters:
  conv_layers: {type: categorical, choices: [1, 2, 3]}
  optimizer: {type: categorical, choices: [adam, adamw, sgd]}
  momentum: {type: categorical, choices: [0.1, 0.5, 0.9]}
  channels: {type: categorical, choices: [4, 8, 16]}
"""


def _networks_table(folder: Path, **changes: Any) -> Path:
    """Write a table of networks, of which momentum changes nothing without sgd."""
    path = write_table(folder, **{**VALUES_ALONE, **changes})
    path.with_suffix(".yaml").write_text(TWIN_NETWORKS, encoding="utf-8")
    return path


def test_networks_of_this_project_are_twins_by_what_they_are(tmp_path: Path) -> None:
    space = table_space_from_text(TWIN_NETWORKS, source="x")
    ids = [candidate_id(space.candidate(values), OCTMNIST) for values in space.points()]
    assert len(set(ids)) < 81
    values = np.array([[ids.index(name) / 81] for name in ids])
    table = load_table(_networks_table(tmp_path, values=values))

    assert table.twins.tolist() == [ids.index(name) for name in ids]


def test_names_that_mean_another_thing_than_a_field_are_errors(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"layers.npz: .* rows 0 and 3 .* values differ; rename"):
        load_table(_networks_table(tmp_path))
    alike = {"values": np.zeros((81, 1)), "twins": np.arange(81)}
    with pytest.raises(StudyError, match=r"one network .* numbers in 'twins' differ; rename"):
        load_table(_networks_table(tmp_path, **alike))


def test_a_table_that_changes_on_disk_is_read_again(tmp_path: Path) -> None:
    first = load_table(write_table(tmp_path))
    again = load_table(write_table(tmp_path, values=arrays()["values"] / 2, curves=None))

    assert first.digest != again.digest
    assert again.epochs == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": None}, "needs an array 'values'"),
        (
            {"values": arrays()["values"][:80]},
            r"'values' has shape \(80, 2\); its space of 81 points needs",
        ),
        ({"values": np.zeros((81, 0))}, r"'values' has shape \(81, 0\)"),
        ({"values": np.zeros(81)}, r"needs \(81, seeds\)"),
        ({"curves": arrays()["curves"][:80]}, r"'curves' has shape \(80, 2, 3\)"),
        ({"curves": np.zeros((81, 3, 3))}, r"needs \(81, 2, epochs\)"),
        ({"cost": arrays()["cost"][:9]}, r"needs \(81,\)"),
        ({"values": np.full((81, 2), np.nan)}, "'values' needs finite numbers.*row 0"),
        ({"values": np.full((81, 2), "much")}, "'values' needs finite numbers, found <U4"),
        ({"values": np.full((81, 2), 1j)}, "found complex"),
        ({"twins": np.zeros(81, dtype=int)}, "rows 0 and 1 are one candidate"),
        ({"price": np.zeros(81)}, "unknown array 'price'"),
    ],
)
def test_arrays_that_do_not_fit_are_errors(
    tmp_path: Path, changes: dict[str, np.ndarray | None], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        load_table(write_table(tmp_path, **changes))


def test_pickled_objects_and_single_arrays_are_never_loaded(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    np.savez(path, values=np.array([[{"evil": 1}]] * 81, dtype=object))
    with pytest.raises(StudyError, match=r"layers\.npz: "):
        load_table(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(StudyError, match=r"layers\.npz: "):
        load_table(path)


@given(keep=st.floats(0, 0.999), flip=st.integers(0, 7))
def test_a_truncated_or_damaged_file_is_an_error_in_one_line(keep: float, flip: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_table(Path(folder))
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(StudyError) as caught:
            load_table(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        damaged = bytearray(whole)
        damaged[200 + 999 * flip] ^= 0x5A
        path.write_bytes(bytes(damaged))
        with pytest.raises(StudyError, match="copy or download it again"):
            load_table(path)


def test_the_missing_table_and_the_missing_space_are_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"no such table; give the path .* or a shipped one"):
        load_table(tmp_path / "none.npz")
    path = write_table(tmp_path)
    path.with_suffix(".yaml").unlink()
    with pytest.raises(StudyError, match=r"put it into layers.yaml beside it"):
        load_table(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parameters:\n  a: {type: float, low: 0, high: 1}\n", "give it 'step', or choices"),
        ("parameters:\n  learning_rate: {type: float, low: 0.1, high: 1}\n", "countable values"),
        (
            "parameters:\n  a: {type: int, low: 1, high: 161, grid_points: 81}\n",
            r"layers.yaml: a.grid_points: in the space of a table every value has a row",
        ),
        (
            "parameters:\n  hidden_units: {type: int, low: 1, high: 161, grid_points: 81}\n",
            r"hidden_units.grid_points: .* write the values as 'step' or choices",
        ),
        ("name: empty\n", "'parameters' is missing"),
        ("parameters:\n  a: 3\n", "every parameter is fixed"),
        (SPACE + "constraints: {macs: 3}\n", "constraints"),
        ("- a\n", "expected a mapping"),
        ("", "the file is empty"),
    ],
)
def test_a_space_that_makes_no_rows_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = write_table(tmp_path)
    path.with_suffix(".yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        load_table(path)


def test_names_of_fields_make_a_space_of_networks_unless_their_values_are_none() -> None:
    text = "parameters:\n  kernel: {type: categorical, choices: [3, %s]}\n"
    ours, other = (table_space_from_text(text % kernel, source="a") for kernel in (5, 9))

    assert not isinstance(ours, OwnSpace)
    assert isinstance(other, OwnSpace)
    assert other.candidate({"kernel": 3}) != other.candidate({"kernel": 9})


def test_units_follow_from_the_values(tmp_path: Path) -> None:
    values = arrays()["values"]
    percent = load_table(write_table(tmp_path, "p", values=100 * values, curves=None))
    number = load_table(write_table(tmp_path, "n", values=-values, curves=None))

    assert (percent.unit, percent.to_points, percent.to_metric) == ("percent", 1.0, 0.01)
    assert (number.unit, number.to_points, number.to_metric) == ("number", 1.0, 1.0)


@pytest.mark.skipif(not MACRO.exists(), reason="NAS-Bench-Macro is not on this machine")
def test_nas_bench_macro_is_read_as_it_was_published() -> None:
    table = load_table(MACRO)

    assert table.space == MACRO_SPACE
    assert len(set(table.twins.tolist())) == 3969
    assert (table.unit, table.seeds) == ("percent", 3)
    assert table.true_values.max() == pytest.approx(93.13, abs=0.05)
    for row in (5, 6000):  # twins agree in everything, so the published numbers bear them out
        assert (table.values[table.twins == table.twins[row]] == table.values[row]).all()


def test_nas_bench_macro_has_the_shipped_space_and_twins_are_named_by_their_first_row() -> None:
    assert (macro_twins()[macro_twins()] == macro_twins()).all()
    text = (SHIPPED / "nas_bench_macro.yaml").read_text("utf-8")
    assert table_space_from_text(text, source="x").parameters == MACRO_SPACE.parameters


@pytest.mark.parametrize("name", shipped_tables())
def test_a_shipped_table_is_whole_and_small(name: str) -> None:
    table = load_table(name)

    assert table.curves is not None
    assert (table.curves[:, :, -1] == table.values).all()
    assert (SHIPPED / f"{name}.npz").stat().st_size < 100_000
