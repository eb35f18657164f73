"""Results of other studies that hold in this one: which, and why the others do not.

A result holds where training the candidate here would give the same number: same data, same
images, same estimator, same seed, same precision, same arithmetic. The seed of a training follows
from the study's seed and the candidate alone (``draw.training_seed``), and the candidate's
identity covers network, recipe and epochs. So reuse changes what a study costs, and nothing it
finds. Sampler, pruner, budget, metric and the space may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from study.common.errors import SettingsError, StorageError
from study.settings.metrics import Measure
from study.settings.study_settings import StudySettings
from study.storage.records import TrialRecord, read_trials
from study.storage.stored_study import StoredStudy, read_study, version_differences

ALL = "all"

Known = Mapping[str, tuple[str, TrialRecord]]
"""Results by candidate id: the study that trained the candidate, and the trial it did so in."""


class Described(Protocol):
    """What decides what the results of a study mean."""

    @property
    def settings(self) -> StudySettings: ...
    @property
    def data(self) -> Mapping[str, Any]: ...
    @property
    def environment(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reusable:
    """What other studies have to give.

    Args:
        known: Their results.
        notes: A line for each study: how many results it gives, or why it gives none.
    """

    known: Known
    notes: tuple[str, ...]


def reusable_results(mine: StoredStudy) -> Reusable:
    """Return the results that ``--reuse`` names, as far as they hold in this study.

    They are read once; what the other studies finish later is not seen.

    Raises:
        StorageError: A study that was named is not in the storage.
        SettingsError: The study names itself.
    """
    known: dict[str, tuple[str, TrialRecord]] = {}
    notes = []
    for name in _names(mine):
        given, note = _from_one(name, mine)
        notes.append(f"reuse of '{name}': {note}")
        for record in given:
            known.setdefault(record.candidate_id, origin_of(record, name))
    return Reusable(known=known, notes=tuple(notes))


def _names(mine: StoredStudy) -> tuple[str, ...]:
    import optuna

    asked, own = mine.settings.reuse, mine.settings.study
    if own in asked:
        raise SettingsError(
            f"--reuse {own}: a study reuses its own results by itself; name another study"
        )
    if ALL not in asked:
        return tuple(dict.fromkeys(asked))
    names = optuna.get_all_study_names(mine.study._storage)
    return tuple(sorted(name for name in names if name != own))


def _from_one(name: str, mine: StoredStudy) -> tuple[list[TrialRecord], str]:
    try:
        other = read_study(name, mine.study._storage, mine.url)
    except StorageError as error:
        if ALL not in mine.settings.reuse:
            raise
        return [], f"none ({error})"
    reasons = disagreements(mine, other)
    if reasons:
        return [], f"none ({'; '.join(reasons)})"
    records = results_of(other)
    held = [r for r in (measured(record, mine.settings) for record in records) if r is not None]
    return held, f"{len(held)} of {len(records)} results hold here"


def disagreements(mine: Described, other: Described) -> list[str]:
    """Return why no result of the other study holds in this one; nothing where they do."""
    return [*_settings(mine, other), *_circumstances(mine, other)]


def _settings(mine: Described, other: Described) -> Iterator[str]:
    here, there = mine.settings, other.settings
    if there.plan is not None:
        yield "it trains a list of candidates with seeds of its own"
    if "supernet" in (here.chosen_estimator[0], there.chosen_estimator[0]):
        yield "values by shared weights belong to the study that trained the weights"
    for name in ("estimator", "fraction", "seed"):
        old, new = getattr(there, name), getattr(here, name)
        if old != new:
            yield f"{name}: {old} there, {new} here"


def _circumstances(mine: Described, other: Described) -> Iterator[str]:
    if other.data.get("sha256") != mine.data.get("sha256"):
        split = f"{other.settings.split} and {mine.settings.split} split"
        names = f"'{other.data.get('name')}' there, '{mine.data.get('name')}' here"
        yield f"data: other images or labels ({names}; {split})"
    if other.data.get("image") != mine.data.get("image"):
        yield f"images: {_image(other.data)} there, {_image(mine.data)} here"
    old, new = (facts.environment.get("precision") for facts in (other, mine))
    if old != new:
        yield f"precision: {old} there, {new} here"
    refusals, _ = version_differences(other.environment)
    yield from refusals


def _image(data: Mapping[str, Any]) -> str:
    image = data.get("image", {})
    return f"{image.get('channels')}x{image.get('size')}x{image.get('size')}"


def results_of(other: StoredStudy) -> list[TrialRecord]:
    """Return a study's complete trials, the first of each candidate, in number order."""
    kept: dict[str, TrialRecord] = {}
    for record in read_trials(other.study.get_trials(deepcopy=False)):
        if record.state == "complete" and not isinstance(record.reused_from, int):
            kept.setdefault(record.candidate_id, record)
    return list(kept.values())


def measured(record: TrialRecord, settings: StudySettings) -> TrialRecord | None:
    """Return the trial judged by what these settings optimise, or None where it lacks that."""
    objectives = _values(record, record.metrics, settings.measures)
    if objectives is None:
        return None
    curve = [_values(record, step, settings.measures[:1]) for step in record.curve]
    single = len(settings.measures) == 1
    intermediate = {step: v[0] for step, v in enumerate(curve, 1) if v is not None and single}
    return replace(record, objectives=objectives, intermediate=intermediate)


def _values(
    record: TrialRecord, metrics: Mapping[str, float], measures: Sequence[Measure]
) -> tuple[float, ...] | None:
    known = {"parameters": record.parameters, "macs": record.macs, **metrics}
    found = [known.get(measure.key) for measure in measures]
    values = tuple(float(value) for value in found if value is not None)
    return values if len(values) == len(measures) else None


def origin_of(record: TrialRecord, study: str) -> tuple[str, TrialRecord]:
    """Return the study and the trial in which a candidate was really trained.

    Args:
        record: A trial that gives a result.
        study: The study it is in.
    """
    if not isinstance(record.reused_from, str):
        return study, record
    trained_in, _, number = record.reused_from.rpartition("/")
    return trained_in, replace(record, number=int(number))
