from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.files import SHARED


@pytest.fixture(autouse=True)
def _cache_in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def octmnist_mini() -> Path:
    path = SHARED / "octmnist_mini.npz"
    if not path.exists():
        pytest.skip("octmnist_mini.npz is not beside the checkout")
    return path
