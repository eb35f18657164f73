"""How many epochs a search needs with each pruner and the cascade, compared with plain search.

    python -m benchmarks.pruner_study --table small_octmnist --seeds 30
    python -m benchmarks.pruner_study --space seed --data octmnist.npz --epochs 6 --seeds 8 \
        --spend 0.4 --search tpe/one_epoch --search tpe/asha/conv_macs:200

Every search is an ordinary study with one worker, in a temporary storage. The plain searches are
random search and TPE, which train 15 candidates to the end. The others may train as many epochs,
or the share given by ``--spend``. Searches with equal seeds are compared in pairs. The optimised
value is biased upwards, so the best finds are compared by fresh trainings: the other columns of a
table, or two trainings with new seeds.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch

from benchmarks.paired_searches import Search, compare, search_of, table
from study.common.errors import SettingsError
from study.data.dataset import load_search_data
from study.performance_estimation.estimator import EstimatorContext
from study.performance_estimation.tabular.table_file import SHIPPED, load_table, shipped_tables
from study.performance_estimation.training.speed import probe_precision
from study.performance_estimation.training.train_estimator import TrainEstimator
from study.running.study_runner import run_study
from study.search_space.reading.loading import load_space, read_space_text
from study.search_strategy.registry import PRUNERS
from study.search_strategy.strategy import generator
from study.settings.run_context import RunContext
from study.settings.study_settings import make_settings
from study.storage.records import TrialRecord

CANDIDATES = 15
"""Candidates that a plain search trains: the default number of trials of a study."""

PLAIN = ("random/none", "tpe/none")
SCREEN = "conv_macs:200"
FRESH_SEEDS = 2
TOP_SHARE = 0.25
"""Share of the best candidates, on which the noise is measured; bad candidates vary more."""

Fresh = Callable[[TrialRecord], Sequence[float]]
"""A complete trial → the values of other trainings of its candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The problem on which searches are compared.

    Args:
        settings: The settings that all searches share.
        epochs: Epochs of a full training.
        noise: Returns the standard deviation of a good candidate's value over trainings, after
            all searches are done.
    """

    settings: Mapping[str, Any]
    epochs: int
    fresh: Fresh
    noise: Callable[[], float]

    @property
    def budget(self) -> int:
        """Epochs of a plain search."""
        return CANDIDATES * self.epochs


def table_ground(file: str) -> Ground:
    """Return the trainings of a table with curves."""
    found = load_table(file)
    if found.curves is None or found.seeds < 2:
        raise SettingsError(f"table {file}: needs curves and two seeds to search with pruners")
    name, text = read_space_text(
        SHIPPED / f"{file}.yaml" if file in shipped_tables() else Path(file).with_suffix(".yaml")
    )
    best = np.argsort(-found.true_values)[: math.ceil(TOP_SHARE * len(found.true_values))]
    variance = found.values[best].var(axis=1, ddof=1).mean()

    def fresh(record: TrialRecord) -> Sequence[float]:
        others = np.delete(found.values[found.row(record.params)], record.facts["column"])
        return [float(value) for value in others]

    return Ground(
        settings={"space_name": name, "space_text": text, "estimator": f"table,file={file}"},
        epochs=found.epochs,
        fresh=fresh,
        noise=lambda: math.sqrt(variance),
    )


def training_ground(space: str, *, data: str, epochs: int) -> Ground:
    """Return real trainings of a space on a data set, on the CPU."""
    name, text = read_space_text(space)
    device = torch.device("cpu")
    precision = probe_precision(device).precision
    images = load_search_data(data)
    loaded = load_space(space, image=images.image).with_fixed(epochs=epochs)
    trainer = TrainEstimator.for_study(
        EstimatorContext(
            space=loaded, image=images.image, data=images, precision=precision, device=device
        )
    )
    trained: dict[str, list[float]] = {}

    def fresh(record: TrialRecord) -> Sequence[float]:
        name, candidate = record.candidate_id, loaded.candidate(record.params)
        if name not in trained:
            seeds = [int(generator(i, "fresh", name).integers(2**62)) for i in range(FRESH_SEEDS)]
            estimates = (
                trainer.estimate(candidate, seed=seed, report=lambda _: None) for seed in seeds
            )
            trained[name] = [estimate.metrics["val_accuracy"] for estimate in estimates]
        return trained[name]

    return Ground(
        settings={
            "space_name": name, "space_text": text, "dataset": data, "epochs": epochs,
            "precision": precision,
        },
        epochs=epochs,
        fresh=fresh,
        noise=lambda: math.sqrt(float(np.var(list(trained.values()), axis=1, ddof=1).mean())),
    )  # fmt: skip


def run_search(ground: Ground, search: str, *, seed: int, epochs: float) -> Search:
    """Return the finds of one search, run as a study in its own storage.

    Args:
        search: ``SAMPLER/PRUNER[/SCREEN]``.
        epochs: The study's epochs budget.
    """
    sampler, pruner, *screen = search.split("/")
    settings = make_settings(
        study=f"{search} {seed}",
        **ground.settings,
        sampler=sampler,
        pruner=pruner,
        screen=screen[0] if screen else None,
        seed=seed,
        epochs_budget=epochs,
    )
    with tempfile.TemporaryDirectory() as folder:
        result = run_study(settings, RunContext(url=f"sqlite:///{folder}/study.db", device="cpu"))
    return search_of(result.trials, lambda record: mean(ground.fresh(record)))


def default_searches(epochs: int) -> list[str]:
    """Return TPE with each pruner that can stop a training, and the cascades."""
    pruners = [
        name for name, pruner in PRUNERS.items() if pruner.stops and pruner().starts_at < epochs
    ]
    cascades = [f"tpe/{pruner}/{SCREEN}" for pruner in ("none", "asha", "one_epoch")]
    return [*(f"tpe/{pruner}" for pruner in pruners), "random/one_epoch", *cascades]


def study(ground: Ground, searches: Sequence[str], *, seeds: int, spend: float) -> str:
    """Return the tables: every search compared with random search and with plain TPE."""
    found: dict[str, list[Search]] = {name: [] for name in (*PLAIN, *searches)}
    for seed in range(seeds):
        for name, done in found.items():
            share = 1.0 if name in PLAIN else spend
            done.append(run_search(ground, name, seed=seed, epochs=share * ground.budget))
        print(f"seed {seed + 1} of {seeds}", file=sys.stderr, flush=True)
    noise = ground.noise()
    lines = [
        f"A plain search trains {ground.budget} epochs: {CANDIDATES} candidates for "
        f"{ground.epochs}. The others may train {spend:.0%} of that. Another training moves a "
        f"good candidate's value by {100 * noise:.2f} points (standard deviation)."
    ]
    for reference in PLAIN:
        rows = [
            compare(name, found[name], found[reference], epochs=ground.budget, noise=noise)
            for name in found
        ]
        lines.append(table(rows, reference=reference))
    return "\n\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the searches and print their tables."""
    options = _parser().parse_args(arguments)
    if options.table:
        ground = table_ground(options.table)
    else:
        ground = training_ground(options.space, data=options.data, epochs=options.epochs)
    searches = options.search or default_searches(ground.epochs)
    print(study(ground, searches, seeds=options.seeds, spend=options.spend))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Pruners and cascade against plain search.")
    parser.add_argument("--table", help="a shipped table's name, or a file with curves")
    parser.add_argument("--space", default="seed", help="the space for real training")
    parser.add_argument("--data", default="digits", help="a MedMNIST flag, digits, or a .npz file")
    parser.add_argument("--epochs", type=int, default=6, help="epochs of a full real training")
    parser.add_argument("--seeds", type=int, default=30, help="paired repeats")
    parser.add_argument("--spend", type=float, default=1.0, help="part of a plain search's epochs")
    parser.add_argument("--search", action="append", help="SAMPLER/PRUNER[/SCREEN]; repeatable")
    return parser


if __name__ == "__main__":
    main()
