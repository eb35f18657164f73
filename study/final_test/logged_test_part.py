"""Log the access, then open the test part: the only way to its images."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from study.common.errors import EvaluationError
from study.data.locked_test import AccessReceipt, open_test_part
from study.data.parts import POOLED
from study.final_test.access_log import Access, Attributes, append_access


def open_logged(  # noqa: PLR0913 - what is opened, for whom, and where it is
    study: Attributes,
    access: Access,
    *,
    name: str,
    dataset: str,
    searched: str,
    split: str,
    data_root: Path | None = None,
    size: int = 28,
) -> tuple[int, Tensor, Tensor]:
    """Write the access to the log, then open the test part.

    Args:
        study: Its log is written.
        access: The entry; made once the networks are trained.
        name: The study's name.
        dataset: As for ``load_search_data``.
        searched: Name of the data set that the study searched on, as the data state it.
        split: Split that the study searched on.
        data_root: As for ``load_search_data``.
        size: As for ``load_search_data``.

    Returns:
        Number of the access in the log, images (n, channels, size, size), uint8, and labels (n,),
        int64.

    Raises:
        EvaluationError: The study searched on the pooled split, or the storage kept nothing.
        DataError: The data set is another one than was searched on, missing or damaged.
    """
    validate_split(name, split)
    number = append_access(study, access)
    receipt = AccessReceipt(
        study=name,
        number=number,
        candidate_id=access.candidate_id,
        dataset=searched,
        split=split,
    )
    images, labels = open_test_part(dataset, receipt=receipt, data_root=data_root, size=size)
    return number, images, labels


def validate_split(study: str, split: str) -> None:
    """Check that a study's candidates can be tested.

    Raises:
        EvaluationError: The study searched on the pooled split.
    """
    if split == POOLED:
        raise EvaluationError(
            f"study '{study}' searched on the pooled split, whose training part contains official "
            "test images, so its candidates cannot be tested on the official test part; search "
            "with --split official"
        )
