"""Finding and reading the file of a search space."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.parameter import CategoricalParameter, FloatParameter, IntParameter
from study.search_space.reading.loading import (
    LARGEST_FILE,
    load_space,
    read_space_text,
    shipped_spaces,
    space_from_text,
)

SPACE = "parameters: {conv_layers: {type: int, low: 1, high: 5}}\n"


def _refused(name_or_path: str | Path) -> str:
    with pytest.raises(SearchSpaceError) as caught:
        load_space(name_or_path)
    (problem,) = caught.value.problems
    return problem


def test_the_shipped_spaces_are_found_by_name() -> None:
    assert {"seed", "seed_rows", "small", "stages"} <= set(shipped_spaces())
    assert [load_space(name).name for name in shipped_spaces()] == list(shipped_spaces())


def test_the_seed_is_the_plain_network_with_three_parameters() -> None:
    space = load_space("seed")
    assert space.parameters == (
        IntParameter(name="conv_layers", low=1, high=5),
        IntParameter(name="hidden_units", low=16, high=512),
        CategoricalParameter(name="dropout", choices=(0.0, 0.2, 0.5, 0.8)),
    )
    architecture = space.candidate(next(space.points())).architecture
    assert (architecture.channels, architecture.kernel, architecture.padding) == (32, 3, "valid")
    recipe = space.candidate(next(space.points())).recipe
    assert (recipe.optimizer, recipe.learning_rate, recipe.epochs) == ("adam", 0.001, 3)


def test_a_path_is_read_and_names_itself_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE, encoding="utf-8")
    assert load_space(path) == load_space(str(path))
    assert load_space(path).name == "mine"
    path.write_text("parameters: {x: 1}\n", encoding="utf-8")
    assert _refused(path).startswith(f"{path}:1: parameters: unknown key 'x'")


def test_what_is_left_out_has_its_default() -> None:
    space = space_from_text(SPACE, source="folder/mine.yaml")
    assert (space.name, space.description, space.enqueue) == ("mine", "", ())
    assert space.constraints == {}


def test_every_kind_of_parameter_is_read() -> None:
    space = space_from_text(
        "parameters:\n"
        "  hidden_units: {type: int, low: 16, high: 512, log: true, grid_points: 5}\n"
        "  shift: {type: int, low: 0, high: 4, step: 2}\n"
        "  dropout: {type: float, low: 0, high: 0.6, step: 0.1}\n"
        "  learning_rate: {type: float, low: 1.0e-4, high: 1.0e-2, log: true}\n"
        "  kernel: {type: int, low: 3, high: 7, step: 2}\n"
        "  flip: {type: categorical, choices: [no, yes]}\n"
        "  channels: {type: int, low: 32, high: 32}\n"
        "  epochs: 5\n"
    )
    assert space.parameters == (
        IntParameter(name="hidden_units", low=16, high=512, log=True, grid_points=5),
        IntParameter(name="shift", low=0, high=4, step=2),
        FloatParameter(name="dropout", low=0.0, high=0.6, step=0.1),
        FloatParameter(name="learning_rate", low=1e-4, high=1e-2, log=True),
        IntParameter(name="kernel", low=3, high=7, step=2),
        CategoricalParameter(name="flip", choices=(False, True)),
        IntParameter(name="channels", low=32, high=32),
    )
    assert space.fixed == {"epochs": 5}


def test_the_text_of_a_space_comes_with_its_name() -> None:
    source, text = read_space_text("seed")
    assert source == "seed.yaml"
    assert space_from_text(text, source=source) == load_space("seed")


def test_an_unknown_name_lists_what_is_near_or_all() -> None:
    assert _refused("smal") == "no search space 'smal'; did you mean 'small'?"
    known = ", ".join(shipped_spaces())
    assert _refused("qqq") == f"no search space 'qqq'; known: {known}"


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert _refused(path).startswith(f"{str(path)!r}: no such file; shipped spaces: seed")
    assert "no search space" in _refused("no\0pe")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert _refused(tmp_path) == f"{str(tmp_path)!r} is a folder; give the YAML file in it"


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: File name too long" in _refused("x" * 300 + "/y.yaml")
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    assert "no such file" in _refused(loop)
    assert "no regular file" in _refused("/dev/null")


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert _refused(path) == f"{path}: 1,000,001 bytes; a search space has less than 1,000,000"


@pytest.mark.parametrize(
    "content", ["name: a\nname: ä\n".encode("latin-1"), SPACE.encode("utf-16"), b"\n\xff"]
)
def test_bytes_that_are_not_utf_8_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(content)
    assert "not UTF-8 text; save the file as UTF-8" in _refused(path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SPACE.replace("\n", "\r\n").encode())
    assert load_space(path).size() == 5
