from __future__ import annotations

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


def test_the_seed_s_line_can_be_read_off() -> None:
    line = describe_trial_in_full(seed_trial(0, value=0.8193), SEED_PARAMETERS, "val_accuracy")
    assert line == "Conv layers: 2, Hidden units: 219, Dropout: 0.2, Accuracy: 0.8193"


def test_an_inactive_parameter_is_left_out_of_the_line() -> None:
    record = seed_trial(0, value=0.5, params={"dropout": 0.5})
    assert (
        describe_trial_in_full(record, SEED_PARAMETERS, "val_loss") == "Dropout: 0.5, Loss: 0.5000"
    )


def test_a_stack_is_described_in_a_line() -> None:
    stages = (
        Stage(operation="conv", kernel=3, channels=32, pool="max"),
        Stage(operation="identity", pool="average"),
        Stage(operation="residual", kernel=3, channels=16),
        Stage(operation="separable", kernel=5, channels=64),
    )
    architecture = Architecture(stages=stages, padding="same", head="global_average")
    words = describe_architecture(stored(architecture))
    assert words == "conv3-32 → max → avg → res3-16 → sep5-64 → gap → 4"


def test_a_plain_stack_names_its_hidden_layer() -> None:
    words = describe_architecture(stored(Architecture(conv_layers=1, hidden_units=219)))
    assert words == "conv3-32 → max → flatten → 219 → 4"


def test_depths_that_resolve_to_one_stack_have_the_same_words() -> None:
    three, five = (stored(Architecture(conv_layers=depth)) for depth in (3, 5))
    assert describe_architecture(three) == describe_architecture(five)


def test_a_sentence_describes_blocks_map_and_head() -> None:
    sentence = architecture_sentence(stored(Architecture(hidden_units=219, dropout=0.2)))
    assert sentence == (
        "2 convolution blocks take 28×28×1 images to 5×5×32, flattened, "
        "through 219 hidden units with dropout 0.2, to 4 class scores."
    )


def test_nothing_stored_gives_no_words() -> None:
    assert describe_architecture({}) == ""
    assert architecture_sentence({"blocks": 3}) == ""


def test_a_recipe_describes_what_the_training_chose() -> None:
    params: Values = {
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "flip": True,
        "shift": 2,
        "kernel": 3,
    }
    assert describe_recipe(params) == "sgd, learning rate 0.01, flip, shift 2"
    assert describe_recipe({"flip": False}) == ""


def test_a_large_space_is_headed_by_its_recipe_alone() -> None:
    record = stages_study(1)[0]
    names = space_parameters([record], ())
    line = describe_trial(record, names, "val_accuracy")
    assert line.startswith("Accuracy: ")
    assert "Stage" not in line


def test_every_way_a_trial_can_end_has_words() -> None:
    assert describe_state(seed_trial(0)) == "complete"
    assert describe_state(duplicate(4, 3)) == "duplicate of 3"
    assert describe_state(duplicate(4, "other/3")) == "duplicate of other/3"
    assert describe_state(pruned(0, 0.742)) == "pruned at epoch 1: 0.7420, cut 0.7810 of 9"
    assert describe_state(pruned(0, reason="too slow")) == "pruned: too slow"
    assert describe_state(pruned(0, reason=None)) == "pruned"
    assert describe_state(failed(0)) == "failed: out of memory"
    assert describe_state(failed(0, "killed")) == "lost: killed"
    assert describe_state(TrialRecord(number=0, state="failed")) == (
        "lost: interrupted before it began"
    )
    assert describe_state(TrialRecord(number=0, state="running", intermediate={1: 0.5})) == (
        "running, epoch 1 done"
    )
    assert describe_state(TrialRecord(number=0, state="waiting")) == "waiting"


def test_a_repeat_says_what_it_repeats() -> None:
    record = failed(9, draw=Draw(sequence_index=3, retry_of=5))
    assert describe_state(record) == "failed: out of memory (repeat of 5)"


def test_a_failure_s_words_stay_on_one_line() -> None:
    record = failed(0, failure=Failure(kind="data\nerror", text=""))
    assert describe_state(record) == "failed: data error"


def test_parameters_follow_the_space_and_then_the_trials() -> None:
    records = [seed_trial(0, params={"kernel": 3, "dropout": 0.5})]
    assert space_parameters(records, SEED_PARAMETERS) == [*SEED_PARAMETERS, "kernel"]
