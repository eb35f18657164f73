"""Train every candidate of a space with several seeds, and write the results to a table.

    python -m benchmarks.tables.make SPACE.yaml --dataset octmnist --seeds 2

Each seed is an ordinary study with the sampler ``grid``, named after the space and the seed. It
can be interrupted at any moment, and the same command continues it. When all are done,
``NAME.npz`` is written beside the space. ``docs/benchmarks.md`` describes the file.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study.common.errors import EvaluationError
from study.common.stop import Stop, end_on_signals
from study.running.progress import Progress
from study.running.study_runner import run_study
from study.search_space.candidate import ValuesKey, values_key
from study.search_space.reading.loading import read_space_text, space_from_text
from study.search_space.space import SearchSpace
from study.settings.run_context import RunContext
from study.settings.study_settings import make_settings
from study.storage.records import TrialRecord

METRIC = "val_accuracy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The table to make.

    Args:
        dataset: A MedMNIST flag, or a ``.npz`` in MedMNIST's layout.
        seeds: Number of trainings of each candidate.
        storage: URL of the studies.
    """

    space: Path
    dataset: str
    seeds: int
    storage: str
    workers: int


def tabulate(order: Order, *, stop: Stop) -> Path | None:
    """Run the missing trainings and write the table; return None if a stop was requested."""
    source, text = read_space_text(order.space)
    space = space_from_text(text, source=source)
    studies = []
    for seed in range(order.seeds):
        trials = _train_all(order, source, text, count=space.size() or 0, seed=seed, stop=stop)
        if stop():
            return None
        studies.append(trials)
    path = order.space.with_suffix(".npz")
    out = io.BytesIO()
    np.savez_compressed(out, **table_arrays(space, studies))  # type: ignore[arg-type]
    path.write_bytes(out.getvalue())
    return path


def _train_all(
    order: Order, source: str, text: str, *, count: int, seed: int, stop: Stop
) -> tuple[TrialRecord, ...]:
    settings = make_settings(
        study=f"{order.space.stem}-{seed}",
        space_name=source,
        space_text=text,
        dataset=order.dataset,
        sampler="grid",
        seed=seed,
        trials=count,
        keep="none",
    )
    run_context = RunContext(url=order.storage)
    return run_study(
        settings, run_context, workers=order.workers, stop=stop, observers=(Progress(),)
    ).trials


def table_arrays(
    space: SearchSpace, studies: Sequence[Sequence[TrialRecord]]
) -> dict[str, np.ndarray]:
    """Return the arrays of a table, its rows in the order of the space.

    Args:
        studies: The trials of one study for each seed.

    Raises:
        EvaluationError: A point has no complete trial.
    """
    found = [
        {values_key(r.params): r for r in trials if r.state == "complete"} for trials in studies
    ]
    keys = [values_key(values) for values in space.points()]
    rows = [[_record(key, trained) for trained in found] for key in keys]
    curves = np.array([[[step[METRIC] for step in r.curve] for r in row] for row in rows])
    ids = [row[0].candidate_id for row in rows]
    macs = np.array([row[0].macs for row in rows])
    return {
        "values": curves[:, :, -1],
        "curves": curves,
        "cost": macs,
        "twins": np.array([ids.index(name) for name in ids]),
        "parameters": np.array([row[0].parameters for row in rows]),
        "macs": macs,
    }


def _record(key: ValuesKey, trained: Mapping[ValuesKey, TrialRecord]) -> TrialRecord:
    if key not in trained:
        point = {name: value for name, _, value in key}
        raise EvaluationError(f"no training of {point} is complete; a table needs all of them")
    return trained[key]


def main() -> None:
    """Make the table of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument(
        "space", type=Path, help="YAML file; every parameter with countable values"
    )
    parser.add_argument("--dataset", default="octmnist", help="a flag, or a .npz file")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--storage", default="sqlite:///tables.db")
    parser.add_argument("--workers", type=int, default=1)
    stop = Stop()
    with end_on_signals(stop):
        path = tabulate(Order(**vars(parser.parse_args())), stop=stop)
    print("interrupted; the same command continues" if path is None else f"wrote {path}")


_Plain = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    main()
