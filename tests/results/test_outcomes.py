from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from study.common.errors import StorageError
from study.report.against_published import standing
from study.report.final_test_account import final_test_tables, final_test_words
from study.report.outcome_account import confirmation_tables, confirmation_words
from study.report.stored_outcomes import (
    ShownConfirmation,
    ShownTest,
    read_confirmation,
    read_final_test,
)
from study.results.outcomes import Published, Spread
from tests.report.builders import confirmation, final_test


def through_storage(result: ShownConfirmation | ShownTest) -> dict[str, object]:
    stored: dict[str, object] = json.loads(json.dumps(asdict(result)))
    return stored


def test_results_come_back_from_the_storage_as_they_were() -> None:
    assert read_confirmation(through_storage(confirmation())) == confirmation()
    assert read_final_test(through_storage(final_test())) == final_test()
    assert read_confirmation(None) is None
    assert read_final_test(None) is None


def test_what_else_is_stored_with_a_result_does_no_harm() -> None:
    stored = {**through_storage(confirmation()), "maximise": True}
    assert read_confirmation(stored) == confirmation()


def test_a_damaged_result_says_where_and_what_to_do() -> None:
    stored = {**through_storage(confirmation()), "optimism": "much"}
    with pytest.raises(
        StorageError, match=r"'confirm' cannot be read: optimism: .*'confirm' again"
    ):
        read_confirmation(stored)


def test_a_confirmation_is_told_with_its_optimism_and_its_doubt() -> None:
    told = " ".join(confirmation_words(confirmation()))
    assert "validation accuracy 0.8103 [0.8059, 0.8147] over 3 fresh seeds" in told
    assert "an optimism of +0.0090" in told
    assert "Trial 7 cannot be told from trial 12" in told
    candidates, tests = confirmation_tables(confirmation())
    assert candidates.rows[0][0] == "7"
    assert [row[1] for row in tests.rows] == ["3", "10,832"]
    assert "41 common seeds would tell them apart" in told
    assert "Left out: trial 22" in told


def test_a_test_is_told_with_its_look_and_what_its_images_can_resolve() -> None:
    told = " ".join(final_test_words(final_test()))
    assert "this was look 2 at the test part" in told
    assert "Test accuracy 0.7650 [0.7579, 0.7721]" in told
    assert "3.4 points to a published figure would be seen on 1,000 images in 4 of 5" in told


def test_published_figures_stand_under_ours() -> None:
    table = next(t for t in final_test_tables(final_test()) if t.caption.startswith("Published"))
    assert table.rows[0][1:3] == ("0.7650", "0.9476")
    assert [row[3] for row in table.rows[1:]] == [
        "+2.2 points, not told apart",
        "+0.2 points, not told apart",
        "-0.6 points, not told apart",
    ]
    assert [row[0] for row in table.rows[1:]] == [
        "ResNet-18 (28)",
        "AutoKeras",
        "Google AutoML Vision",
    ]


def test_an_interval_is_spoken_of_only_where_there_is_one() -> None:
    several = final_test()
    alone = Spread(mean=several.over_seeds["test_accuracy"].mean)
    one = replace(several, over_seeds={"test_accuracy": alone})
    assert "(mean over seeds, 95 % interval)" in " ".join(final_test_words(several))
    assert "Test accuracy 0.7650 (mean over seeds)" in " ".join(final_test_words(one))


def test_a_difference_that_the_test_of_two_shares_finds_is_resolved_on_the_page() -> None:
    """It is larger than 1.96 errors and smaller than what is found in 4 of 5 cases."""
    ours = {"test_accuracy": Spread(mean=0.79)}
    below = (Published(name="other", accuracy=0.75, auc=None),)
    result = replace(final_test(), over_seeds=ours, published=below, resolvable=0.053)
    table = next(t for t in final_test_tables(result) if t.caption.startswith("Published"))
    assert table.rows[1][3] == "+4.0 points, above"
    assert standing(0.79, 0.75, 1000) == "above"
