"""NAS-Bench-Macro (Su et al., 2103.11922) in its compact form: 3^8 CIFAR-10 networks.

Row i is the eight base-3 digits of i, the most significant first; each digit is one layer's
operation. Layers 4 and 5 stand in one stage after its first layer, and so do 7 and 8: there an
identity before a convolution is the same network as one after it. That leaves 3^4 · 7^2 = 3,969
networks of the 6,561.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np

from study.performance_estimation.tabular.table_space import OwnSpace
from study.search_space.space import CategoricalParameter, SearchSpace

Array = np.ndarray

LAYERS = 8
OPERATIONS = ("identity", "mb3_k3", "mb6_k5")
"""Identity; MBConv of expansion 3 and kernel 3; MBConv of expansion 6 and kernel 5."""
COMMUTING = ((3, 5), (6, 8))
"""Ranges of layers, from 0, among which identities can be moved."""

SPACE = OwnSpace(
    name="nas_bench_macro",
    parameters=tuple(
        CategoricalParameter(name=f"layer{i}", choices=OPERATIONS) for i in range(1, LAYERS + 1)
    ),
)


def is_nas_bench_macro(arrays: Mapping[str, Array]) -> bool:
    """Tell whether these are the arrays of the compact form."""
    named = set(arrays) == {"acc", "params", "flops"}
    return named and arrays["acc"].shape == (3**LAYERS, 3)


def read_nas_bench_macro(arrays: Mapping[str, Array]) -> tuple[SearchSpace, dict[str, Array]]:
    """Return the space and a table's arrays: values in percent, cost and MACs its FLOPs.

    Args:
        arrays: ``acc`` (6561, 3), test accuracy in percent · 100;
            ``params`` and ``flops`` (6561,).
    """
    columns = {
        "values": arrays["acc"] / 100.0,
        "cost": arrays["flops"],
        "parameters": arrays["params"],
        "macs": arrays["flops"],
        "twins": twins(),
    }
    return SPACE, columns


def twins() -> Array:
    """Return the number of the network of each row: that of the first row which is it."""
    digits = itertools.product(range(len(OPERATIONS)), repeat=LAYERS)
    first: dict[tuple[int, ...], int] = {}
    return np.array([first.setdefault(canonical(d), row) for row, d in enumerate(digits)])


def canonical(digits: tuple[int, ...]) -> tuple[int, ...]:
    """Return the digits with identities at the end of every range where they commute."""
    moved = list(digits)
    for start, stop in COMMUTING:
        moved[start:stop] = sorted(digits[start:stop], key=lambda digit: digit == 0)
    return tuple(moved)
