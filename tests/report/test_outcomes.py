from __future__ import annotations

from dataclasses import replace

import pytest

from study.common.errors import EvaluationError
from study.common.stored_form import to_stored
from study.confirmation.result import read_confirmation
from study.final_test.result import PublishedResult, read_final_test
from study.report.outcomes import describe_accesses, final_test_section
from study.report.terminal import render_text
from study.statistics.results import Spread
from tests.report.builders import confirmation, final_test


def test_results_come_back_from_the_storage_as_they_were() -> None:
    stored = {"confirmation": to_stored(confirmation()), "test": to_stored(final_test())}
    assert read_confirmation(stored) == confirmation()
    assert read_final_test(stored) == final_test()
    assert read_confirmation({}) is None
    assert read_final_test({}) is None


def test_a_damaged_result_says_where_and_what_to_do() -> None:
    stored = {**to_stored(confirmation()), "optimism": "much"}
    with pytest.raises(EvaluationError, match=r"cannot be read: optimism: .*'confirm' again"):
        read_confirmation({"confirmation": stored})


def test_without_an_interval_none_is_mentioned() -> None:
    one = replace(final_test(), over_seeds={"test_accuracy": Spread(mean=0.765)})
    assert "Test accuracy 0.7650 (mean over seeds)." in render_text(final_test_section(one, ()))


def test_a_significant_difference_smaller_than_the_resolvable_one_counts() -> None:
    """It is larger than 1.96 errors and smaller than what is found in 4 of 5 cases."""
    ours = {"test_accuracy": Spread(mean=0.79)}
    below = (PublishedResult(name="other", accuracy=0.75, auc=None),)
    result = replace(final_test(), over_seeds=ours, published=below, resolvable=0.053)
    assert "+4.0 points, above" in render_text(final_test_section(result, ()))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "never been opened"), (1, "opened once"), (2, "opened 2 times")]
)
def test_the_number_of_accesses_is_stated(count: int, text: str) -> None:
    assert text in describe_accesses(count)
