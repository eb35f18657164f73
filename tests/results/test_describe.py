from __future__ import annotations

import pytest

from study.results.describe import (
    architecture_sentence,
    describe_architecture,
    describe_recipe,
    describe_state,
    describe_trial,
    describe_trial_in_full,
    space_parameters,
)
from study.search_space.candidate import Architecture, Stage, Values
from study.storage.records import Draw, Failure, TrialRecord
from tests.report.builders import (
    SEED_PARAMETERS,
    duplicate,
    failed,
    pruned,
    seed_trial,
    stages_study,
    stored,
)


@pytest.mark.parametrize(
    ("params", "metric", "line"),
    [
        (
            None,
            "val_accuracy",
            "Conv layers: 2, Hidden units: 219, Dropout: 0.2, Accuracy: 0.8193",
        ),
        ({"dropout": 0.5}, "val_loss", "Dropout: 0.5, Loss: 0.8193"),  # the others are inactive
    ],
)
def test_a_trial_is_described_by_its_active_parameters_and_its_value(
    params: Values | None, metric: str, line: str
) -> None:
    record = seed_trial(0, value=0.8193, **({} if params is None else {"params": params}))
    assert describe_trial_in_full(record, SEED_PARAMETERS, metric) == line


STAGES = (
    Stage(operation="conv", kernel=3, channels=32, pool="max"),
    Stage(operation="identity", pool="average"),
    Stage(operation="residual", kernel=3, channels=16),
    Stage(operation="separable", kernel=5, channels=64),
)


@pytest.mark.parametrize(
    ("architecture", "line"),
    [
        (
            Architecture(stages=STAGES, padding="same", head="global_average"),
            "conv3-32 → max → avg → res3-16 → sep5-64 → gap → 4",
        ),
        (
            Architecture(conv_layers=1, hidden_units=219),
            "conv3-32 → max → flatten → 219 → 4",
        ),
    ],
)
def test_an_architecture_is_described_in_a_line(architecture: Architecture, line: str) -> None:
    assert describe_architecture(stored(architecture)) == line


def test_depths_that_resolve_to_one_stack_have_the_same_line() -> None:
    three, five = (stored(Architecture(conv_layers=depth)) for depth in (3, 5))
    assert describe_architecture(three) == describe_architecture(five)


def test_a_sentence_describes_blocks_map_and_head() -> None:
    sentence = architecture_sentence(stored(Architecture(hidden_units=219, dropout=0.2)))
    assert sentence == (
        "2 convolution blocks take 28×28×1 images to 5×5×32, flattened, "
        "through 219 hidden units with dropout 0.2, to 4 class scores."
    )


def test_nothing_stored_gives_an_empty_text() -> None:
    assert describe_architecture({}) == ""
    assert architecture_sentence({"blocks": 3}) == ""


def test_a_recipe_describes_what_the_training_chose() -> None:
    params: Values = {"optimizer": "sgd", "learning_rate": 0.01, "flip": True, "shift": 2}
    assert describe_recipe({**params, "kernel": 3}) == "sgd, learning rate 0.01, flip, shift 2"
    assert describe_recipe({"flip": False}) == ""


def test_a_trial_of_a_large_space_is_described_by_its_recipe() -> None:
    record = stages_study(1)[0]
    line = describe_trial(record, space_parameters([record], ()), "val_accuracy")
    assert line.startswith("Accuracy: ")
    assert "Stage" not in line


RUNNING = TrialRecord(number=0, state="running", intermediate={1: 0.5})


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (seed_trial(0), "complete"),
        (duplicate(4, 3), "duplicate of 3"),
        (duplicate(4, "other/3"), "duplicate of other/3"),
        (pruned(0, 0.742), "pruned at epoch 1: 0.7420, cut 0.7810 of 9"),
        (pruned(0, reason="too slow"), "pruned: too slow"),
        (pruned(0, reason=None), "pruned"),
        (failed(0), "failed: out of memory"),
        (failed(0, "killed"), "lost: killed"),
        (failed(0, failure=Failure(kind="data\nerror", text="")), "failed: data error"),
        (
            failed(9, draw=Draw(sequence_index=3, retry_of=5)),
            "failed: out of memory (repeat of 5)",
        ),
        (TrialRecord(number=0, state="failed"), "lost: interrupted before it began"),
        (RUNNING, "running, epoch 1 done"),
        (TrialRecord(number=0, state="waiting"), "waiting"),
    ],
)
def test_every_state_of_a_trial_is_described_on_one_line(record: TrialRecord, text: str) -> None:
    assert describe_state(record) == text


def test_parameters_follow_the_space_and_then_the_trials() -> None:
    records = [seed_trial(0, params={"kernel": 3, "dropout": 0.5})]
    assert space_parameters(records, SEED_PARAMETERS) == [*SEED_PARAMETERS, "kernel"]
