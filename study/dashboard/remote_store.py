"""Files that the dashboard shows, behind a URL."""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from optuna.artifacts.exceptions import ArtifactNotFound

from study.common.artifact_path import RemotePath


class RemoteArtifactStore:
    """Optuna's artifact store behind a URL; its protocol is ``optuna.artifacts``'.

    Args:
        folder: Where the files go.
    """

    def __init__(self, folder: RemotePath) -> None:
        self._folder = folder

    def open_reader(self, artifact_id: str) -> BinaryIO:
        try:
            return BytesIO((self._folder / artifact_id).read_bytes())
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"{self._folder} has no {artifact_id}") from error

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        (self._folder / artifact_id).replace_by(content_body.read())

    def remove(self, artifact_id: str) -> None:
        try:
            (self._folder / artifact_id).unlink()
        except FileNotFoundError as error:
            raise ArtifactNotFound(f"{self._folder} has no {artifact_id}") from error
