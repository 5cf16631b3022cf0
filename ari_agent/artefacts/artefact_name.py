"""What an artefact is called: the id of its call, and a file name. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

_CALL_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_FILE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}(\.[a-z0-9]{1,8}){1,2}")

_CONTENT_TYPES: Final = {".wav": "audio/wav", ".jsonl": "application/x-ndjson; charset=utf-8"}


@dataclass(frozen=True, slots=True, order=True)
class ArtefactName:
    """The name of one file that a call leaves behind.

    call_id: the call's id. file: its file name, such as `recording.wav`: small letters, digits, `_` and `-`, and an
    extension. Whatever else a stranger asks for is no name, so none leads out of the store's folder.

    Raises:
        ValueError: one of them has other characters, or too many.
    """

    call_id: str
    file: str

    def __post_init__(self) -> None:
        if not _CALL_ID.fullmatch(self.call_id):
            raise ValueError(f"{self.call_id!r} is no id of a call")
        if not _FILE.fullmatch(self.file):
            raise ValueError(f"{self.file!r} is no name of an artefact")

    @classmethod
    def of_path(cls, path: str) -> Self:
        """Return the name whose path in the store this is. Raises ValueError where it is none."""
        call_id, _, file = path.partition("/")
        return cls(call_id, file)

    @property
    def path(self) -> str:
        """Return the path in the store: `call_x/recording.wav`."""
        return f"{self.call_id}/{self.file}"

    @property
    def content_type(self) -> str:
        """Return the media type to serve it with (RFC 9110 section 8.3), by its extension."""
        return _CONTENT_TYPES.get("." + self.file.rpartition(".")[2], "application/octet-stream")
