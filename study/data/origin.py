"""Licence and source of a data set, to state wherever its images went."""

from __future__ import annotations

from dataclasses import dataclass

from study.data.catalogue import DIGITS, dataset_names, medmnist_set


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where images come from.

    Args:
        licence: Their licence; empty where it is not known.
        source: What to cite; empty where it is not known.
    """

    licence: str = ""
    source: str = ""


_DIGITS = Origin(
    licence="CC BY 4.0",
    source='Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine '
    "Learning Repository, doi:10.24432/C50P49; the 1,797 images of scikit-learn",
)
_MEDMNIST = "MedMNIST v2: Yang et al. 2023, Scientific Data 10:41, doi:10.1038/s41597-022-01721-8"
_ORIGINALS = {
    "octmnist": "Kermany et al. 2018, Cell 172:1122, doi:10.1016/j.cell.2018.02.010",
}
"""Sources behind MedMNIST's sets, where its own description asks to cite them too."""


def origin_of(dataset: str) -> Origin:
    """Return licence and source of a data set; empty for a file of the user's own.

    Args:
        dataset: As for ``load_search_data``.
    """
    if dataset == DIGITS:
        return _DIGITS
    if dataset not in dataset_names():
        return Origin()
    original = _ORIGINALS.get(dataset)
    source = _MEDMNIST if original is None else f"{_MEDMNIST}; images of {original}"
    return Origin(licence=medmnist_set(dataset).licence, source=source)
