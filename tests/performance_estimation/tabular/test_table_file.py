"""Tables as files: what is read, and every way in which one is refused."""

from __future__ import annotations

import io
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


def test_values_alone_make_a_table(tmp_path: Path) -> None:
    alone = dict.fromkeys(("curves", "cost", "twins", "parameters", "macs"))
    table = load_table(write_table(tmp_path, **alone))

    assert table.epochs == 1
    assert table.cost.tolist() == [1.0] * 81
    assert len(set(table.twins.tolist())) == 81


def _with_row_7_as_row_5(*names: str) -> dict[str, Any]:
    """Return the arrays of a table without ``twins``, row 7 like row 5 in those named."""
    columns = arrays()
    for name in names:
        columns[name][7] = columns[name][5]
    return {**columns, "twins": None}


def test_rows_that_agree_in_everything_are_twins_where_none_are_named(tmp_path: Path) -> None:
    names = ("values", "curves", "cost", "parameters", "macs")
    table = load_table(write_table(tmp_path, **_with_row_7_as_row_5(*names)))

    assert table.twins[7] == table.twins[5]
    assert len(set(table.twins.tolist())) == 80


@pytest.mark.parametrize("other", ["parameters", "macs"])
def test_networks_of_different_sizes_are_never_twins(tmp_path: Path, other: str) -> None:
    names = {"values", "curves", "cost", "parameters", "macs"} - {other}
    columns = _with_row_7_as_row_5(*names)
    columns[other][7] = columns[other][5] + 1
    table = load_table(write_table(tmp_path, **columns))

    assert len(set(table.twins.tolist())) == 81


@pytest.mark.parametrize("curves", [None, (1,)])
def test_a_single_rounded_value_makes_no_twins(
    tmp_path: Path, curves: tuple[int, ...] | None
) -> None:
    values = np.round(arrays()["values"][:, :1], 1)
    none = dict.fromkeys(("cost", "twins", "parameters", "macs"))
    shaped = None if curves is None else values[:, :, None]
    table = load_table(write_table(tmp_path, values=values, curves=shaped, **none))

    assert len(set(values[:, 0].tolist())) < 81
    assert len(set(table.twins.tolist())) == 81


def test_a_constant_table_makes_no_twins(tmp_path: Path) -> None:
    none = dict.fromkeys(("curves", "cost", "twins", "parameters", "macs"))
    table = load_table(write_table(tmp_path, values=np.full((81, 2), 0.5), **none))

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
    none = dict.fromkeys(("curves", "cost", "twins", "parameters", "macs"))
    path = write_table(folder, **{**none, **changes})
    path.with_suffix(".yaml").write_text(TWIN_NETWORKS, encoding="utf-8")
    return path


def test_networks_of_this_project_are_twins_by_what_they_are(tmp_path: Path) -> None:
    space = table_space_from_text(TWIN_NETWORKS, source="x")
    ids = [candidate_id(space.candidate(values), OCTMNIST) for values in space.points()]
    assert len(set(ids)) < 81
    values = np.array([[ids.index(name) / 81] for name in ids])
    table = load_table(_networks_table(tmp_path, values=values))

    assert table.twins.tolist() == [ids.index(name) for name in ids]


def test_names_that_mean_another_thing_than_a_field_are_refused(tmp_path: Path) -> None:
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


def _short(name: str, keep: int) -> dict[str, np.ndarray]:
    return {name: arrays()[name][:keep]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": None}, "needs an array 'values'"),
        (_short("values", 80), r"'values' has shape \(80, 2\); its space of 81 points needs"),
        ({"values": np.zeros((81, 0))}, r"'values' has shape \(81, 0\)"),
        ({"values": np.zeros(81)}, r"needs \(81, seeds\)"),
        (_short("curves", 80), r"'curves' has shape \(80, 2, 3\)"),
        ({"curves": np.zeros((81, 3, 3))}, r"needs \(81, 2, epochs\)"),
        (_short("cost", 9), r"needs \(81,\)"),
        ({"values": np.full((81, 2), np.nan)}, "'values' needs finite numbers.*row 0"),
        ({"values": np.full((81, 2), "much")}, "'values' needs finite numbers, found <U4"),
        ({"values": np.full((81, 2), 1j)}, "found complex"),
        ({"twins": np.zeros(81, dtype=int)}, "rows 0 and 1 are one candidate"),
        ({"price": np.zeros(81)}, "unknown array 'price'"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    tmp_path: Path, changes: dict[str, np.ndarray | None], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        load_table(write_table(tmp_path, **changes))


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    np.savez(path, values=np.array([[{"evil": 1}]] * 81, dtype=object))

    with pytest.raises(StudyError, match=r"layers\.npz: "):
        load_table(path)


@given(keep=st.floats(0, 0.999), flip=st.integers(0, 7))
def test_a_truncated_or_spoilt_file_is_refused_in_one_line(keep: float, flip: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_table(Path(folder))
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * keep)])
        with pytest.raises(StudyError) as refused:
            load_table(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)
        damaged = bytearray(whole)
        damaged[200 + 999 * flip] ^= 0x5A
        path.write_bytes(bytes(damaged))
        with pytest.raises(StudyError, match="copy or download it again"):
            load_table(path)


def test_a_single_array_is_no_table(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    path.write_bytes(out.getvalue())

    with pytest.raises(StudyError, match=r"layers\.npz: "):
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
def test_a_space_that_makes_no_rows_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = write_table(tmp_path)
    path.with_suffix(".yaml").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=message):
        load_table(path)


def test_names_of_fields_make_a_space_of_networks_unless_their_values_are_none() -> None:
    ours = table_space_from_text(
        "parameters:\n  kernel: {type: categorical, choices: [3, 5]}\n", source="a"
    )
    other = table_space_from_text(
        "parameters:\n  kernel: {type: categorical, choices: [3, 9]}\n", source="a"
    )

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


def test_twins_of_nas_bench_macro_are_named_by_their_first_row() -> None:
    assert (macro_twins()[macro_twins()] == macro_twins()).all()


def test_the_shipped_space_of_nas_bench_macro_is_the_one_its_reader_knows() -> None:
    text = (SHIPPED / "nas_bench_macro.yaml").read_text("utf-8")
    assert table_space_from_text(text, source="x").parameters == MACRO_SPACE.parameters


@pytest.mark.parametrize("name", shipped_tables())
def test_a_shipped_table_is_whole_and_small(name: str) -> None:
    table = load_table(name)

    assert table.curves is not None
    assert (table.curves[:, :, -1] == table.values).all()
    assert (SHIPPED / f"{name}.npz").stat().st_size < 100_000
