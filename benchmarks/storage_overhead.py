"""The cost of a trial beside its training: ``python -m benchmarks.storage_overhead``.

A study on a closed form is filled with stored trials. The study's own loop then runs some more,
and each is timed: reap dead trials, read, draw, create, three reports, store. Nothing is trained,
so all of the time is overhead. ``--epoch`` times one epoch on a data set of OCTMNIST's size for
comparison. Its images are noise, which takes the same time to train.

The storage is a new SQLite file, or any URL: ``--storage postgresql+psycopg://…``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import numpy as np
import optuna
import torch
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.common.stop import Stop
from study.performance_estimation.training.data import TrainingData
from study.performance_estimation.training.speed import probe_precision
from study.performance_estimation.training.training import TrainingSettings, train
from study.running.study_runner import prepare
from study.running.worker import make_worker
from study.search_space.candidate import OCTMNIST
from study.search_space.reading.loading import load_space
from study.search_space.resolve import candidate_id, resolve
from study.search_strategy.samplers.optuna_strategy import distributions
from study.settings.run_context import RunContext
from study.settings.study_settings import make_settings
from study.storage import records
from study.storage.records import Draw, ranges
from study.storage.stored_study import StoredStudy

SPACE = """
name: wide
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: {type: int, low: 16, high: 512}
  dropout: {type: float, low: 0.0, high: 0.8}
"""
OCTMNIST_TRAIN, OCTMNIST_VAL = 97_477, 10_832


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print one line for each number of stored trials."""
    options = _parser().parse_args(arguments)
    if options.epoch:
        print(f"one epoch on {OCTMNIST_TRAIN:,} images: {epoch_seconds():.2f} s", flush=True)
    for sampler in options.sampler:
        for stored in options.stored:
            with tempfile.TemporaryDirectory() as folder:
                url = options.storage or f"sqlite:///{folder}/study.db"
                seconds = turn_seconds(url, sampler=sampler, stored=stored, turns=options.turns)
            print(f"{sampler}, {stored} stored trials: {_describe(seconds)}", flush=True)


def _describe(seconds: Sequence[tuple[float, float]]) -> str:
    wall, processor = ([1000 * value for value in column] for column in zip(*seconds, strict=True))
    return (
        f"median {statistics.median(wall):.0f} ms a trial, of which the processor worked"
        f" {statistics.median(processor):.0f} ms; largest {max(wall):.0f} ms; n = {len(wall)}"
    )


def turn_seconds(url: str, *, sampler: str, stored: int, turns: int) -> list[tuple[float, float]]:
    """Return seconds and processor seconds of trials of a study with ``stored`` trials."""
    settings = make_settings(
        study=f"overhead-{sampler}-{stored}-{time.time_ns()}",
        space_name="wide",
        space_text=SPACE,
        dataset="digits",
        estimator="synthetic",
        sampler=sampler,
        trials=stored + turns + 1,
    )
    run_context, stop = RunContext(url=url), Stop()
    study, _ = prepare(settings, run_context, stop=stop)
    for trial in filling(study, count=stored):
        study.study.add_trial(trial)
    worker = make_worker(study, run_context, stop=stop)
    seconds = []
    for _ in range(turns + 1):
        start, worked = time.perf_counter(), time.process_time()
        ended = worker._turn()
        seconds.append((time.perf_counter() - start, time.process_time() - worked))
        assert ended is None
    return seconds[1:]  # the first one reads what is stored


def filling(stored: StoredStudy, *, count: int) -> Iterator[FrozenTrial]:
    """Yield finished trials of distinct candidates in the form in which a study stores them."""
    space, rng = stored.problem.space, np.random.default_rng(0)
    now, known = dt.datetime.now(), distributions(space)
    for index in range(count):
        values = space.sample(rng)
        identity = candidate_id(space.candidate(values), stored.image)
        draw = Draw(
            sequence_index=index,
            seen=ranges(range(index)),
            budget=stored.settings.trials,
        )
        curve = [{"train_loss": 1.0, "val_accuracy": 0.5 + 0.1 * n} for n in range(3)]
        trial = create_trial(
            state=TrialState.COMPLETE,
            value=float(rng.uniform()),
            params=dict(values),
            distributions={name: known[name] for name in values},
            intermediate_values={n + 1: step["val_accuracy"] for n, step in enumerate(curve)},
            user_attrs={
                records.ARCHITECTURE: {"blocks": [{"operation": "conv3", "channels": 32}] * 4},
                records.PARAMETERS: 100_000,
                records.MACS: 1_000_000,
                records.WORKER: {"host": "here", "pid": 1, "start": "1", "label": "worker 1"},
                records.CANDIDATE_ID: identity,
                records.DRAW: asdict(draw),
                records.CURVE: curve,
                records.EPOCHS: 3,
                records.METRICS: curve[-1],
            },
        )
        trial.datetime_start = trial.datetime_complete = now
        yield trial


def epoch_seconds() -> float:
    """Return the seconds of one epoch, validation included, of a network of two conv layers."""
    values = {"conv_layers": 2, "hidden_units": 128, "dropout": 0.2}
    candidate = load_space("seed").candidate(values)
    generator = torch.Generator().manual_seed(0)

    def images(count: int) -> torch.Tensor:
        return torch.randint(0, 256, (count, 1, 28, 28), dtype=torch.uint8, generator=generator)

    data = TrainingData(
        train_images=images(OCTMNIST_TRAIN),
        train_labels=torch.randint(0, 4, (OCTMNIST_TRAIN,), generator=generator),
        val_images=images(OCTMNIST_VAL),
        val_labels=torch.randint(0, 4, (OCTMNIST_VAL,), generator=generator),
    )
    precision = probe_precision(torch.device("cpu")).precision
    settings = TrainingSettings(seed=0, epochs=1, precision=precision)
    stack = resolve(candidate.architecture, OCTMNIST)
    return train(stack, candidate.recipe, data, settings=settings).seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 1000, 5000])
    parser.add_argument("--sampler", nargs="+", default=["random", "tpe"])
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--storage", help="URL; a new SQLite file by default")
    parser.add_argument("--epoch", action="store_true", help="time one OCTMNIST epoch, too")
    return parser


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    main()
