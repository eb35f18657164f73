"""Every study has a folder of its own, and nothing outside of it is removed with the study."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.common.artifact_path import RemotePath
from study.common.errors import StorageError
from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from study.storage.checkpoints import removable_folder, study_folder
from tests.studies import answer, settings

URL = "sqlite:///study.db"
SERVER = "postgresql+psycopg://user:{password}@{host}/{database}"


@pytest.mark.parametrize("name", ["seed", "a b", ".", "..", "a/../b", "é" * 150, "𐐷" * 200])
def test_any_name_makes_a_folder_directly_inside_the_artifacts(tmp_path: Path, name: str) -> None:
    folder = study_folder(tmp_path, URL, name)
    assert isinstance(folder, Path)
    folder.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert removable_folder(tmp_path, URL, name) == folder


def test_a_folder_begins_with_its_study_s_name() -> None:
    folder = study_folder(Path("there"), URL, "my study")
    assert str(folder.parent) == "there"
    assert folder.name.startswith("my_study-")
    assert len(folder.name) == len("my_study-") + 8


def test_no_two_studies_have_one_folder() -> None:
    names = ("a b", "a/b", "a_b", "A_b", "é" * 61, "é" * 62, ".", "..", "_")
    urls = (URL, "sqlite:///other.db", SERVER.format(password="p", host="h", database="studies"))
    folders = {study_folder(Path("there"), url, name).name for url in urls for name in names}
    assert len(folders) == len(names) * len(urls)


def test_a_storage_s_path_host_and_password_do_not_decide_the_folder(tmp_path: Path) -> None:
    here, there = Path("artifacts"), tmp_path / "artifacts"
    moved = study_folder(None, f"sqlite:///{tmp_path}/study.db?timeout=9", "s")
    assert study_folder(None, URL, "s") == here / moved.name
    assert moved.parent == there
    one, other, elsewhere = (
        study_folder(here, SERVER.format(password=password, host=host, database=database), "s")
        for password, host, database in (
            ("p/%40?", "localhost", "d"),
            ("q", "db.example.org:5432", "d"),
            ("q", "db.example.org:5432", "e"),
        )
    )
    assert one == other != elsewhere


def test_a_url_has_the_same_folders() -> None:
    remote = study_folder(RemotePath("s3://bucket/studies"), URL, "..")
    assert remote.name == study_folder(None, URL, "..").name
    assert removable_folder(remote.parent, URL, "..") == remote


def test_deleting_a_study_of_any_name_leaves_everything_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    run_context = RunContext(url=f"sqlite:///{tmp_path}/study.db")
    other = RunContext(url=f"sqlite:///{tmp_path}/other.db")
    folders = [study_folder(None, p.url, "..") for p in (run_context, other)]
    for each, folder in zip((run_context, other), folders, strict=True):
        run_study(settings(study="..", trials=1), each)
        (Path(str(folder)) / "checkpoints").mkdir(parents=True)
    code, _, said = answer("delete", "--yes", "--", "..", cwd=tmp_path)
    assert code == 0, said
    assert (tmp_path / "mine.txt").exists()
    assert [folder.is_dir() for folder in folders] == [False, True]


def test_a_folder_that_leads_elsewhere_is_not_removed_and_the_study_stays(tmp_path: Path) -> None:
    run_context = RunContext(url=f"sqlite:///{tmp_path}/study.db")
    run_study(settings(trials=1), run_context)
    (tmp_path / "elsewhere").mkdir()
    folder = Path(str(study_folder(None, run_context.url, "test")))
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(tmp_path / "elsewhere")
    code, _, said = answer("delete", "test", "--yes", cwd=tmp_path)
    assert code == 1
    assert "so nothing was deleted; remove that link first" in said
    assert len(said.splitlines()) == 1
    assert (tmp_path / "elsewhere").is_dir()
    assert "test" in answer("list", cwd=tmp_path)[1]
    with pytest.raises(StorageError, match="leads out of"):
        removable_folder(None, run_context.url, "test")
