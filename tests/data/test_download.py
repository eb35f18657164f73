from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from study.common.errors import DataError
from study.data.download import download, file_md5
from tests.data.server import FileServer, serving

CONTENT = bytes(range(256)) * 8192  # 2 MB, several chunks
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "root" / "set.npz"


def part_of(target: Path) -> Path:
    return target.with_name("set.npz.part")


def test_a_download_has_its_final_name_and_reports_progress(
    server: FileServer, target: Path
) -> None:
    seen: list[tuple[int, int]] = []
    download(url=server.url, destination=target, md5=MD5, progress=lambda *now: seen.append(now))
    assert target.read_bytes() == CONTENT
    assert not part_of(target).exists()
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_a_broken_connection_is_continued_from_its_last_byte(
    server: FileServer, target: Path
) -> None:
    server.cuts = [1_000_000, 500_000]
    download(url=server.url, destination=target, md5=MD5)
    assert target.read_bytes() == CONTENT
    assert server.requested_ranges == [None, "bytes=1000000-", "bytes=1500000-"]


def test_an_interrupted_download_is_resumed_by_the_next_call(
    server: FileServer, target: Path
) -> None:
    def interrupt(here: int, _total: int) -> None:
        if here > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(url=server.url, destination=target, md5=MD5, progress=interrupt)
    kept = part_of(target).stat().st_size
    assert kept > 1_000_000
    assert not target.exists()
    download(url=server.url, destination=target, md5=MD5)
    assert target.read_bytes() == CONTENT
    assert server.requested_ranges[-1] == f"bytes={kept}-"


@pytest.mark.parametrize(
    "part", [CONTENT, CONTENT + b"more", b"x" * 5000], ids=["complete", "too long", "another file"]
)
def test_a_complete_part_is_kept_and_a_wrong_one_is_deleted(
    server: FileServer, target: Path, part: bytes
) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(part)
    download(url=server.url, destination=target, md5=MD5)
    assert target.read_bytes() == CONTENT


def test_a_server_without_ranges_starts_over(server: FileServer, target: Path) -> None:
    server.knows_ranges = False
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:700_000])
    download(url=server.url, destination=target, md5=MD5)
    assert target.read_bytes() == CONTENT
    assert server.requested_ranges == ["bytes=700000-"]


def test_a_server_that_sends_no_length_is_checked_by_the_md5(
    server: FileServer, target: Path
) -> None:
    server.sends_length = False
    seen: list[tuple[int, int]] = []
    download(url=server.url, destination=target, md5=MD5, progress=lambda *now: seen.append(now))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), 0)


def test_a_wrong_md5_leaves_nothing_and_names_the_remedies(
    server: FileServer, target: Path
) -> None:
    with pytest.raises(DataError) as caught:
        download(url=server.url, destination=target, md5="0" * 32)
    message = str(caught.value)
    assert f"MD5 is {MD5} and should be {'0' * 32}" in message
    assert server.url in message
    assert f"put it into {target.parent}" in message
    assert "--dataset digits" in message
    assert "\n" not in message
    assert not target.exists()
    assert not part_of(target).exists()


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_refusal_by_the_server_is_one_line(
    server: FileServer, target: Path, status: int
) -> None:
    server.status = status
    with pytest.raises(DataError, match=rf"failed: HTTP {status} .*put it into") as caught:
        download(url=server.url, destination=target, md5=MD5)
    assert len(server.requested_ranges) == 1
    assert "\n" not in str(caught.value)


def test_three_connections_without_a_new_byte_end_the_download(
    server: FileServer, target: Path
) -> None:
    server.cuts = [1_000_000, 0, 0, 0]
    with pytest.raises(DataError, match=r"broke 3 times.*1,000,000 bytes are kept"):
        download(url=server.url, destination=target, md5=MD5)
    assert len(server.requested_ranges) == 4


def test_a_missing_server_or_folder_is_one_line(server: FileServer, target: Path) -> None:
    with serving(b"") as gone:
        url = gone.url
    with pytest.raises(DataError, match=r"download failed: .*refused.*--dataset digits"):
        download(url=url, destination=target, md5=MD5)
    target.write_text("in the way")
    with pytest.raises(DataError, match="name another folder with --data-root"):
        download(url=server.url, destination=target / "set.npz", md5=MD5)


def _download_and_check(url: str, target: Path) -> None:
    download(url=url, destination=target, md5=MD5)
    os._exit(0 if file_md5(target) == MD5 else 1)


def test_several_processes_download_a_file_once(server: FileServer, target: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_download_and_check, args=(server.url, target)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert server.requested_ranges == [None]
