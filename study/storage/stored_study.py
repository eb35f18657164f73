"""A study in its storage: created once, loaded by name, guarded against changed meaning."""

from __future__ import annotations

import json
import secrets
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from study.common.errors import ResumeError, StorageError
from study.common.redaction import redacted_url
from study.common.version import NUMERIC_VERSION, code_version, library_versions
from study.search_space.candidate import ImageFormat
from study.settings.problem import Problem, differences, validate_unchanged
from study.settings.study_settings import StudySettings
from study.storage.opening import load_study, open_storage
from study.storage.records import TrialRecord, read_trials
from study.storage.storage_errors import storage_errors

if TYPE_CHECKING:
    import optuna
    from optuna.storages import BaseStorage

SETTINGS, DATA, ENVIRONMENT = "settings", "data", "environment"
CONFIRMATION, TEST = "confirmation", "test"
"""Attributes that hold the results of ``confirm`` and ``test``."""
TOKEN = "token"
"""Attribute that no other study has the same value of, not even one of the same name and place."""

TEST_ACCESS = "test_access:"
"""Prefix of the keys of the test-set access log; see ``final_test.test_access_log``."""


@dataclass(frozen=True, kw_only=True)
class StudyDefinition:
    """What decides the meaning of a study's results.

    Args:
        settings: The settings it was made with, its limits as last set.
        data: Name, digest, format, classes and notes of the data.
        environment: Versions, precision and hardware at its start.
    """

    settings: StudySettings
    data: Mapping[str, Any]
    environment: Mapping[str, Any]

    @property
    def image(self) -> ImageFormat:
        """Format of the images that enter the networks."""
        return ImageFormat(**self.data["image"])

    @cached_property
    def problem(self) -> Problem:
        """The settings for this image format, and what follows from them."""
        return Problem(settings=self.settings, image=self.image)


@dataclass(frozen=True, kw_only=True)
class StoredStudy(StudyDefinition):
    """A study and what was stored with it.

    Args:
        study: Optuna's study.
        url: Where it is stored.
    """

    study: optuna.Study
    url: str


def open_study(name: str, url: str, *, read_only: bool = False) -> StoredStudy:
    """Load a study by name.

    Raises:
        StorageError: There is no such study, or it was not made by this program.
    """
    return read_study(name, open_storage(url, read_only=read_only), url)


def load_trials(name: str, url: str) -> tuple[StoredStudy, tuple[TrialRecord, ...]]:
    """Load a study and its trials, for reading only.

    Raises:
        StorageError: There is no such study, or it was not made by this program.
    """
    stored = open_study(name, url, read_only=True)
    return stored, tuple(read_trials(stored.study.get_trials(deepcopy=False)))


def read_study(name: str, storage: BaseStorage, url: str) -> StoredStudy:
    """Load a study of an open storage by name.

    Raises:
        StorageError: There is no such study, or it was not made by this program.
    """
    study = load_study(storage, name, url)
    with storage_errors(url):
        return _read(study, url)


def _read(study: optuna.Study, url: str) -> StoredStudy:
    attributes = study.user_attrs
    if SETTINGS not in attributes:
        raise StorageError(
            f"study '{study.study_name}' in '{redacted_url(url)}' was not made by this program:"
            " it has no settings; take another name with --study"
        )
    try:
        settings = StudySettings.model_validate_json(attributes[SETTINGS])
    except (TypeError, ValueError) as error:  # pydantic's are ValueErrors
        raise StorageError(
            f"study '{study.study_name}' in '{redacted_url(url)}' was not made by this program, or"
            " by a newer version: its settings cannot be read; take another name with --study, or"
            " update this program"
        ) from error
    return StoredStudy(
        study=study,
        settings=settings,
        data=attributes.get(DATA, {}),
        environment=attributes.get(ENVIRONMENT, {}),
        url=url,
    )


