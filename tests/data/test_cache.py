from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from study.common.errors import DataError
from study.data.cache import kept_text, shared_array

DIGEST = "0123456789abcdef0123"
VALUES: NDArray[np.uint8] = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "set.npz"
    path.parent.mkdir()
    path.touch()
    return path


def never() -> Any:
    raise AssertionError("built twice")


def cached_file(source: Path) -> Path:
    return source.parent / ".study_cache" / "set-0123456789abcdef" / "images.npy"


def test_an_array_is_built_once_and_kept_beside_its_source(source: Path) -> None:
    first = shared_array(source, DIGEST, "images", lambda: VALUES)
    again = shared_array(source, DIGEST, "images", never)
    assert np.array_equal(first, VALUES)
    assert np.array_equal(again, VALUES)
    assert [path.name for path in cached_file(source).parent.iterdir()] == ["images.npy"]


def test_each_content_and_each_process_has_its_own_values(source: Path) -> None:
    first = shared_array(source, DIGEST, "images", lambda: VALUES)
    other = shared_array(source, "f" * 32, "images", lambda: VALUES + 1)
    assert np.array_equal(other, VALUES + 1)
    first[0, 0, 0] = 99
    assert shared_array(source, DIGEST, "images", never)[0, 0, 0] == 0


def test_a_damaged_copy_is_built_again(source: Path) -> None:
    shared_array(source, DIGEST, "images", lambda: VALUES)
    content = cached_file(source).read_bytes()
    for damaged in (content[:-7], b"", b"nonsense"):
        cached_file(source).write_bytes(damaged)
        assert np.array_equal(shared_array(source, DIGEST, "images", lambda: VALUES), VALUES)


def test_a_read_only_folder_is_left_alone(source: Path, tmp_path: Path) -> None:
    source.parent.chmod(0o555)
    try:
        array = shared_array(source, DIGEST, "images", lambda: VALUES)
        assert not (source.parent / ".study_cache").exists()
    finally:
        source.parent.chmod(0o755)
    assert np.array_equal(array, VALUES)
    assert list((tmp_path / "cache" / "study-nas").glob("set-*/images.npy"))


def test_no_writable_folder_is_one_line_with_the_remedy(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (source.parent / ".study_cache").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataError, match=r"cannot be written .*XDG_CACHE_HOME") as caught:
        shared_array(source, DIGEST, "images", lambda: VALUES)
    assert "\n" not in str(caught.value)


def test_a_build_that_is_interrupted_leaves_nothing(source: Path) -> None:
    def interrupted() -> NDArray[np.uint8]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shared_array(source, DIGEST, "images", interrupted)
    assert not cached_file(source).exists()


def test_a_text_is_built_once_where_a_folder_is_writable(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_text(source, DIGEST, "a.txt", lambda: "zwölf") == "zwölf"
    assert kept_text(source, DIGEST, "a.txt", never) == "zwölf"
    monkeypatch.setenv("XDG_CACHE_HOME", str(source))
    source.parent.joinpath(".study_cache").rename(source.parent / "moved")
    source.parent.joinpath(".study_cache").touch()
    assert kept_text(source, DIGEST, "a.txt", lambda: "one") == "one"
    assert kept_text(source, DIGEST, "a.txt", lambda: "two") == "two"


BIG = 1 << 24


def _report_private_memory(source: Path, sender: Connection) -> None:
    """Read every page of the array, then send how much of the map this process owns alone."""
    array = shared_array(source, DIGEST, "big", lambda: np.ones(BIG, np.uint8))
    total = int(array.sum(dtype=np.int64))
    private = kilobytes_of_map("big.npy", "Private_Dirty:")
    sender.send((total, private))
    sender.close()


def kilobytes_of_map(name: str, field: str) -> int:
    inside, total = False, 0
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(" ", 1)[0]:
            inside = line.endswith(name)
        elif inside and line.startswith(field):
            total += int(line.split()[1])
    return total


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="reads Linux's smaps")
def test_processes_that_start_together_share_one_copy(source: Path) -> None:
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe(duplex=False) for _ in range(3)]
    workers = [
        context.Process(target=_report_private_memory, args=(source, sender))
        for _, sender in pipes
    ]
    for worker in workers:
        worker.start()
    for receiver, _ in pipes:
        assert receiver.poll(60)
        assert receiver.recv() == (BIG, 0)
    for worker in workers:
        worker.join(60)
    files = [path.name for path in (source.parent / ".study_cache").glob("*/*")]
    assert files == ["big.npy"]
