"""Many workers on one PostgreSQL server, killed at random: ``python -m benchmarks.load``.

    python -m benchmarks.load --storage postgresql+psycopg://user:password@host/empty_database

Worker processes of this machine run a study on a closed form. Each one joins the study as it would
from another machine. Some workers are killed with SIGKILL at random moments, and others replace
them. At the end the count must be exact, no candidate trained twice and no trial lost. The program
prints the trials per second and the outcomes of the trials.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from study.common.stop import Stop
from study.running.study_runner import prepare
from study.settings.run_context import RunContext
from study.settings.study_settings import make_settings
from study.storage.lifecycle import study_state
from study.storage.records import TrialRecord
from study.storage.stored_study import load_trials

ROOT = Path(__file__).resolve().parent.parent
STUDY = "load"
SPACE = """
name: wide
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: {type: int, low: 16, high: 512}
  dropout: {type: float, low: 0.0, high: 0.8}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the load, check the guarantees and print the figures."""
    options = _parser().parse_args(arguments)
    settings = make_settings(
        study=STUDY,
        space_name="wide",
        space_text=SPACE,
        dataset="digits",
        estimator=f"synthetic,delay={options.delay}",
        sampler=options.sampler,
        trials=options.trials,
        retries=100,
    )
    stored, _ = prepare(settings, RunContext(url=options.storage), stop=Stop())
    with tempfile.TemporaryDirectory() as folder:
        workers = Workers(url=options.storage, folder=Path(folder))
        seconds = workers.work(workers=options.workers, kills=options.kills, seed=options.seed)
    trials = load_trials(STUDY, options.storage)[1]
    check(trials, options.trials)
    print(f"{options.trials} trials by {options.workers} workers in {seconds:.0f} s:", end=" ")
    print(f"{options.trials / seconds:.1f} a second; {workers.killed} workers were killed")
    for line in figures(trials):
        print(line)
    print(f"stored study: {len(stored.study.user_attrs)} attributes")


@dataclass(kw_only=True)
class Workers:
    """Worker processes, started again when they die."""

    url: str
    folder: Path
    killed: int = 0
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def work(self, *, workers: int, kills: int, seed: int) -> float:
        """Run and kill workers. Return the seconds from the first start to the end."""
        rng, start = random.Random(seed), time.perf_counter()
        self.running = [self._start() for _ in range(workers)]
        next_kill = start + 60.0  # sixteen interpreters load first
        while self.running:
            time.sleep(0.1)
            if self.killed < kills and time.perf_counter() > next_kill:
                rng.choice(self.running).kill()
                self.killed += 1
                next_kill = time.perf_counter() + rng.uniform(1.0, 8.0)
            for process in [p for p in self.running if p.poll() is not None]:
                self.running.remove(process)
                if process.returncode != 0:
                    self.running.append(self._start())
        return time.perf_counter() - start

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "OPTUNA_STORAGE": self.url, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, str(ROOT / "run_study.py"), "worker", STUDY, "--quiet"],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def check(trials: Sequence[TrialRecord], wanted: int) -> None:
    """Raise ``AssertionError`` if a guarantee for any number of workers does not hold."""
    state = study_state(trials, retries=100)
    trained = [state.latest[index].candidate_id for index in state.finished]
    assert len(state.finished) == wanted, f"{len(state.finished)} finished trials"
    assert len(set(trained)) == wanted, "a candidate was trained twice"
    assert not state.running, "trials are left running"
    assert not state.to_repeat, "a candidate was lost"
    assert sorted(state.latest) == list(range(len(state.latest))), "a sequence index was left out"


def figures(trials: Sequence[TrialRecord]) -> list[str]:
    """Return further figures, one a line."""
    states = Counter(
        t.failure.kind if t.state == "failed" and t.failure else t.state for t in trials
    )
    busy = [(t.finished - t.started).total_seconds() for t in trials if t.finished and t.started]
    workers = Counter(str(t.worker.get("pid")) for t in trials if t.state == "complete")
    ends = sorted(t.finished for t in trials if t.state == "complete" and t.finished)
    middle = ends[len(ends) // 10 : -len(ends) // 10]
    rate = (len(middle) - 1) / (middle[-1] - middle[0]).total_seconds()
    return [
        "trials: " + ", ".join(f"{count} {state}" for state, count in states.most_common()),
        f"seconds from creation to end: median {statistics.median(busy):.2f}, 99 % within"
        f" {sorted(busy)[int(0.99 * len(busy))]:.2f}",
        f"trials a second in the middle eight tenths: {rate:.1f}",
        f"{len(workers)} processes finished trials, from {min(workers.values())} to"
        f" {max(workers.values())} each",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--storage", required=True, help="URL of an empty database")
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--delay", type=float, default=0.1, help="seconds of an epoch, of three")
    parser.add_argument("--sampler", default="random")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
