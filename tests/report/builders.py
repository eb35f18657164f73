"""Records and summaries for the report's tests, from a seed; no training, no storage."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import random
from collections.abc import Mapping
from typing import Any

from study.confirmation.result import Confirmation, ConfirmedCandidate
from study.final_test.access_log import Access
from study.final_test.result import (
    ChainLink,
    ClassResult,
    FinalTest,
    NetworkResult,
    PublishedResult,
)
from study.report.study_summary import Process, StudySummary
from study.search_space.candidate import (
    OCTMNIST,
    Architecture,
    Candidate,
    Recipe,
    Stage,
    Values,
)
from study.search_space.resolve import candidate_id, complexity, resolve
from study.settings.metrics import MEASURES, Measure
from study.statistics.results import Interval, PairedTest, ReliabilityBin, Spread
from study.storage.records import Draw, Failure, TrialRecord

START = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
SEED_PARAMETERS = ("conv_layers", "hidden_units", "dropout")


def stored(architecture: Architecture) -> dict[str, Any]:
    """Return an architecture as a trial stores it."""
    return dataclasses.asdict(resolve(architecture, OCTMNIST))


def seed_trial(number: int, *, value: float | None = 0.8, **changes: Any) -> TrialRecord:
    """Return a trial of the seed's space: complete, with a value, unless changed."""
    params = changes.pop("params", {"conv_layers": 2, "hidden_units": 219, "dropout": 0.2})
    architecture = Architecture(**params)
    counts = complexity(resolve(architecture, OCTMNIST))
    identity = candidate_id(
        Candidate(architecture=architecture, recipe=Recipe(epochs=3)), OCTMNIST
    )
    curve = {} if value is None else {e: value - 0.1 * (3 - e) / 3 for e in (1, 2, 3)}
    base = TrialRecord(
        number=number,
        state="complete",
        objectives=() if value is None else (value,),
        params=params,
        draw=Draw(sequence_index=number),
        candidate_id=f"{identity[:8]}{number:08x}",
        architecture=stored(architecture),
        parameters=counts.parameters,
        macs=counts.macs,
        conv_macs=counts.conv_macs,
        metrics={} if value is None else {"val_accuracy": value, "val_auc": value / 2 + 0.5},
        intermediate=curve,
        epochs=3.0,
        seconds=12.5,
        worker={"host": "lab", "pid": 100 + number % 2, "label": f"worker {number % 2}"},
        started=START + dt.timedelta(seconds=14 * (number // 2)),
        finished=START + dt.timedelta(seconds=14 * (number // 2) + 12.5),
    )
    return dataclasses.replace(base, **changes)


def duplicate(number: int, of: int | str, value: float = 0.8, **changes: Any) -> TrialRecord:
    """Return a trial that reuses the result of another."""
    return seed_trial(
        number, value=value, reused_from=of, epochs=0.0, seconds=0.0, intermediate={}, **changes
    )


def pruned(number: int, value: float = 0.6, **changes: Any) -> TrialRecord:
    """Return a pruned trial."""
    reason = f"pruned at epoch 1: {value:.4f}, cut 0.7810 of 9"
    base: dict[str, Any] = {"state": "pruned", "reason": reason, "epochs": 1.0}
    return seed_trial(number, value=value, **{**base, "intermediate": {1: value}, **changes})


def failed(number: int, kind: str = "out of memory", **changes: Any) -> TrialRecord:
    """Return a failed trial."""
    failure = Failure(kind=kind, text="tried to allocate 20 GiB")
    return seed_trial(number, value=None, **{"state": "failed", "failure": failure, **changes})


def seed_study(count: int = 40, seed: int = 0) -> list[TrialRecord]:
    """Return a study of the seed's space, with trials of every kind."""
    rng = random.Random(seed)
    records: list[TrialRecord] = []
    for number in range(count):
        depth, hidden = rng.randint(1, 5), rng.randint(16, 512)
        dropout = rng.choice([0, 0.2, 0.5, 0.8])
        params: Values = {"conv_layers": depth, "hidden_units": hidden, "dropout": dropout}
        quality = 0.70 + 0.04 * min(depth, 2) + 0.02 * math.log10(hidden)
        value = round(quality - 0.03 * dropout + rng.gauss(0, 0.008), 4)
        draw = rng.random()
        if number > 5 and draw < 0.2:
            records.append(pruned(number, value - 0.12, params=params))
        elif number > 5 and draw < 0.3:
            source = next(r for r in records if r.state == "complete")
            params = dict(source.params)
            records.append(duplicate(number, source.number, source.objectives[0], params=params))
        elif draw > 0.95:
            records.append(failed(number, rng.choice(["out of memory", "killed"]), params=params))
        else:
            records.append(seed_trial(number, value=value, params=params))
    return records


def stages_study(count: int = 60, seed: int = 1) -> list[TrialRecord]:
    """Return a study of a space of stages: many parameters, most of them conditional."""
    rng = random.Random(seed)
    return [_stages_trial(number, rng) for number in range(count)]


def _stages_trial(number: int, rng: random.Random) -> TrialRecord:
    params: dict[str, Any] = {"stages.count": rng.randint(1, 6)}
    for i in range(1, params["stages.count"] + 1):
        operation = rng.choice(["conv", "separable", "residual", "identity"])
        params[f"stage{i}.operation"] = operation
        params[f"stage{i}.pool"] = rng.choice(["none", "max", "average"])
        if operation != "identity":
            params[f"stage{i}.kernel"] = rng.choice([3, 5])
            params[f"stage{i}.channels"] = rng.choice([8, 16, 32, 64])
    params |= {"head": rng.choice(["flatten", "global_average"]), "norm": "batch"}
    params |= {"optimizer": rng.choice(["adamw", "sgd"]), "flip": rng.random() < 0.5}
    params["learning_rate"] = 10 ** rng.uniform(-4, -1.5)
    stages = tuple(
        Stage(
            operation=params[f"stage{i}.operation"],
            pool=params[f"stage{i}.pool"],
            kernel=params.get(f"stage{i}.kernel", 3),
            channels=params.get(f"stage{i}.channels", 32),
        )
        for i in range(1, params["stages.count"] + 1)
    )
    architecture = Architecture(stages=stages, padding="same", norm="batch", head=params["head"])
    counts = complexity(resolve(architecture, OCTMNIST))
    value = 0.7 + 0.03 * math.log10(counts.macs + 1) / 2 + rng.gauss(0, 0.02)
    recipe = Recipe(optimizer=params["optimizer"], learning_rate=params["learning_rate"], epochs=3)
    return TrialRecord(
        number=number,
        state="complete",
        objectives=(value,),
        params=params,
        draw=Draw(sequence_index=number),
        candidate_id=candidate_id(Candidate(architecture=architecture, recipe=recipe), OCTMNIST),
        architecture=stored(architecture),
        parameters=counts.parameters,
        macs=counts.macs,
        metrics={"val_accuracy": value},
        intermediate={e: value - 0.2 / e for e in range(1, 11)},
        epochs=10.0,
        seconds=60.0,
        worker={"label": f"worker {number % 4}"},
        started=START + dt.timedelta(seconds=60 * (number // 4)),
        finished=START + dt.timedelta(seconds=60 * (number // 4) + 58),
    )


def confirmation() -> Confirmation:
    """Return a confirmation of three candidates."""
    difference = {"difference": 0.0006}
    return Confirmation(
        metric="val_accuracy",
        candidates=(
            _confirmed(7, 0.8193, (0.8101, 0.8122, 0.8087)),
            _confirmed(12, 0.8188, (0.8094, 0.8079, 0.8120)),
            _confirmed(3, 0.8160, (0.8011, 0.8040, 0.7998)),
        ),
        optimism=0.0090,
        study="seed-confirm",
        tests=(
            PairedTest(
                method="paired t-test over seeds",
                pairs=3,
                p_value=0.61,
                interval=Interval(low=-0.003, high=0.0042),
                **difference,
            ),
            PairedTest(
                method="paired bootstrap over images",
                pairs=10832,
                p_value=0.44,
                interval=Interval(low=-0.001, high=0.0021),
                **difference,
            ),
        ),
        seeds_needed=41,
        left_out=("trial 22: none of its fresh runs completed",),
    )


def _confirmed(number: int, search: float, fresh: tuple[float, ...]) -> ConfirmedCandidate:
    mean = sum(fresh) / len(fresh)
    return ConfirmedCandidate(
        candidate_id=f"{number:016x}",
        number=number,
        search_value=search,
        seeds=(11, 12, 13),
        fresh_values=fresh,
        fresh=_spread(mean, mean - 0.0044, mean + 0.0044, std=0.0018),
        choosing_mean=(sum(fresh) + search) / (len(fresh) + 1),
    )


def _spread(mean: float, low: float, high: float, std: float | None = None) -> Spread:
    return Spread(mean=mean, std=std, interval=Interval(low=low, high=high))


def access(when: dt.datetime) -> Access:
    """Return an entry of the test-set access log."""
    return Access(
        when=when, candidate_id="a" * 16, code_version="0.1.0", fit_on="train", seeds=(1,)
    )


def final_test() -> FinalTest:
    """Return a test of five networks on 1,000 images of four classes."""
    recalls_and_precisions = {
        "choroidal neovascularization": (0.912, 0.693),
        "diabetic macular edema": (0.688, 0.905),
        "drusen": (0.484, 0.924),
        "normal": (0.976, 0.697),
    }
    bins = (
        (0.35, -0.03, 14), (0.45, 0.02, 61), (0.56, 0.05, 103), (0.66, 0.08, 121),
        (0.75, 0.11, 140), (0.86, 0.1, 186), (0.96, 0.07, 375),
    )  # fmt: skip
    published = {
        "ResNet-18 (28)": (0.743, 0.943),
        "AutoKeras": (0.763, 0.955),
        "Google AutoML Vision": (0.771, 0.963),
    }
    chain = {
        "Validation accuracy, as the search saw it": 0.8193,
        "Validation accuracy, fresh seeds": 0.8103,
        "Validation balanced accuracy": 0.6921,
        "Test accuracy (balanced classes)": 0.765,
    }
    accuracies = {11: 0.761, 22: 0.772, 33: 0.765, 44: 0.758, 55: 0.769}
    return FinalTest(
        candidate_id="a" * 16,
        number=7,
        access=2,
        size=28,
        images=1000,
        epochs=3,
        over_seeds={
            "test_accuracy": _spread(0.765, 0.7579, 0.7721, std=0.0057),
            "test_balanced_accuracy": _spread(0.765, 0.7579, 0.7721, std=0.0057),
            "test_auc": _spread(0.9476, 0.9462, 0.949, std=0.0011),
        },
        classes=tuple(
            ClassResult(
                name=name,
                images=250,
                recall=r,
                precision=p,
                recall_interval=Interval(low=r - 0.03, high=min(r + 0.03, 1.0)),
                precision_interval=Interval(low=p - 0.05, high=min(p + 0.05, 1.0)),
            )
            for name, (r, p) in recalls_and_precisions.items()
        ),
        reliability=tuple(
            ReliabilityBin(low=c - 0.03, high=c + 0.03, confidence=c, accuracy=c - gap, images=n)
            for c, gap, n in bins
        ),
        chain=tuple(ChainLink(name=name, value=value) for name, value in chain.items()),
        published=tuple(
            PublishedResult(name=name, accuracy=accuracy, auc=auc, source="MedMNIST v2")
            for name, (accuracy, auc) in published.items()
        ),
        resolvable=0.034,
        resolvable_paired=(0.028, 0.04),
        dataset="octmnist",
        networks=tuple(
            NetworkResult(
                seed=seed,
                measures={
                    "test_accuracy": a,
                    "test_balanced_accuracy": a,
                    "test_auc": 0.94 + a / 100,
                    "test_ece": 0.083,
                },
                intervals={"test_accuracy": Interval(low=a - 0.02, high=a + 0.02)},
                confusion=((228, 9, 5, 8), (31, 172, 4, 43), (68, 6, 121, 55), (2, 3, 1, 244)),
                weights="0" * 64,
            )
            for seed, a in accuracies.items()
        ),
        mean_over_images={"test_accuracy": _spread(0.765, 0.7401, 0.7880)},
        validated="the confirmation's networks",
    )


SPACE_TEXT = """\
name: seed
parameters:
  conv_layers: {type: int, low: 1, high: 5}
  hidden_units: {type: int, low: 16, high: 512}
  dropout: {type: categorical, choices: [0, 0.2, 0.5, 0.8]}
  channels: 32
"""

DATA_NOTES = """\
octmnist: 97,477 training, 10,832 validation images of 28×28 pixels, 1 channel
classes: training .34 / .10 / .08 / .47, validation .34 / .10 / .08 / .47
the validation part is skewed, the test part is balanced: expect a lower test accuracy
exact duplicates between training and validation: 12; near duplicates: 341
"""

PASSWORD = "hunter2"


def summary(**changes: Any) -> StudySummary:
    """Return the summary of a study of the seed's space, searched only."""
    base = StudySummary(
        name="seed",
        settings={
            "sampler": "tpe",
            "estimator": "train",
            "pruner": "asha,reduction_factor=3",
            "metric": "accuracy",
            "dataset": "octmnist",
            "split": "official",
            "epochs": 3,
            "seed": 0,
            "workers": 2,
            "timeout": None,
        },
        parameters=SEED_PARAMETERS,
        space_name="seed",
        space_text=SPACE_TEXT,
        target=40,
        data_notes=DATA_NOTES,
        versions={"code": "0.1.0 (3f2c1aa)", "torch": "2.14.1", "optuna": "5.0.0"},
        hardware={"cpu": "AMD EPYC 9R14, 2 cores", "threads": "1 a worker", "memory": "8 GiB"},
        processes=tuple(
            Process(
                label=f"lab, process {pid}",
                started=START,
                seconds=seconds,
                trials=trials,
                epochs=epochs,
                training_seconds=training,
            )
            for pid, seconds, trials, epochs, training in (
                (100, 291.0, 21, 51, 260.0),
                (101, 288.0, 19, 46, 251.5),
            )
        ),
        storage=f"postgresql+psycopg://nas:{PASSWORD}@db.example/studies",
        resume="study-nas resume seed --storage sqlite:///study.db",
    )
    return dataclasses.replace(base, **changes)


def full_summary(**changes: Any) -> StudySummary:
    """Return the summary of a study that was also confirmed and tested, twice."""
    accesses = tuple(access(START + dt.timedelta(days=d)) for d in (1, 3))
    importance: Mapping[str, float] = {"conv_layers": 0.61, "hidden_units": 0.27, "dropout": 0.12}
    return summary(
        **{
            "confirmation": confirmation(),
            "test": final_test(),
            "accesses": accesses,
            "importance": importance,
            **changes,
        }
    )


def two_objectives() -> tuple[Measure, ...]:
    """Return accuracy up, MACs down."""
    return MEASURES["accuracy"], MEASURES["macs"]
