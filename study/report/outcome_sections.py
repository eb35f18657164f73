"""Sections on what followed the search."""

from __future__ import annotations

from collections.abc import Sequence

from study.common.formats import ABSENT, moment
from study.report.document import (
    Column,
    Figure,
    Group,
    Paragraph,
    Section,
    Table,
    blocks_of,
    number_column,
    paragraphs,
    text_column,
)
from study.report.final_test_account import final_test_tables, final_test_words
from study.report.outcome_account import confirmation_tables, confirmation_words
from study.report.stored_outcomes import ShownConfirmation, ShownTest
from study.report.study_summary import Look
from study.report.table import Table as OldTable


def confirmation_section(result: ShownConfirmation | None, figure: Figure | None) -> Section:
    """Return what fresh seeds say, or that no candidate was confirmed yet."""
    if result is None:
        blocks = blocks_of(
            Paragraph(
                "Not confirmed yet. The best value of a search is the luckiest of many and too "
                "optimistic. Training the best candidates again with fresh seeds shows by how "
                "much.",
                "quiet",
            )
        )
    else:
        blocks = blocks_of(
            paragraphs(confirmation_words(result)), figure, map(_new, confirmation_tables(result))
        )
    return Section(
        anchor="confirmation", heading="Confirmation", short="Confirmation", blocks=blocks
    )


def test_section(
    result: ShownTest | None, looks: Sequence[Look], figures: Sequence[Figure]
) -> Section:
    """Return the test's figures and how often the test part was opened."""
    shown = () if result is None else paragraphs(final_test_words(result))
    tables = () if result is None else tuple(map(_new, final_test_tables(result)))
    blocks = blocks_of(
        shown,
        Group(layout="panels", blocks=tuple(figures)),
        Group(layout="panels", blocks=tables),
        Paragraph(describe_looks(len(looks))),
        _looks_table(looks),
    )
    return Section(anchor="test", heading="Test", short="Test", blocks=blocks)


def describe_looks(count: int) -> str:
    """Return how often the test part was opened, in a sentence."""
    if count == 0:
        return "The test part has never been opened."
    if count == 1:
        return "The test part was opened once."
    return (
        f"The test part was opened {count} times. Figures of every look but the first may have "
        "been chosen by earlier ones."
    )


def _looks_table(looks: Sequence[Look]) -> Table:
    return Table(
        caption="Every look at the test part",
        columns=(
            number_column("Look"),
            text_column("When"),
            text_column("Candidate"),
            text_column("Trained on"),
            text_column("Code", 1),
        ),
        rows=tuple(
            (
                str(number),
                moment(look.when),
                look.candidate_id or ABSENT,
                look.fit_on or ABSENT,
                look.code_version or ABSENT,
            )
            for number, look in enumerate(looks, 1)
        ),
    )


def _new(table: OldTable) -> Table:
    columns = tuple(
        Column(heading=heading, numeric=i in table.numeric)
        for i, heading in enumerate(table.headers)
    )
    return Table(caption=table.caption, columns=columns, rows=table.rows, strong=table.strong)
