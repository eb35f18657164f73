"""Finding and reading the file of a search space."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.common.errors import SearchSpaceError
from study.search_space.reading.loading import (
    LARGEST_FILE,
    SHIPPED,
    load_space,
    read_space_text,
    shipped_spaces,
    space_from_text,
)

SPACE = "parameters: {conv_layers: {type: int, low: 1, high: 5}}\n"


def _problem(name_or_path: str | Path) -> str:
    with pytest.raises(SearchSpaceError) as caught:
        load_space(name_or_path)
    (problem,) = caught.value.problems
    return problem


def test_the_shipped_spaces_are_found_by_name() -> None:
    assert {"seed", "seed_rows", "small", "stages"} <= set(shipped_spaces())
    assert [load_space(name).name for name in shipped_spaces()] == list(shipped_spaces())


def test_a_path_is_read_and_names_itself_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE, encoding="utf-8")
    assert load_space(path) == load_space(str(path))
    assert load_space(path).name == "mine"
    path.write_text("parameters: {x: 1}\n", encoding="utf-8")
    assert _problem(path).startswith(f"{path}:1: parameters: unknown key 'x'")


def test_the_text_of_a_space_comes_with_its_name() -> None:
    source, text = read_space_text("seed")
    assert source == "seed.yaml"
    assert space_from_text(text, source=source) == load_space("seed")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("smal", "no search space 'smal'; did you mean 'small'?"),
        ("qqq", f"no search space 'qqq'; known: {', '.join(shipped_spaces())}"),
        ("no\0pe", "no search space"),
        ("folder/none.yaml", "'folder/none.yaml': no such file; shipped spaces: seed"),
        ("loop.yaml", "no such file"),
        (str(SHIPPED), f"{str(SHIPPED)!r} is a folder; give the YAML file in it"),
        ("/dev/null", "no regular file"),
        ("x" * 300 + "/y.yaml", "cannot be read: File name too long"),
    ],
)
def test_a_name_without_a_readable_file_is_an_error(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("loop.yaml").symlink_to("loop.yaml")
    assert words in _problem(name)


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    assert _problem(path) == f"{path}: 1,000,001 bytes; a search space has less than 1,000,000"


@pytest.mark.parametrize(
    "content", ["name: a\nname: ä\n".encode("latin-1"), SPACE.encode("utf-16"), b"\n\xff"]
)
def test_bytes_that_are_not_utf_8_are_problem(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "binary.yaml"
    path.write_bytes(content)
    assert "not UTF-8 text; save the file as UTF-8" in _problem(path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SPACE.replace("\n", "\r\n").encode())
    assert load_space(path).size() == 5
