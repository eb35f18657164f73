"""``delete``: a study, its trials and its files."""

from __future__ import annotations

from typing import Annotated

import typer

from study.cli.options import Artifacts, Storage, Study
from study.common.errors import StorageError
from study.storage.url import DEFAULT_URL


def delete(
    study: Study,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    storage: Storage = DEFAULT_URL,
    artifacts: Artifacts = None,
) -> int:
    """Delete a study, its trials and its files. Asks first."""
    import optuna

    from study.common.artifact_path import remove_tree
    from study.dashboard.store import artifact_store, file_ids, remove_files
    from study.storage.checkpoints import removable_folder
    from study.storage.opening import open_storage
    from study.storage.storage_errors import storage_errors
    from study.storage.stored_study import load_trials

    stored, records = load_trials(study, storage)
    if not yes:
        typer.confirm(f"Delete study '{study}' with its {len(records)} trials?", abort=True)
    if any(record.state == "running" for record in records) and not yes:
        raise StorageError(f"study '{study}' is running; stop it first, or add --yes")
    folder = removable_folder(artifacts, storage, stored.settings.study)
    files = file_ids(stored.study)
    with storage_errors(storage):
        optuna.delete_study(study_name=study, storage=open_storage(storage))
    remove_tree(folder)
    remove_files(artifact_store(artifacts, storage), files)
    typer.echo(f"deleted '{study}'", err=True)
    return 0
