"""The data sets known by name: scikit-learn's digits and MedMNIST's single-label 2D sets.

Address, MD5, classes and licence of a MedMNIST set are read from the medmnist package.
"""

from __future__ import annotations

import difflib
import importlib.util
import runpy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from study.common.errors import DataError
from study.search_space.candidate import ImageFormat

DIGITS = "digits"


@dataclass(frozen=True, slots=True, kw_only=True)
class MedMnistSet:
    """One file of MedMNIST.

    Args:
        flag: MedMNIST's name of the set.
        file_name: Name of the file in the data root.
        md5: In lower-case hexadecimal.
        counts: Number of images by the part's name.
    """

    flag: str
    file_name: str
    url: str
    md5: str
    image: ImageFormat
    class_names: tuple[str, ...]
    licence: str
    counts: Mapping[str, int]


@cache
def _medmnist_info() -> SimpleNamespace:
    """Run ``medmnist/info.py`` alone: ``import medmnist.info`` would import torch as well."""
    package = importlib.util.find_spec("medmnist")
    if package is None or package.origin is None:
        raise DataError("the package medmnist is missing; install it: pip install medmnist")
    path = Path(package.origin).with_name("info.py")
    with warnings.catch_warnings():  # it warns where the home folder cannot be written
        warnings.simplefilter("ignore")
        return SimpleNamespace(**runpy.run_path(str(path)))


def default_data_root() -> Path:
    """Return the folder in which the medmnist package keeps its files."""
    root = _medmnist_info().DEFAULT_ROOT
    if root is None:
        raise DataError("~/.medmnist cannot be made; name a writable folder with --data-root")
    return Path(root)


def _unusable(flag: str, info: Mapping[str, Any]) -> str | None:
    """Return the reason why a MedMNIST set cannot be used, or None."""
    if flag.endswith("3d"):
        return "its images are 3D volumes, and the networks built here are 2D"
    if info["task"].startswith("multi-label"):
        return "its images have several labels at once, and a candidate predicts one class"
    return None


@cache
def dataset_names() -> tuple[str, ...]:
    """Return every name that ``--dataset`` accepts, ``digits`` first."""
    known = _medmnist_info().INFO
    return (DIGITS, *(flag for flag, info in known.items() if _unusable(flag, info) is None))


def medmnist_set(flag: str, size: int = 28) -> MedMnistSet:
    """Return a MedMNIST set by its name, such as ``octmnist``."""
    info = _medmnist_info().INFO.get(flag)
    if info is None:
        raise DataError(_unknown(flag))
    if reason := _unusable(flag, info):
        raise DataError(f"data set '{flag}' cannot be used: {reason}; try 'octmnist'")
    suffix = "" if size == 28 else f"_{size}"
    if f"url{suffix}" not in info:
        raise DataError(f"data set '{flag}' has no size {size}; it has 28, 64, 128 and 224")
    names = tuple(info["label"][str(label)] for label in range(len(info["label"])))
    return MedMnistSet(
        flag=flag,
        file_name=f"{flag}{suffix}.npz",
        url=info[f"url{suffix}"],
        md5=info[f"MD5{suffix}"],
        image=ImageFormat(channels=info["n_channels"], size=size, classes=len(names)),
        class_names=names,
        licence=info["license"],
        counts=info["n_samples"],
    )


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, dataset_names(), n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(dataset_names())}"
    return f"unknown data set '{name}'; {hint} (for a file of your own, give path/to/file.npz)"


_DIGITS_SOURCE = (
    'Alpaydin and Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI Machine '
    "Learning Repository, doi:10.24432/C50P49; the 1,797 images of scikit-learn"
)
_MEDMNIST = "MedMNIST v2: Yang et al. 2023, Scientific Data 10:41, doi:10.1038/s41597-022-01721-8"
_ORIGINALS = {
    "octmnist": "Kermany et al. 2018, Cell 172:1122, doi:10.1016/j.cell.2018.02.010",
}
"""Sources that MedMNIST asks to cite too."""


def licence_and_source(dataset: str) -> tuple[str, str]:
    """Return licence and source of a data set. Both are empty for a file of the user's own."""
    if dataset == DIGITS:
        return "CC BY 4.0", _DIGITS_SOURCE
    if dataset not in dataset_names():
        return "", ""
    original = _ORIGINALS.get(dataset)
    source = _MEDMNIST if original is None else f"{_MEDMNIST}; images of {original}"
    return medmnist_set(dataset).licence, source
