"""Which candidate comes next: a function of the stored trials and the study's seed.

A study has one sequence of candidates. Each draw has a place in it and a generator of its own,
derived from the seed and the place, so that neither restarts nor lost trials shift what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

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
from study.transfer.observations import observe

MAX_REPEATS = 20
"""So many twins in a row, and the next unvisited candidate is drawn at random."""
MAX_REDRAWS = 100
MAX_TRIES = 20_000


class Points(Protocol):
    """The points of a search space: a study's ``Problem``, or a table."""

    @property
    def distinct(self) -> Mapping[str, Values] | None:
        """The first point of every distinct candidate, by id; None where they are uncountable."""

    def identify(self, values: Values) -> str:
        """Return the candidate id of a point."""

    def allows(self, values: Values) -> bool:
        """Tell whether a point satisfies the constraints."""


class Source(Protocol):
    """Says what a worker tries next."""

    def next(self, state: StudyState) -> DrawnCandidate | None:
        """Return it, or None where that depends on a trial still running.

        Raises:
            Exhausted: Nothing is left to try.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSource:
    """Draws the candidates of a study.

    Args:
        points: The points of the search space, as the study's ``Problem``.
        space: What is sampled.
        strategy: Proposes what to try.
        seed: The study's seed.
        budget: Trials the study shall have.
        measures: What is optimised.
        known: Trained candidates of other studies, by id: study name and trial.
        prior: Results of another study that the strategy starts from.
        closed: Whether nothing is tried beyond what the space enqueues.
        screened: Returns the proposal of a screen, by its rank from 0; None beyond the last.
        promoted: Returns the place of the pruned candidate that is continued next, if any.
        observed: What was made of finished trials so far, by their number.
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
    screened: Callable[[int], Proposal | None] = lambda _: None
    promoted: Callable[[StudyState], int | None] = lambda _: None
    observed: dict[int, tuple[TrialRecord, Observation]] = field(default_factory=dict, repr=False)

    def next(self, state: StudyState) -> DrawnCandidate | None:
        """Return what to try next, or None where that depends on a trial still running.

        Raises:
            Exhausted: Every candidate has been tried.
        """
        if state.to_repeat:
            return self._repeat(state, state.latest[state.to_repeat[0]])
        if (sequence_index := self.promoted(state)) is not None:
            return self._continue(state.latest[sequence_index])
        if state.next_index < len(self.space.enqueue):
            return self._enqueued(state)
        if self.closed and state.running:
            return None
        if self.closed:
            raise Exhausted(f"all {len(self.space.enqueue)} candidates of the list are done")
        history = self.history(state)
        chosen = self.screened(state.next_index - len(self.space.enqueue))
        if chosen is not None:
            return self._draw(state, history, chosen, attempt=0, source="screened")
        self._refuse_when_all_done(state, history)
        try:
            return self._fresh(state, history)
        except Exhausted:
            if state.running:
                return None
            raise

    def history(self, state: StudyState, *, seen: Sequence[int] | None = None) -> History:
        """Return what the strategy knows; ``seen`` limits it to these finished places."""
        indices = sorted((*state.finished, *state.duplicates)) if seen is None else seen
        return History(
            space=self.space,
            observations=(
                *self.prior,
                *(self._observe(state.latest[sequence_index]) for sequence_index in indices),
            ),
            running=tuple(state.latest[sequence_index].params for sequence_index in state.running),
            sequence_index=state.next_index,
            budget=self.budget,
            objectives=len(self.measures),
        )

    def propose(self, history: History, *, attempt: int) -> Proposal:
        """Return the strategy's proposal at the history's place."""
        rng = generator(self.seed, "draw", history.sequence_index, attempt)
        return self.strategy.propose(history, rng)

    def _observe(self, record: TrialRecord) -> Observation:
        known = self.observed.get(record.number)
        if known is None or known[0] is not record:
            known = record, observe(record, self.measures, number=record.sequence_index or 0)
            self.observed[record.number] = known
        return known[1]

    @property
    def _begun_with(self) -> set[str]:
        """Ids of the candidates whose result the study had before its first draw."""
        return {o.candidate_id for o in self.prior if o.candidate_id}

    def _repeat(self, state: StudyState, lost: TrialRecord) -> DrawnCandidate:
        assert lost.draw is not None
        continues = lost.draw.continues is not None
        duplicate, study = (None, None) if continues else self._twin(state, lost.candidate_id)
        return DrawnCandidate(
            values=dict(lost.params),
            draw=replace(lost.draw, retry_of=lost.number, passed=_judged(lost)),
            candidate_id=lost.candidate_id,
            duplicate=duplicate,
            duplicate_study=study,
        )

    def _continue(self, pruned: TrialRecord) -> DrawnCandidate:
        assert pruned.draw is not None
        passed = max(pruned.intermediate)
        return DrawnCandidate(
            values=dict(pruned.params),
            draw=replace(pruned.draw, retry_of=None, continues=pruned.number, passed=passed),
            candidate_id=pruned.candidate_id,
        )

    def _enqueued(self, state: StudyState) -> DrawnCandidate | None:
        values = dict(self.space.enqueue[state.next_index])
        proposal = Proposal(values=values)
        return self._draw(state, self.history(state), proposal, attempt=0, source="enqueued")

    def _fresh(self, state: StudyState, history: History) -> DrawnCandidate | None:
        observations = history.observations[len(self.prior) :]
        if trailing_repeats(observations) >= MAX_REPEATS:
            return self._unvisited(state, history)
        twins_in_training = 0
        for attempt in range(MAX_REDRAWS):
            try:
                proposal = self.propose(history, attempt=attempt)
            except SequenceEnded:
                break
            if not self.points.allows(proposal.values):
                continue
            drawn = self._draw(state, history, proposal, attempt=attempt, source="strategy")
            if drawn is not None:
                return drawn
            twins_in_training += 1
            if twins_in_training == MAX_REPEATS:
                break
        return self._unvisited(state, history)

    def _unvisited(self, state: StudyState, history: History) -> DrawnCandidate | None:
        """Return a random candidate that was not tried yet."""
        taken = {record.candidate_id for record in state.latest.values()} | self._begun_with
        rng = generator(self.seed, "unvisited", history.sequence_index)
        distinct = self.points.distinct
        if distinct is not None:
            left = sorted(distinct.keys() - taken)
            if not left:
                raise Exhausted(_all_done(len(distinct)))
            values = dict(distinct[left[int(rng.integers(len(left)))]])
            return self._draw(
                state, history, Proposal(values=values), attempt=0, source="unvisited"
            )
        for _ in range(MAX_TRIES):
            values = self.space.sample(rng)
            if self.points.allows(values) and self.points.identify(values) not in taken:
                return self._draw(
                    state, history, Proposal(values=values), attempt=0, source="unvisited"
                )
        raise Exhausted(f"{MAX_TRIES} random draws gave no candidate that was not tried yet")

    def _draw(
        self,
        state: StudyState,
        history: History,
        proposal: Proposal,
        *,
        attempt: int,
        source: str,
    ) -> DrawnCandidate | None:
        """Return the draw of a proposal, or None where its twin is being trained."""
        identity = self.points.identify(proposal.values)
        if any(
            state.latest[sequence_index].candidate_id == identity
            for sequence_index in state.running
        ):
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
        duplicate, duplicate_study = self._twin(state, identity)
        return DrawnCandidate(
            values=dict(proposal.values),
            draw=draw,
            candidate_id=identity,
            duplicate=duplicate,
            duplicate_study=duplicate_study,
        )

    def _twin(self, state: StudyState, identity: str) -> tuple[TrialRecord | None, str | None]:
        """Return the trial of a candidate that says most of it, and its study if another's."""
        done = (
            state.latest[sequence_index] for sequence_index in (*state.finished, *state.duplicates)
        )
        same = [record for record in done if record.candidate_id == identity]
        if same:
            return max(same, key=lambda r: (r.state != "pruned", len(r.intermediate))), None
        study, record = self.known.get(identity, (None, None))
        return record, study

    def _refuse_when_all_done(self, state: StudyState, history: History) -> None:
        """End the study once a twin came up and no candidate is left.

        Raises:
            Exhausted: All distinct candidates have an outcome.
        """
        if not trailing_repeats(history.observations[len(self.prior) :]):
            return
        distinct = self.points.distinct
        done = {
            state.latest[sequence_index].candidate_id
            for sequence_index in (*state.finished, *state.duplicates)
        }
        if distinct is not None and distinct.keys() <= done | self._begun_with:
            raise Exhausted(_all_done(len(distinct)))


def _all_done(count: int) -> str:
    return f"all {count} distinct candidates of the space have been tried"


def _judged(lost: TrialRecord) -> int:
    """Return the last step of a lost trial that its pruner has let pass for certain."""
    assert lost.draw is not None
    return max(lost.draw.passed, max(lost.intermediate, default=0) - 1)
