from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource
from study.performance_estimation.training.memory import keep_freed_memory
import numpy as np

if {keep}:
    keep_freed_memory()
    keep_freed_memory()

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def step():
    parts = [np.empty(3_000_000, dtype=np.uint8) for _ in range(8)]
    for part in parts:
        part[::4096] = 1

step()
before = faults()
for _ in range(20):
    step()
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other C libraries are left as they are")
def test_what_a_step_frees_serves_the_next_one() -> None:
    faults = [
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM.format(keep=keep)],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for keep in (True, False)
    ]
    assert faults[0] <= faults[1]
    assert faults[0] < 1_000  # of 20 · 8 · 733 pages touched
