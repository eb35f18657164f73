"""What an estimator has to do for the whole study, before a trial or between two.

The supernet's weights are trained once a study, under its lock: one worker trains, the others find
the outcome on disk. Where policy and weights take turns (ENAS, Pham et al., arXiv 1802.03268),
every epoch after the first is trained on paths that the sampler draws from what it has learnt.

Places are cut into turns of ``trials_per_epoch``. A place is drawn only once all earlier turns
are over, and scored by the weights of its own turn, so that the weights and every score are a
function of the seed and of the places before, whoever works and whatever was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import optuna

from study.common.errors import SettingsError
from study.performance_estimation.estimator import Estimator
from study.performance_estimation.supernet.paths import PathSource
from study.performance_estimation.supernet.supernet_estimator import SupernetEstimator
from study.running.candidate_source.draw import CandidateSource, Source
from study.search_space.candidate import Values
from study.search_strategy.strategy import History, generator
from study.storage.ledger import COST
from study.storage.lifecycle import StudyState

KEY = f"{COST}supernet"
MAX_REDRAWS = 100

Prepare = Callable[[StudyState], bool]
"""Called under the lock before a draw; False where that has to wait for a running trial."""


def preparation(
    estimator: Estimator, source: Source, study: optuna.Study, *, alive: Callable[[], None]
) -> Prepare:
    """Return what is done before each draw; nothing for most estimators."""
    if not isinstance(estimator, SupernetEstimator):
        return lambda _: True
    if not isinstance(source, CandidateSource):
        return _SupernetFirst(estimator=estimator, study=study, alive=alive).at_once
    return _SupernetFirst(estimator=estimator, study=study, alive=alive, source=source)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SupernetFirst:
    """Trains the shared weights as far as the next place needs them.

    Args:
        estimator: Holds the weights.
        study: Where their cost is written.
        alive: Called after every epoch; may raise to stop.
        source: Draws the candidates; None where they are listed.
    """

    estimator: SupernetEstimator
    study: optuna.Study
    alive: Callable[[], None]
    source: CandidateSource | None = None

    def __call__(self, state: StudyState) -> bool:
        turn = self.estimator.trials_per_epoch
        if not turn or self.source is None:
            return self.at_once(state)
        sequence_index = min(state.to_repeat, default=state.next_index)
        before = range(sequence_index // turn * turn)
        ended = {*state.finished, *state.duplicates}
        if any(earlier not in ended for earlier in before):
            return False
        paths = sampled_paths(self.source, state, turn=turn)
        self.estimator.prepare(finished=sequence_index, paths=paths, trained=self._trained)
        self._write_cost()
        return True

    def at_once(self, _: StudyState) -> bool:
        """Train all epochs."""
        self.estimator.prepare(trained=self._trained)
        self._write_cost()
        return True

    def _trained(self) -> None:
        self._write_cost()
        self.alive()

    def _write_cost(self) -> None:
        cost = self.estimator.cost
        entry = {"what": "supernet", "epochs": cost.epochs, "seconds": round(cost.seconds, 4)}
        if self.study.user_attrs.get(KEY) != entry:
            self.study.set_user_attr(KEY, entry)


def sampled_paths(source: CandidateSource, state: StudyState, *, turn: int) -> PathSource:
    """Return the path of every step of an epoch: what the sampler draws after the turns before.

    Args:
        source: Its strategy has learnt from the places before the epoch's turn.
        state: The study, in which those places have ended.
        turn: Places of a turn.
    """

    @lru_cache(maxsize=1)
    def learnt(epoch: int) -> History:
        before = (epoch - 1) * turn
        ended = sorted((*state.finished, *state.duplicates))
        seen = [sequence_index for sequence_index in ended if sequence_index < before]
        return replace(source.history(state, seen=seen), running=(), sequence_index=before)

    def paths(epoch: int, step: int) -> Sequence[Values]:
        history = learnt(epoch)
        for attempt in range(MAX_REDRAWS):
            rng = generator(source.seed, "enas", epoch, step, attempt)
            values = source.strategy.propose(history, rng).values
            if source.points.allows(values):
                return (values,)
        raise SettingsError(
            f"{source.space.name}: none of {MAX_REDRAWS} paths that the sampler drew for the"
            " supernet is allowed; loosen the constraints, or set trials_per_epoch=0"
        )

    return paths
