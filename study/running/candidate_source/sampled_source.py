"""Which candidate comes next: a function of the stored trials and the study's seed.

A study has one sequence of candidates. Each candidate has a sequence index and a generator of its
own, derived from the study's seed and the index. Restarts and lost trials therefore do not shift
what follows.

**Duplicates.** Different points of the space may resolve to the same network and recipe. Such
candidates have the same candidate id, and training them again would give the same result::

    proposal ──▶ candidate id ──┬─ in training ─────▶ propose again (next attempt)
                                ├─ pruned before ───▶ run: its checkpoint continues it
                                ├─ has a result ────▶ duplicate: reuse the result, costs no budget
                                └─ new ─────────────▶ train

The strategy sees a duplicate like any other trial. After ``MAX_REPEATS`` duplicates in a row, or
where every proposal is in training, a candidate that was not tried yet is sampled at random. The
study ends once no candidate is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from study.running.candidate_source.screening import Screening
from study.running.curves import Promotion
from study.search_space.candidate import Values
from study.search_space.space import SearchSpace
from study.search_strategy.strategy import (
    Exhausted,
    History,
    Observation,
    Proposal,
    SequenceEnded,
    Strategy,
    generator,
    trailing_repeats,
)
from study.settings.metrics import Measure
from study.storage.lifecycle import StudyState
from study.storage.records import Draw, DrawnCandidate, TrialRecord, ranges
from study.transfer.results import observe

MAX_REPEATS = 20
"""After this many duplicates in a row, sample a candidate that was not tried."""
MAX_REDRAWS = 100
MAX_TRIES = 20_000


class Points(Protocol):
    """The points of a search space: those of a study's ``Problem``, or of a table."""

    @property
    def distinct(self) -> Mapping[str, Values] | None:
        """The first point of every distinct candidate, by id; None where they are uncountable."""

    def identify(self, values: Values) -> str:
        """Return the candidate id of a point."""

    def allows(self, values: Values) -> bool:
        """Tell whether a point satisfies the constraints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledSource:
    """Samples the candidates of a study.

    Args:
        budget: Number of trials of the study; None where it is not limited.
        known: Results of other studies, by candidate id: study name and trial.
        prior: Results of other studies that the strategy starts from.
        closed: Whether only the enqueued candidates of the space are tried.
        observed: Observations made so far, by trial number.
    """

    points: Points
    space: SearchSpace
    strategy: Strategy
    seed: int
    budget: int | None
    measures: tuple[Measure, ...]
    known: Mapping[str, tuple[str, TrialRecord]] = field(default_factory=dict)
    prior: tuple[Observation, ...] = ()
    closed: bool = False
    screening: Screening | None = None
    promotion: Promotion | None = None
    observed: dict[int, tuple[TrialRecord, Observation]] = field(default_factory=dict, repr=False)

    def next(self, state: StudyState) -> DrawnCandidate | None:
        """Return what to try next, or None where that depends on a trial still running."""
        if state.to_repeat:
            return self._repeat(state, state.latest[state.to_repeat[0]])
        promoted = None if self.promotion is None else self.promotion.next(state)
        if promoted is not None:
            return _continued(state.latest[promoted])
        listed = self.space.enqueue
        if state.next_index < len(listed):
            proposal = Proposal(values=dict(listed[state.next_index]))
            return self._draw(state, proposal, attempt=0, source="enqueued")
        try:
            return self._proposed(state)
        except Exhausted:
            if state.running:
                return None
            raise

    def _proposed(self, state: StudyState) -> DrawnCandidate | None:
        listed = self.space.enqueue
        if self.closed:
            raise Exhausted(f"all {len(listed)} candidates of the list are done")
        if self.screening is not None:
            screened = self.screening.at(state.next_index - len(listed))
            if screened is not None:
                return self._draw(state, screened, attempt=0, source="screened")
        history = self.history(state)
        repeats = trailing_repeats(history.observations[len(self.prior) :])
        if repeats and (distinct := self.points.distinct) is not None:
            with_result = self._ids(state, (*state.finished, *state.duplicates))
            if distinct.keys() <= with_result:
                raise Exhausted(_all_done(len(distinct)))
        return self._unvisited(state) if repeats >= MAX_REPEATS else self._fresh(state, history)

    def history(self, state: StudyState, *, seen: Sequence[int] | None = None) -> History:
        """Return what the strategy knows.

        Args:
            seen: Sequence indices to include; all finished ones by default.
        """
        indices = sorted((*state.finished, *state.duplicates)) if seen is None else seen
        return History(
            space=self.space,
            observations=(*self.prior, *(self._observe(state.latest[i]) for i in indices)),
            running=tuple(state.latest[index].params for index in state.running),
            sequence_index=state.next_index,
            budget=self.budget,
        )

    def _observe(self, record: TrialRecord) -> Observation:
        known = self.observed.get(record.number)
        if known is None or known[0] is not record:
            known = record, observe(record, self.measures, number=record.sequence_index or 0)
            self.observed[record.number] = known
        return known[1]

    def _repeat(self, state: StudyState, lost: TrialRecord) -> DrawnCandidate:
        assert lost.draw is not None
        continues = lost.draw.continues is not None
        duplicate, study = (None, None) if continues else self._result(state, lost.candidate_id)
        return DrawnCandidate(
            values=dict(lost.params),
            draw=replace(lost.draw, retry_of=lost.number, passed=_judged(lost)),
            candidate_id=lost.candidate_id,
            duplicate=duplicate,
            duplicate_study=study,
        )

    def _fresh(self, state: StudyState, history: History) -> DrawnCandidate | None:
        """Return the strategy's candidate, or a random one where its proposals are in training."""
        in_training = 0
        for attempt in range(MAX_REDRAWS):
            rng = generator(self.seed, "draw", history.sequence_index, attempt)
            try:
                proposal = self.strategy.propose(history, rng)
            except SequenceEnded:
                break
            if not self.points.allows(proposal.values):
                continue
            drawn = self._draw(state, proposal, attempt=attempt, source="strategy")
            if drawn is not None:
                return drawn
            in_training += 1
            if in_training == MAX_REPEATS:
                break
        return self._unvisited(state)

    def _unvisited(self, state: StudyState) -> DrawnCandidate | None:
        """Return a random candidate that was not tried yet, or raise ``Exhausted``."""
        taken, distinct = self._ids(state, state.latest), self.points.distinct
        rng = generator(self.seed, "unvisited", state.next_index)
        if distinct is not None:
            left = sorted(distinct.keys() - taken)
            if not left:
                raise Exhausted(_all_done(len(distinct)))
            values = dict(distinct[left[int(rng.integers(len(left)))]])
        else:
            for _ in range(MAX_TRIES):
                values = self.space.sample(rng)
                if self.points.allows(values) and self.points.identify(values) not in taken:
                    break
            else:
                raise Exhausted(
                    f"{MAX_TRIES} random draws gave no candidate that was not tried yet"
                )
        return self._draw(state, Proposal(values=values), attempt=0, source="unvisited")

    def _ids(self, state: StudyState, indices: Iterable[int]) -> set[str]:
        """Return the candidates at these indices, and those whose result the study began with."""
        begun_with = {o.candidate_id for o in self.prior if o.candidate_id}
        return begun_with | {state.latest[index].candidate_id for index in indices}

    def _draw(
        self, state: StudyState, proposal: Proposal, *, attempt: int, source: str
    ) -> DrawnCandidate | None:
        """Return the proposal as the next trial; None where its candidate is in training."""
        identity = self.points.identify(proposal.values)
        if any(state.latest[index].candidate_id == identity for index in state.running):
            return None
        draw = Draw(
            sequence_index=state.next_index,
            attempt=attempt,
            seen=ranges((*state.finished, *state.duplicates)),
            running=ranges(state.running),
            budget=self.budget,
            source=source,
            notes=proposal.notes,
        )
        duplicate, duplicate_study = self._result(state, identity)
        return DrawnCandidate(
            values=dict(proposal.values),
            draw=draw,
            candidate_id=identity,
            duplicate=duplicate,
            duplicate_study=duplicate_study,
        )

    def _result(self, state: StudyState, identity: str) -> tuple[TrialRecord | None, str | None]:
        """Return the best known trial of a candidate, and its study where that is another one."""
        done = (state.latest[index] for index in (*state.finished, *state.duplicates))
        same = [record for record in done if record.candidate_id == identity]
        if same:
            return max(same, key=lambda r: (r.state != "pruned", len(r.intermediate))), None
        study, record = self.known.get(identity, (None, None))
        return record, study


def _continued(pruned: TrialRecord) -> DrawnCandidate:
    """Return a pruned candidate, to continue after its last epoch."""
    assert pruned.draw is not None
    passed = max(pruned.intermediate)
    return DrawnCandidate(
        values=dict(pruned.params),
        draw=replace(pruned.draw, retry_of=None, continues=pruned.number, passed=passed),
        candidate_id=pruned.candidate_id,
    )


def _all_done(count: int) -> str:
    return f"all {count} distinct candidates of the space have been tried"


def _judged(lost: TrialRecord) -> int:
    """Return the last step of a lost trial that its pruner has certainly let pass."""
    assert lost.draw is not None
    return max(lost.draw.passed, max(lost.intermediate, default=0) - 1)
