"""Two processes that write one file at the same time, also with equal process ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from study.common.artifact_path import replace_file
from study.common.atomic_write import temporary_name, write_text
from study.common.errors import StudyError
from study.data.contact_sheet import contact_sheet
from study.data.dataset import load_search_data
from study.storage.checkpoints import prune_checkpoints
from tests.data.files import medmnist_arrays, write_npz


def draw(path: Path, channels: int) -> None:
    file = write_npz(path.parents[1] / f"{channels}.npz", medmnist_arrays(channels=channels))
    contact_sheet(load_search_data(str(file)), path)


WRITERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "text": (lambda path: write_text(path, "one"), lambda path: write_text(path, "two")),
    "checkpoint": (
        lambda path: replace_file(path, (b"one",)),
        lambda path: replace_file(path, (b"two",)),
    ),
    "sheet": (lambda path: draw(path, 1), lambda path: draw(path, 3)),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_second_writer_during_the_first_leaves_a_whole_file(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = WRITERS[kind]
    path, alone = tmp_path / "both" / "file", tmp_path / "alone" / "file"
    for folder in (path.parent, alone.parent):
        folder.mkdir()
    first(alone)
    move, between = Path.replace, [second]

    def replace(self: Path, target: Path) -> Path:
        if between:
            between.pop()(path)
        return move(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    first(path)
    assert not between
    assert path.read_bytes() == alone.read_bytes()
    assert list(path.parent.iterdir()) == [path]


def test_half_written_files_are_removed_with_the_checkpoints(tmp_path: Path) -> None:
    for name in ("a.pt", "a-seed1.pt", "b.pt"):
        (tmp_path / temporary_name(name)).touch()
    prune_checkpoints(tmp_path, {"b"})
    assert [path.name[:5] for path in tmp_path.iterdir()] == ["b.pt."]


@pytest.mark.parametrize("path", [".", "/", ""])
def test_a_folder_in_place_of_a_file_gives_one_clear_line(path: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"is a folder; name a file in it$"):
        write_text(Path(path), "text")
    data = load_search_data(str(write_npz(tmp_path / "a.npz", medmnist_arrays())))
    with pytest.raises(StudyError, match=r"is a folder; name a file in it$"):
        contact_sheet(data, Path(path))
