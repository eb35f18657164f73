"""Every study has its own folder, and nothing outside this folder is deleted with the study."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.common.artifact_path import RemotePath
from study.running.study_runner import run_study
from study.storage.checkpoints import removable_folder, study_folder
from tests.studies import invoke, run_context, settings

URL = "sqlite:///study.db"
SERVER = "postgresql+psycopg://user:{password}@{host}/{database}"


@pytest.mark.parametrize("name", ["seed", "a b", ".", "..", "a/../b", "é" * 150, "𐐷" * 200])
def test_any_name_makes_a_folder_directly_inside_the_artifacts(tmp_path: Path, name: str) -> None:
    folder = study_folder(tmp_path, URL, name)
    assert isinstance(folder, Path)
    folder.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert removable_folder(tmp_path, URL, name) == folder


def test_two_studies_have_different_folders_that_begin_with_their_names() -> None:
    assert study_folder(Path("there"), URL, "my study").name.startswith("my_study-")
    names = ("a b", "a/b", "a_b", "A_b", "é" * 61, "é" * 62, ".", "..", "_")
    urls = (URL, "sqlite:///other.db", SERVER.format(password="p", host="h", database="studies"))
    folders = {study_folder(Path("there"), url, name).name for url in urls for name in names}
    assert len(folders) == len(names) * len(urls)


def test_the_path_host_and_password_of_a_storage_do_not_change_the_folder(tmp_path: Path) -> None:
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
    contexts = [run_context(tmp_path), run_context(tmp_path, url=f"sqlite:///{tmp_path}/other.db")]
    folders = [study_folder(None, context.url, "..") for context in contexts]
    for context, folder in zip(contexts, folders, strict=True):
        run_study(settings(study="..", trials=1), context)
        (Path(str(folder)) / "checkpoints").mkdir(parents=True)
    assert invoke("delete", "--yes", "--", "..", cwd=tmp_path)[0] == 0
    assert (tmp_path / "mine.txt").exists()
    assert [folder.is_dir() for folder in folders] == [False, True]


def test_a_folder_that_links_elsewhere_is_not_deleted_and_the_study_stays(tmp_path: Path) -> None:
    context = run_context(tmp_path)
    run_study(settings(trials=1), context)
    (tmp_path / "elsewhere").mkdir()
    folder = Path(str(study_folder(None, context.url, "test")))
    folder.parent.mkdir(exist_ok=True)
    folder.symlink_to(tmp_path / "elsewhere")
    code, _, error = invoke("delete", "test", "--yes", cwd=tmp_path)
    assert code == 1
    assert "so nothing was deleted; remove that link first" in error
    assert len(error.splitlines()) == 1
    assert (tmp_path / "elsewhere").is_dir()
    assert "test" in invoke("list", cwd=tmp_path)[1]