def create_or_load(
    settings: StudySettings,
    url: str,
    *,
    data: Mapping[str, Any],
    environment: Mapping[str, Any],
    beginnings: Callable[[BaseStorage, Mapping[str, Any]], Mapping[str, Any]] = lambda *_: {},
) -> tuple[StoredStudy, tuple[str, ...]]:
    """Create the study, or load it where it is stored already. Call it under the study's lock.

    The settings are written last: they are the mark that the study is whole, so that a creation
    that was cut off is taken up again.

    Args:
        settings: What is asked for.
        url: Its storage.
        data: What is stored of the data.
        environment: What is stored of the machine; versions are added.
        beginnings: Returns what a new study stores of studies it starts from, given the storage
            and its environment; it may refuse.

    Returns:
        The study, and notes on what differs without changing what results mean.

    Raises:
        ResumeError: It is stored with settings, data or versions under which results would mean
            something else.
    """
    import optuna

    storage = open_storage(url, create=True)
    with storage_errors(url):
        study = _find(settings.study, storage)
        if study is not None and SETTINGS in study.user_attrs:
            return _resume(_read(study, url), settings, data, environment)
        if study is not None and study.get_trials(deepcopy=False):
            return _read(study, url), ()
        environment = {**versions(), **environment}
        begun = beginnings(storage, environment)
        study = study or optuna.create_study(
            study_name=settings.study, storage=storage, directions=list(settings.directions)
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # metric names are marked experimental
            study.set_metric_names(list(settings.objectives))
        begun = {TOKEN: secrets.token_hex(8), **begun}
        for name, value in {DATA: dict(data), ENVIRONMENT: environment, **begun}.items():
            study.set_user_attr(name, value)
        study.set_user_attr(SETTINGS, settings.model_dump_json())
        return _read(study, url), ()


def _find(name: str, storage: BaseStorage) -> optuna.Study | None:
    import optuna

    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def versions() -> dict[str, Any]:
    """Return which libraries, which code and which arithmetic this process has."""
    return {
        "libraries": dict(library_versions()),
        "code": code_version(),
        "numeric": NUMERIC_VERSION,
    }


def _resume(
    stored: StoredStudy,
    asked: StudySettings,
    data: Mapping[str, Any],
    environment: Mapping[str, Any],
) -> tuple[StoredStudy, tuple[str, ...]]:
    same_data = _same_data(stored.data, data)
    settings = stored.settings
    if same_data and settings.dataset != asked.dataset:  # the file has moved
        settings = settings.with_changes(dataset=asked.dataset)
    lines = differences(
        Problem(settings=settings, image=stored.image),
        Problem(settings=asked, image=ImageFormat(**data["image"])),
    )
    lines += _data_differences(stored.data, data)
    lines += _direction_differences(stored)
    refusals, notes = version_differences(stored.environment)
    validate_unchanged(stored.settings.study, lines + refusals)
    if settings.dataset != stored.settings.dataset:
        was = stored.settings.dataset
        notes.append(f"dataset: stored {was}, now {asked.dataset}: the same content")
    notes += hardware_differences(stored.environment, environment)
    if asked != stored.settings:
        stored.study.set_user_attr(SETTINGS, asked.model_dump_json())
    return _read(stored.study, stored.url), tuple(notes)


def refuse_strangers(stored: StoredStudy, data: Mapping[str, Any]) -> None:
    """Refuse to let this process work on a study where its results would mean something else.

    Args:
        stored: The study.
        data: What is known of the data that this process has.

    Raises:
        ResumeError: Its data, its code or its libraries are others than the study's.
    """
    refusals, _ = version_differences(stored.environment)
    validate_unchanged(stored.settings.study, _data_differences(stored.data, data) + refusals)


def hardware_differences(stored: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return a line for each part of the machine that is another now; none of it forbids a resume.

    Numbers of one machine are the same bytes every time; another processor may round otherwise.
    """
    return [
        f"{name}: stored {stored[name]}, now {found[name]}"
        for name in ("device", "cpu", "machine", "system")
        if name in stored and name in found and stored[name] != found[name]
    ]


def _same_data(stored: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Tell whether two data sets have one content; what no estimator looks at has none."""
    return bool(stored.get("sha256")) and stored["sha256"] == found.get("sha256")


def _data_differences(stored: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    if stored.get("sha256") == found.get("sha256"):
        return []
    return [
        f"data: the content of '{found.get('name')}' is not what was stored"
        f" (sha256: stored {_short(stored)}, found {_short(found)})"
    ]


def _short(data: Mapping[str, Any]) -> str:
    digest = str(data.get("sha256") or "")
    return f"{digest[:12]}…" if digest else "none"


def _direction_differences(stored: StoredStudy) -> list[str]:
    found = tuple(direction.name.lower() for direction in stored.study.directions)
    if found == stored.settings.directions:
        return []
    wanted = ", ".join(stored.settings.directions)
    return [f"direction: stored {', '.join(found)}, asked for {wanted}"]


def version_differences(environment: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return what has changed in code and libraries: what forbids a resume, and what does not.

    Another major version of a library, or of our own arithmetic, makes other numbers; a minor
    one may, and is noted.
    """
    refusals, notes = [], []
    if environment.get("numeric", NUMERIC_VERSION) != NUMERIC_VERSION:
        refusals.append(
            f"arithmetic: stored version {environment['numeric']}, this is {NUMERIC_VERSION};"
            f" it was made by code {environment.get('code')}"
        )
    if environment.get("code", code_version()) != code_version():
        notes.append(f"code: stored {environment['code']}, this is {code_version()}")
    stored = environment.get("libraries", {})
    for name, found in library_versions().items():
        old = stored.get(name, found)
        if old == found:
            continue
        changed = f"{name}: stored {old}, found {found}"
        if old.split(".")[0] != found.split(".")[0]:
            refusals.append(f"{changed}; install {name}=={old}")
        else:
            notes.append(changed)
    return refusals, notes


def resume_settings(stored: StoredStudy, **limits: Any) -> StudySettings:
    """Return the stored settings with other limits where they are given.

    Raises:
        ResumeError: Code or libraries changed what results mean.
    """
    refusals, _ = version_differences(stored.environment)
    validate_unchanged(stored.settings.study, refusals)
    given = {name: value for name, value in limits.items() if value is not None}
    try:
        return StudySettings.model_validate(
            {**json.loads(stored.settings.model_dump_json()), **given}
        )
    except ValueError as error:
        raise ResumeError(f"study '{stored.settings.study}': {error}") from error
