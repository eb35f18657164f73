"""Any records a storage could hold, sensible or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from study.search_space.candidate import Architecture
from study.storage.records import Draw, Failure, TrialRecord
from tests.report.builders import stored

TEXT = st.text(max_size=12)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
VALUES = st.one_of(st.integers(-5, 10**6), NUMBERS, TEXT, st.booleans())
NAMES = st.sampled_from(
    ["conv_layers", "dropout", "optimizer", "flip", "stage1.kernel", "stage2.pool", "a|b", "<b>"]
)
MEASURES: st.SearchStrategy[Mapping[str, float]] = st.dictionaries(
    st.sampled_from(["val_accuracy", "val_auc", "macs", "odd|name"]), NUMBERS, max_size=3
)
STACKS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.just({"image": 3}),
    st.builds(
        lambda depth, head: stored(Architecture(conv_layers=depth, head=head)),
        st.integers(1, 5),
        st.sampled_from(["flatten", "global_average"]),
    ),
)
TIMES = st.one_of(
    st.none(),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1)),
    st.datetimes(dt.datetime(2020, 1, 1), dt.datetime(2030, 1, 1), timezones=st.just(dt.UTC)),
)


def _record(number: int) -> st.SearchStrategy[TrialRecord]:
    return st.builds(
        TrialRecord,
        number=st.just(number),
        state=st.sampled_from(["complete", "pruned", "failed", "running", "waiting"]),
        objectives=st.lists(NUMBERS, max_size=2).map(tuple),
        params=st.dictionaries(NAMES, VALUES, max_size=8),
        draw=st.one_of(st.none(), st.builds(Draw, sequence_index=st.integers(0, 9))),
        candidate_id=st.sampled_from(["", "aaaa", "bbbb", "cccc"]),
        architecture=STACKS,
        parameters=st.one_of(st.none(), st.integers(0, 10**9)),
        macs=st.one_of(st.none(), st.integers(0, 10**9)),
        metrics=MEASURES,
        intermediate=st.dictionaries(st.integers(1, 20), NUMBERS, max_size=4),
        epochs=st.floats(0, 100),
        seconds=st.floats(0, 1e6),
        reused_from=st.one_of(st.none(), st.integers(0, 9), st.just("other/3")),
        failure=st.one_of(st.none(), st.builds(Failure, kind=TEXT, text=TEXT)),
        reason=st.one_of(st.none(), TEXT),
        worker=st.one_of(
            st.just({}), st.fixed_dictionaries({"label": TEXT}), st.just({"host": "h", "pid": 1})
        ),
        started=TIMES,
        finished=TIMES,
    )


RECORDS: st.SearchStrategy[list[TrialRecord]] = st.integers(0, 6).flatmap(
    lambda count: st.tuples(*(_record(number) for number in range(count))).map(list)
)
"""No trials, one, or a few; numbered from 0."""
