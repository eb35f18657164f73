"""A study in its storage: created once, loaded by name, guarded against changed meaning."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from study.config import StudySettings, differences, refuse_changes
from study.errors import ResumeError, StorageError
from study.search_space.candidate import ImageFormat
from study.storage import load_study, open_storage, redacted, storage_errors
from study.version import NUMERIC_VERSION, code_version, library_versions

if TYPE_CHECKING:
    import optuna

SETTINGS, DATA, ENVIRONMENT = "settings", "data", "environment"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStudy:
    """A study and what was stored with it.

    Args:
        study: Optuna's study.
        settings: The settings it was made with, its limits as last set.
        data: Name, digest, format, classes and notes of the data.
        environment: Versions, precision and hardware at its start.
        url: Where it is stored.
    """

    study: optuna.Study
    settings: StudySettings
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    url: str

    @property
    def image(self) -> ImageFormat:
        """Format of the images that enter the networks."""
        return ImageFormat(**self.data["image"])


def open_study(name: str, url: str, *, read_only: bool = False) -> StoredStudy:
    """Load a study by name.

    Raises:
        StorageError: There is no such study, or it was not made by this program.
    """
    storage = open_storage(url, read_only=read_only)
    study = load_study(storage, name, url)
    with storage_errors(url):
        return _read(study, url)


def _read(study: optuna.Study, url: str) -> StoredStudy:
    attributes = study.user_attrs
    if SETTINGS not in attributes:
        raise StorageError(
            f"study '{study.study_name}' in '{redacted(url)}' was not made by this program:"
            " it has no settings; take another name with --study"
        )
    return StoredStudy(
        study=study,
        settings=StudySettings.model_validate_json(attributes[SETTINGS]),
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
) -> tuple[StoredStudy, tuple[str, ...]]:
    """Create the study, or load it where it is stored already. Call it under the study's lock.

    The settings are written before anything else, and last of all the mark that the study is
    whole, so that a creation that was cut off is taken up again.

    Returns:
        The study, and notes on what differs without changing what results mean.

    Raises:
        ResumeError: It is stored with settings, data or versions under which results would mean
            something else.
    """
    import optuna

    storage = open_storage(url, create=True)
    with storage_errors(url):
        try:
            study = optuna.load_study(study_name=settings.study, storage=storage)
        except KeyError:
            study = optuna.create_study(
                study_name=settings.study, storage=storage, directions=list(settings.directions)
            )
        if SETTINGS in study.user_attrs:
            return _resume(_read(study, url), settings, data, environment)
        if study.get_trials(deepcopy=False):
            return _read(study, url), ()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # metric names are marked experimental
            study.set_metric_names(list(settings.objectives))
        study.set_user_attr(DATA, dict(data))
        study.set_user_attr(ENVIRONMENT, {**_versions(), **environment})
        study.set_user_attr(SETTINGS, settings.model_dump_json())
        return _read(study, url), ()


def _versions() -> dict[str, Any]:
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
    lines = differences(stored.settings, asked)
    lines += _data_differences(stored.data, data)
    lines += _direction_differences(stored)
    refusals, notes = version_differences(stored.environment)
    refuse_changes(stored.settings.study, lines + refusals)
    if environment.get("device") != stored.environment.get("device"):
        notes.append(
            f"device: stored {stored.environment.get('device')}, now {environment.get('device')}"
        )
    if asked != stored.settings:
        stored.study.set_user_attr(SETTINGS, asked.model_dump_json())
    return _read(stored.study, stored.url), tuple(notes)


def _data_differences(stored: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    if stored.get("sha256") == found.get("sha256"):
        return []
    return [
        f"data: the content of '{found.get('name')}' is not what was stored"
        f" (sha256 {str(stored.get('sha256'))[:12]}…, found {str(found.get('sha256'))[:12]}…)"
    ]


def _direction_differences(stored: StoredStudy) -> list[str]:
    found = tuple(direction.name.lower() for direction in stored.study.directions)
    if found == stored.settings.directions:
        return []
    return [f"direction: the study has {', '.join(found)}, its objectives need another"]


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
    refuse_changes(stored.settings.study, refusals)
    given = {name: value for name, value in limits.items() if value is not None}
    try:
        return StudySettings.model_validate(
            {**json.loads(stored.settings.model_dump_json()), **given}
        )
    except ValueError as error:
        raise ResumeError(f"study '{stored.settings.study}': {error}") from error
