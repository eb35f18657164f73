"""The shared weights of a supernet, trained for the whole study before and between its trials.

The weights are trained once, under the study's lock. One worker trains them, and the others find
them on disk. With a sampler that learns a policy, weights and policy take turns (ENAS, Pham et
al., arXiv 1802.03268): every epoch after the first trains paths that the sampler draws from what
it has learned so far.

The sequence of candidates is cut into turns of ``trials_per_epoch``. A candidate is drawn only
when all earlier turns have ended, and is scored by the weights of its own turn. Weights and scores
are therefore a function of the seed and of the earlier candidates, whichever workers run them and
whatever was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import optuna

from study.common.errors import SettingsError
from study.performance_estimation.supernet.paths import PathSource
from study.performance_estimation.supernet.supernet_estimator import SupernetEstimator
from study.running.candidate_source.sampled_source import SampledSource
from study.running.candidate_source.source import CandidateSource
from study.search_space.candidate import Values
from study.search_strategy.strategy import History, generator
from study.storage.costs import COST
from study.storage.lifecycle import StudyState

KEY = f"{COST}supernet"
MAX_REDRAWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedWeights:
    """Trains the shared weights as far as the next candidate needs them.

    Args:
        study: Stores the cost of the weights.
        alive: Called after every epoch; may raise to stop.
    """

    estimator: SupernetEstimator
    source: CandidateSource
    study: optuna.Study
    alive: Callable[[], None]

    def prepare(self, state: StudyState) -> bool:
        """Train what is missing; return False where it depends on a running trial."""
        turn = self.estimator.trials_per_epoch
        sequence_index = min(state.to_repeat, default=state.next_index)
        if turn and isinstance(self.source, SampledSource):
            ended = {*state.finished, *state.duplicates}
            if any(index not in ended for index in range(sequence_index // turn * turn)):
                return False
            paths = sampled_paths(self.source, state, turn=turn)
            self.estimator.prepare(finished=sequence_index, paths=paths, trained=self._trained)
        else:
            self.estimator.prepare(trained=self._trained)
        self._write_cost()
        return True

    def _trained(self) -> None:
        self._write_cost()
        self.alive()

    def _write_cost(self) -> None:
        cost = self.estimator.supernet.cost
        entry = {"what": "supernet", "epochs": cost.epochs, "seconds": round(cost.seconds, 4)}
        if self.study.user_attrs.get(KEY) != entry:
            self.study.set_user_attr(KEY, entry)


def sampled_paths(source: SampledSource, state: StudyState, *, turn: int) -> PathSource:
    """Return a function that draws the path of a step from what the sampler has learned.

    Args:
        source: Its strategy learns from the candidates before the epoch's turn.
        state: The study, in which those candidates have ended.
        turn: Candidates per turn.
    """

    @lru_cache(maxsize=1)
    def learned(epoch: int) -> History:
        before = (epoch - 1) * turn
        ended = sorted((*state.finished, *state.duplicates))
        history = source.history(state, seen=[index for index in ended if index < before])
        return replace(history, running=(), sequence_index=before)

    def paths(epoch: int, step: int) -> Sequence[Values]:
        history = learned(epoch)
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
