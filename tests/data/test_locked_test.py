from __future__ import annotations

import ast
import dataclasses
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.common.errors import DataError
from study.data.dataset import load_search_data
from study.data.locked_test import AccessReceipt, open_test_part
from tests.data.files import medmnist_arrays, write_npz

PACKAGE = Path(__file__).parents[2] / "study"
LOCK = "study.data.locked_test"

RECEIPT = AccessReceipt(study="s", number=1, candidate_id="c", dataset="a", split="official")

CALLERS = {
    "open_test_part": "study/final_test/",
    "AccessReceipt": "study/final_test/",
    "pool_all_parts": "study/data/dataset.py",
    "compare_with_test_part": "study/data/leak_check.py",
}


def test_a_receipt_opens_the_test_part(tmp_path: Path) -> None:
    arrays = medmnist_arrays()
    path = str(write_npz(tmp_path / "a.npz", arrays))
    images, labels = open_test_part(path, receipt=RECEIPT)
    assert images.shape == (9, 1, 8, 8)
    assert np.array_equal(images[:, 0].numpy(), arrays["test_images"])
    assert labels.tolist() == arrays["test_labels"][:, 0].tolist()


def test_the_digits_test_part_is_not_in_what_a_search_sees() -> None:
    receipt = dataclasses.replace(RECEIPT, dataset="digits")
    images, labels = open_test_part("digits", receipt=receipt)
    data = load_search_data("digits")
    assert (len(images), len(labels)) == (359, 359)
    seen = {
        image.tobytes() for part in (data.train_images, data.val_images) for image in part.numpy()
    }
    assert not seen & {image.tobytes() for image in images.numpy()}


@pytest.mark.parametrize(
    ("change", "error", "found"),
    [
        ({"split": "pooled"}, DataError, r"'s' searched on the pooled split.*--split official"),
        ({"dataset": "b"}, DataError, "searched on 'b'; its candidate cannot be tested on 'a'"),
        ({"number": 0}, ValueError, "number=0"),
    ],
)
def test_a_receipt_of_another_access_is_refused(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], found: str
) -> None:
    path = str(write_npz(tmp_path / "a.npz", medmnist_arrays()))
    with pytest.raises(error, match=found):
        open_test_part(path, receipt=dataclasses.replace(RECEIPT, **change))


def test_labels_out_of_range_in_the_test_part_are_found_when_it_opens(tmp_path: Path) -> None:
    arrays = medmnist_arrays()
    arrays["test_labels"][4] = 9
    path = str(write_npz(tmp_path / "a.npz", arrays))
    load_search_data(path)
    with pytest.raises(DataError, match="test_labels: label 9 of image 4 is out of range"):
        open_test_part(path, receipt=RECEIPT)


@cache
def modules() -> list[tuple[str, ast.Module]]:
    return [
        (path.relative_to(PACKAGE.parent).as_posix(), ast.parse(path.read_text()))
        for path in sorted(PACKAGE.rglob("*.py"))
    ]


def test_only_the_named_callers_import_from_the_lock() -> None:
    intruders = []
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                intruders += [module for alias in node.names if alias.name.startswith(LOCK)]
            if isinstance(node, ast.ImportFrom):
                intruders += [
                    f"{module} imports {alias.name}"
                    for alias in node.names
                    if f"{node.module}.{alias.name}" == LOCK
                    or (
                        (node.module or "").endswith("locked_test")
                        and not module.startswith(CALLERS[alias.name])
                    )
                ]
    assert not intruders


def test_no_module_reaches_the_lock_without_an_import_statement() -> None:
    intruders = [
        module
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and "locked_test" in node.value
        and module != "study/data/locked_test.py"
        and not _is_docstring(node, tree)
    ]
    assert not intruders


def _is_docstring(node: ast.Constant, tree: ast.Module) -> bool:
    return any(isinstance(other, ast.Expr) and other.value is node for other in ast.walk(tree))


def test_a_part_is_made_nowhere_else() -> None:
    makers = {
        module
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "Part"
    }
    assert makers == {"study/data/parts.py", "study/data/locked_test.py"}


def test_only_the_data_package_opens_sources_and_files() -> None:
    openers = {
        module
        for module, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and node.module in ("study.data", "study.data.npz", "study.data.sources")
        and {alias.name for alias in node.names} - {"image_counts", "image_format"}
    }
    assert openers <= {
        "study/data/leak_check.py",
        "study/data/dataset.py",
        "study/data/locked_test.py",
        "study/data/npz_source.py",
        "study/data/sources.py",
        "study/bundle/images.py",  # refuses arrays of a test part
        "study/performance_estimation/tabular/table_file.py",
    }
