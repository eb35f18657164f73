"""What tells two points of a search space apart."""

from __future__ import annotations

from study.search_space.candidate import Value, Values

PointKey = tuple[tuple[str, bool, Value], ...]


def point_key(values: Values) -> PointKey:
    """Return a hashable key of a point, whatever the order of its names; ``True`` is not ``1``."""
    return tuple((name, isinstance(values[name], bool), values[name]) for name in sorted(values))
