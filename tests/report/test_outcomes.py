from __future__ import annotations

from dataclasses import replace

import pytest

from study.common.errors import EvaluationError
from study.common.stored_form import to_stored
from study.confirmation.result import read_confirmation
from study.final_test.result import FinalTest, PublishedResult, read_final_test
from study.report.document import Paragraph, Section, Table, flattened
from study.report.outcomes import confirmation_section, describe_accesses, final_test_section
from study.statistics.results import Spread
from tests.report.builders import confirmation, final_test


def sentences(section: Section) -> str:
    return " ".join(b.text for b in flattened(*section.blocks) if isinstance(b, Paragraph))


def tables(section: Section) -> list[Table]:
    return [b for b in flattened(*section.blocks) if isinstance(b, Table)]


def published(result: FinalTest) -> Table:
    found = tables(final_test_section(result, ()))
    return next(table for table in found if table.caption.startswith("Published"))


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


def test_a_confirmation_states_its_optimism_and_its_uncertainty() -> None:
    section = confirmation_section(confirmation())
    text = sentences(section)
    assert "validation accuracy 0.8103 [0.8059, 0.8147] (mean over 3 fresh seeds" in text
    assert "Its optimism is +0.0090" in text
    assert "Trial 7 cannot be distinguished from trial 12" in text
    assert "41 common seeds would distinguish them" in text
    assert "Left out: trial 22" in text
    candidates, tests = tables(section)
    assert candidates.rows[0][0] == "7"
    assert [row[1] for row in tests.rows] == ["3", "10,832"]


def test_without_a_confirmation_the_section_says_why_one_is_needed() -> None:
    assert "Not confirmed yet" in sentences(confirmation_section(None))


def test_a_test_states_its_access_and_what_its_images_can_resolve() -> None:
    text = sentences(final_test_section(final_test(), ()))
    assert "access 2 to the test part" in text
    assert "Test accuracy 0.7650 [0.7579, 0.7721] (mean over seeds, 95 % interval)" in text
    assert "3.4 points to a published result" in text
    assert "2.8 to 4.0 points between two networks" in text


def test_without_an_interval_none_is_mentioned() -> None:
    one = replace(final_test(), over_seeds={"test_accuracy": Spread(mean=0.765)})
    assert "Test accuracy 0.7650 (mean over seeds)." in sentences(final_test_section(one, ()))


def test_published_results_are_listed_below_this_study() -> None:
    table = published(final_test())
    assert table.rows[0][1:3] == ("0.7650", "0.9476")
    assert [(row[0], row[3]) for row in table.rows[1:]] == [
        ("ResNet-18 (28)", "+2.2 points, no clear difference"),
        ("AutoKeras", "+0.2 points, no clear difference"),
        ("Google AutoML Vision", "-0.6 points, no clear difference"),
    ]


def test_a_significant_difference_smaller_than_the_resolvable_one_counts() -> None:
    """It is larger than 1.96 errors and smaller than what is found in 4 of 5 cases."""
    ours = {"test_accuracy": Spread(mean=0.79)}
    below = (PublishedResult(name="other", accuracy=0.75, auc=None),)
    result = replace(final_test(), over_seeds=ours, published=below, resolvable=0.053)
    assert published(result).rows[1][3] == "+4.0 points, above"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "never been opened"), (1, "opened once"), (2, "opened 2 times")]
)
def test_the_number_of_accesses_is_stated(count: int, text: str) -> None:
    assert text in describe_accesses(count)
