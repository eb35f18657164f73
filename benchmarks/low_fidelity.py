"""Is the first part of a long training a better low fidelity, or a short training of its own?

    python -m benchmarks.low_fidelity --space seed --data octmnist.npz --epochs 8 --sample 30

A cascade needs cheap scores of candidates before it trains some in full. A pruner uses the first
epochs of the full training, which continues for the survivors. A separate stage would train the
same number of epochs with a compressed schedule, and start again for the survivors. Both scores
are compared by Kendall's τ with the mean of two full trainings with other seeds. 95 % intervals
are percentile bootstrap over candidates, the same 2,000 resamples for all.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from study.data.dataset import load_search_data
from study.performance_estimation.estimator import EstimatorContext
from study.performance_estimation.training.data import training_data
from study.performance_estimation.training.speed import probe_precision
from study.performance_estimation.training.training import TrainingSettings, train
from study.rank_estimators.stratified_sample import stratified_sample
from study.search_space.candidate import Values
from study.search_space.reading.loading import load_space
from study.search_space.resolve import resolve
from study.statistics.ranks import kendall, resamples

METRIC = "val_accuracy"
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Data, precision and epochs of the full trainings."""

    context: EstimatorContext
    precision: str
    epochs: int

    def curve(self, values: Values, *, epochs: int, seed: int) -> list[float]:
        """Return the validation accuracy after every epoch of a training of ``epochs``."""
        candidate = self.context.space.candidate(values)
        training = train(
            resolve(candidate.architecture, self.context.image),
            candidate.recipe,
            training_data(self.context),
            settings=TrainingSettings(seed=seed, epochs=epochs, precision=self.precision),
        )
        return [result.metrics[METRIC] for result in training.results]


def scores_of(bench: Bench, values: Values, short: tuple[int, ...]) -> list[float]:
    """Return the reference of one candidate, then both scores for each short length."""
    full = bench.curve(values, epochs=bench.epochs, seed=0)
    reference = np.mean([bench.curve(values, epochs=bench.epochs, seed=s)[-1] for s in (1, 2)])
    row = [float(reference)]
    for length in short:
        row += [full[length - 1], bench.curve(values, epochs=length, seed=0)[-1]]
    return row


def report(rows: np.ndarray, short: tuple[int, ...]) -> str:
    """Return τ of every score with its interval, and of their differences."""
    weights = np.vstack([np.ones(len(rows)), resamples(len(rows), count=RESAMPLES, seed=0)])
    taus = [kendall(rows[:, column], rows[:, 0], weights) for column in range(1, rows.shape[1])]
    lines = []
    for index, length in enumerate(short):
        part, own = taus[2 * index], taus[2 * index + 1]
        for name, values in (("first part", part), ("short training", own), ("gain", own - part)):
            low, high = np.nanpercentile(values[1:], [2.5, 97.5])
            lines.append(f"{length} epochs, {name:14}  {values[0]:+.2f} [{low:+.2f}, {high:+.2f}]")
    return "\n".join(lines)


def main() -> int:
    """Train the sample and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="seed")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--sample", type=int, default=30)
    parser.add_argument("--short", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    data = load_search_data(str(arguments.data))
    space = load_space(arguments.space, image=data.image)
    cpu = torch.device("cpu")
    bench = Bench(
        context=EstimatorContext(space=space, image=data.image, data=data, device=cpu),
        precision=probe_precision(cpu).precision,
        epochs=arguments.epochs,
    )
    sample = stratified_sample(space, data.image, size=arguments.sample, seed=0)
    short = tuple(arguments.short)
    rows = np.array([scores_of(bench, values, short) for values in sample])
    sys.stdout.write(f"{space.name}, {len(rows)} candidates, {bench.precision}\n")
    sys.stdout.write(report(rows, short) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
