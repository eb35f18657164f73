"""Predictions as a table, with the refused images below it."""

from __future__ import annotations

from collections.abc import Sequence

from study.bundle.images import Refusal
from study.bundle.predict import Prediction
from study.report.document import Block, Table, blocks_of, number_column, paragraphs, text_column


def prediction_blocks(
    found: Sequence[Prediction | Refusal], class_names: Sequence[str]
) -> tuple[Block, ...]:
    """Return a table of the predictions and a line for each refused image."""
    predictions = [one for one in found if isinstance(one, Prediction)]
    table = Table(
        caption=f"Predictions for {len(predictions):,} images",
        columns=(text_column("Image"), text_column("Class"), *map(number_column, class_names)),
        rows=tuple(
            (_printable(p.source), p.class_name, *(f"{share:.4f}" for share in p.probabilities))
            for p in predictions
        ),
    )
    refused = (
        f"refused: {_printable(one.source)}: {one.reason}"
        for one in found
        if isinstance(one, Refusal)
    )
    return blocks_of(table, paragraphs(refused))


def _printable(source: str) -> str:
    """Return a file's name without characters that move the cursor or change colours."""
    return source if source.isprintable() else repr(source)
