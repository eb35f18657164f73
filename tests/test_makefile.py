"""Set-up by ``make``, when it fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.studies import ROOT

PYTHON = """\
#!/bin/sh
# stands for a Python whose venv makes the interpreter, then fails: without ensurepip, say
[ "$1" = -c ] && exit 0
mkdir -p "$3/bin" && touch "$3/bin/python" && exit 1
"""


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_an_incomplete_virtual_environment_is_removed(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    venv = tmp_path / "venv"
    done = subprocess.run(
        ["make", "-C", str(ROOT), f"PYTHON={python}", f"VENV={venv}", f"{venv}/bin/python"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert not venv.exists(), done.stdout + done.stderr
