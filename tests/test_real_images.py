"""The seed's search on genuine OCT images, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.running.study_runner import run_study
from study.settings.run_context import RunContext
from tests.studies import ROOT, settings

MINI = ROOT.parent / "shared" / "data" / "octmnist_mini.npz"
MAJORITY = 355 / 758


@pytest.mark.skipif(not MINI.exists(), reason=f"{MINI.name} is not at hand")
def test_the_seeds_search_learns_more_than_the_majority_class(tmp_path: Path) -> None:
    asked = settings(dataset=str(MINI), estimator="train", sampler="random", trials=2, epochs=6)
    result = run_study(asked, RunContext(url=f"sqlite:///{tmp_path}/study.db"))
    values = [trial.value for trial in result.trials if trial.value is not None]
    assert len(values) == 2
    assert max(values) > MAJORITY + 0.1
