"""A study in its storage: created once, loaded by name, and resumed only with the same meaning."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.storages import BaseStorage

from study.common.errors import StorageError
from study.common.redaction import redacted_url
from study.common.version import NUMERIC_VERSION, code_version, library_versions
from study.search_space.candidate import ImageFormat
from study.settings.problem import Problem, differences, validate_unchanged
from study.settings.study_settings import StudySettings
from study.storage.opening import open_storage
from study.storage.records import TrialRecord, read_trials
from study.storage.storage_errors import storage_errors

FORMAT = 3
"""Number of the stored form. Raised when attributes change, so that older studies are rejected."""
FORMAT_KEY = "format"
SETTINGS, DATA, ENVIRONMENT = "settings", "data", "environment"
CONFIRMATION, TEST = "confirmation", "test"
"""Attributes with the results of ``confirm`` and ``test``."""
TOKEN = "token"
"""Attribute with a value that no other study has, not even one of the same name and storage."""

TEST_ACCESS = "test_access:"
"""Prefix of the attributes with the log of accesses to the test part."""


@dataclass(frozen=True, kw_only=True)
class StudyDefinition:
    """Everything that determines the meaning of a study's results."""

    settings: StudySettings
    """The settings of its creation, with the limits of its last run."""
    data: Mapping[str, Any]
    """Name, digest, format, classes and notes."""
    environment: Mapping[str, Any]
    """Versions, precision and hardware at its creation."""

    @property
    def image(self) -> ImageFormat:
        """Format of the images that enter the networks."""
        return ImageFormat(**self.data["image"])

    @cached_property
    def problem(self) -> Problem:
        return Problem.for_data(self.settings, self.data)


@dataclass(frozen=True, kw_only=True)
class StoredStudy(StudyDefinition):
    """A study in the storage of ``url``."""

    study: optuna.Study
    url: str


def open_study(name: str, url: str, *, read_only: bool = False) -> StoredStudy:
    """Load a study by name."""
    return read_study(name, open_storage(url, read_only=read_only), url)


def load_trials(name: str, url: str) -> tuple[StoredStudy, tuple[TrialRecord, ...]]:
    """Load a study and its trials, for reading only."""
    stored = open_study(name, url, read_only=True)
    return stored, tuple(read_trials(stored.study.get_trials(deepcopy=False)))


def read_study(name: str, storage: BaseStorage, url: str) -> StoredStudy:
    """Load a study of an open storage by name.

    Raises:
        StorageError: There is no such study, or this program cannot read it.
    """
    with storage_errors(url):
        if (study := _find(name, storage)) is not None:
            return _read(study, url)
        names = sorted(optuna.get_all_study_names(storage))
    known = f"it holds: {', '.join(names)}" if names else "it holds no study yet"
    raise StorageError(f"storage '{redacted_url(url)}' has no study '{name}'; {known}")


def _find(name: str, storage: BaseStorage) -> optuna.Study | None:
    try:
        return optuna.load_study(study_name=name, storage=storage)
    except KeyError:
        return None


def _read(study: optuna.Study, url: str) -> StoredStudy:
    attributes = study.user_attrs
    where = f"study '{study.study_name}' in '{redacted_url(url)}'"
    if (found := attributes.get(FORMAT_KEY, "unknown")) != FORMAT:
        raise StorageError(
            f"{where} was made by another program, or by another version of this one: its stored"
            f" form is {found}, and this version reads {FORMAT}; take another name with --study,"
            " or use the version that made it"
        )
    try:
        settings = StudySettings.model_validate_json(attributes[SETTINGS])
    except (KeyError, TypeError, ValueError) as error:  # pydantic's are ValueErrors
        raise StorageError(
            f"{where} was made by a newer version of this program: its settings cannot be read;"
            " take another name with --study, or update this program"
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
    """Create the study, or load it where it is stored. The caller holds the study's lock.

    The settings are written last. They mark the study as whole, so the next call completes a
    creation that was cut off.

    Args:
        environment: Description of the machine. Versions are added.
        beginnings: Returns the attributes that a new study takes from other studies, given the
            storage and its environment. It may raise.

    Returns:
        The study, and notes on differences that do not change the meaning of results.

    Raises:
        ResumeError: The study is stored with other settings, data or versions, which change the
            meaning of results.
    """
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
        begun = {FORMAT_KEY: FORMAT, TOKEN: secrets.token_hex(8), **begun}
        for name, value in {DATA: dict(data), ENVIRONMENT: environment, **begun}.items():
            study.set_user_attr(name, value)
        study.set_user_attr(SETTINGS, settings.model_dump_json())
        return _read(study, url), ()


def versions() -> dict[str, Any]:
    """Return the versions of libraries, code and arithmetic of this process."""
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
    data_differences = _data_differences(stored.data, data)
    same_data = stored.data.get("sha256") and not data_differences  # unused data have no digest
    settings = stored.settings
    if same_data and settings.dataset != asked.dataset:  # the file was moved
        settings = settings.with_changes(dataset=asked.dataset)
    lines = differences(
        Problem.for_data(settings, stored.data),
        Problem.for_data(asked, data),
    )
    lines += data_differences
    found = tuple(direction.name.lower() for direction in stored.study.directions)
    if found != stored.settings.directions:
        wanted = ", ".join(stored.settings.directions)
        lines.append(f"direction: stored {', '.join(found)}, asked for {wanted}")
    refusals, notes = version_differences(stored.environment)
    validate_unchanged(stored.settings.study, lines + refusals)
    if settings.dataset != stored.settings.dataset:
        was = stored.settings.dataset
        notes.append(f"dataset: stored {was}, now {asked.dataset}: the same content")
    notes += _hardware_differences(stored.environment, environment)
    if asked != stored.settings:
        stored.study.set_user_attr(SETTINGS, asked.model_dump_json())
    return _read(stored.study, stored.url), tuple(notes)


def validate_worker(stored: StoredStudy, data: Mapping[str, Any]) -> None:
    """Check that results of this process have the same meaning as the study's.

    Raises:
        ResumeError: Data, arithmetic or libraries differ from the study's.
    """
    refusals, _ = version_differences(stored.environment)
    validate_unchanged(stored.settings.study, _data_differences(stored.data, data) + refusals)


def _hardware_differences(stored: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Return a line for each hardware change. Another processor may round differently."""
    return [
        f"{name}: stored {stored[name]}, now {found[name]}"
        for name in ("device", "cpu", "machine", "system")
        if name in stored and name in found and stored[name] != found[name]
    ]


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


def version_differences(environment: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the changes in code and libraries: those that prevent a resume, and the others.

    Another major version of a library or of our own arithmetic changes numbers. A minor version
    may, and is noted.
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
    """Return the stored settings with the given limits; None leaves a limit as it is.

    Raises:
        ResumeError: Arithmetic or libraries changed the meaning of results.
        SettingsError: A limit is out of range.
    """
    refusals, _ = version_differences(stored.environment)
    validate_unchanged(stored.settings.study, refusals)
    given = {name: value for name, value in limits.items() if value is not None}
    return stored.settings.with_changes(**given)
