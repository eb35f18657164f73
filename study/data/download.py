"""Download one file over HTTP: resumable, checked by MD5, complete under its final name.

Pooch would be less code, but it starts a broken download again from the first byte.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from study.common.errors import DataError

Progress = Callable[[int, int], None]
"""Called with the bytes on disk and the bytes of the complete file (0 if unknown)."""

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0
_ATTEMPTS = 3  # connections in a row without a new byte


class _FetchError(Exception):
    """The file cannot be downloaded, with the reason."""


class _StalePartError(Exception):
    """The bytes on disk do not belong to the server's file."""


def file_md5(path: Path) -> str:
    """Return the MD5 of a file, in lower-case hexadecimal."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()


def download(*, url: str, destination: Path, md5: str, progress: Progress | None = None) -> None:
    """Download ``url`` to ``destination``, from where an earlier call was cut off.

    The bytes go to ``destination`` + ``.part``. That file stays when the connection breaks or the
    user interrupts, and is moved into place when its MD5 is right. A lock lets one process
    download the file while others wait for it.

    Args:
        md5: Expected MD5, in lower-case hexadecimal.
    """
    part = destination.with_name(destination.name + ".part")
    report = progress or (lambda _here, _total: None)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(destination.with_name(destination.name + ".lock")):
            if destination.exists():
                return
            _fetch_checked(url, part, md5, report)
            part.replace(destination)
    except urllib.error.HTTPError as error:
        with error:  # closes the connection
            reason = f"HTTP {error.code} {error.reason}"
        raise _failed(url, destination, part, reason) from None
    except urllib.error.URLError as error:
        raise _failed(url, destination, part, str(error.reason)) from None
    except (_FetchError, http.client.HTTPException, ValueError) as error:
        raise _failed(url, destination, part, str(error)) from None
    except OSError as error:
        found = f"{error.filename or destination.parent}: {error.strerror or error}"
        raise DataError(
            f"{found}; {url} cannot be stored there: name another folder with --data-root"
        ) from None


def _failed(url: str, destination: Path, part: Path, reason: str) -> DataError:
    here = part.stat().st_size if part.exists() else 0
    kept = f" (the {here:,} bytes are kept, and the same command continues)" * bool(here)
    return DataError(
        f"{destination.name}: download failed: {reason}{kept}; get {url} by other means, put it "
        f"into {destination.parent}, or try without a download: --dataset digits"
    )


def _fetch_checked(url: str, part: Path, md5: str, report: Progress) -> None:
    """Download to ``part`` and check it. A wrong MD5 after resuming causes one fresh start."""
    resumed = part.exists() and part.stat().st_size > 0
    _fetch(url, part, report)
    found = file_md5(part)
    if found != md5 and resumed:
        part.unlink()
        _fetch(url, part, report)
        found = file_md5(part)
    if found != md5:
        part.unlink()
        raise _FetchError(f"MD5 is {found} and should be {md5}")


def _fetch(url: str, part: Path, report: Progress) -> None:
    """Append to ``part`` until it is complete. A broken connection is opened again."""
    failures = 0
    with part.open("ab") as file:
        while failures < _ATTEMPTS:
            before = file.tell()
            try:
                if _receive(url, file, report):
                    return
            except _StalePartError:
                _empty(file)
            failures = 0 if file.tell() > before else failures + 1
    raise _FetchError(f"the connection broke {_ATTEMPTS} times without a new byte")


def _receive(url: str, file: BinaryIO, report: Progress) -> bool:
    """Append one response to ``file``; return whether the file is complete."""
    here = file.tell()
    headers = {"User-Agent": "study-nas", "Accept-Encoding": "identity"}
    if here:
        headers["Range"] = f"bytes={here}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except (TimeoutError, ConnectionError):  # while waiting for the answer
        return False
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        with error:
            if _whole_size(error.headers.get("Content-Range")) == here:
                return True
        raise _StalePartError from None
    with response:
        total = _expected_total(response, here)
        if here and response.status != http.HTTPStatus.PARTIAL_CONTENT:
            _empty(file)
        return _copy(response, file, total, report)


def _empty(file: BinaryIO) -> None:
    file.truncate(0)
    file.seek(0)


def _whole_size(content_range: str | None) -> int | None:
    """Return the size in ``bytes 10-99/100`` or ``bytes */100``."""
    match = re.fullmatch(r"bytes\s+(?:\d+-\d+|\*)/(\d+)", content_range or "")
    return int(match[1]) if match else None


def _expected_total(response: http.client.HTTPResponse, here: int) -> int:
    """Return the size of the complete file in bytes, 0 where the server does not send it."""
    if response.status != http.HTTPStatus.PARTIAL_CONTENT:
        return int(response.headers.get("Content-Length") or 0)
    content_range = response.headers.get("Content-Range") or ""
    if not content_range.replace("bytes ", "").startswith(f"{here}-"):
        raise _StalePartError
    return _whole_size(content_range) or 0


def _copy(
    response: http.client.HTTPResponse, file: BinaryIO, total: int, report: Progress
) -> bool:
    """Append a response's body; return False when the connection broke before its end."""
    while True:
        report(file.tell(), total)
        try:
            chunk = response.read1(_CHUNK)  # returns as soon as some bytes are there
        except (OSError, http.client.HTTPException):
            return False
        if not chunk:
            return file.tell() >= total
        file.write(chunk)
