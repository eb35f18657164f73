"""Identify the process that runs a trial, and check whether it is alive."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def host() -> str:
    """Return a name of this machine, this boot and this process namespace.

    Two processes can look each other up by process id only where this name is the same.
    """
    boot = _read("/proc/sys/kernel/random/boot_id")[:8]
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        namespace = ""
    return "/".join(filter(None, (socket.gethostname(), boot, namespace)))


def identity(label: str = "") -> dict[str, Any]:
    """Return the identity of the calling process: host, process id and start."""
    pid = os.getpid()
    return {"host": host(), "pid": pid, "start": _start_of(pid), "label": label}


def lives(who: Mapping[str, Any]) -> bool | None:
    """Return whether a process runs; None for a process of another host."""
    if who.get("host") != host():
        return None
    pid = int(who["pid"])
    if platform.system() == "Linux":
        return _start_of(pid) == who.get("start")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def same_process(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Return whether two identities name the same process."""
    return all(a.get(key) == b.get(key) for key in ("host", "pid", "start"))


def _start_of(pid: int) -> str:
    """Return the start of a process in clock ticks since boot; empty where it has ended.

    A zombie counts as ended.
    """
    stat = _read(f"/proc/{pid}/stat")
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] in "ZX":
        return ""
    return fields[19]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
