"""The store of finished artefacts: a folder, or a bucket of S3, Google Cloud Storage or Azure, by URL (obstore).

    s3://BUCKET/PREFIX   gs://BUCKET/PREFIX   az://CONTAINER/PREFIX   or a folder

Credentials, region and endpoint come from the providers' own environment variables (AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME, ...). Source: obstore's documentation.
obstore speaks Google's XML API, which is S3's but for the signatures and for removing one object at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, S3Store, from_url

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.store_fault import StoreTrouble, store_fault
from ari_agent.errors import ArtefactError, ConfigurationError

if TYPE_CHECKING:
    from obstore import Attributes

CLOUDS: Final = ("s3", "gs", "az")
CHUNK_BYTES: Final = 256 * 1024

_TIMEOUT: Final = timedelta(seconds=30)
_ATTEMPTS_TIMEOUT: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stored:
    """A finished artefact. size_bytes: its length; modified_s: when it was stored, in seconds since 1970."""

    name: ArtefactName
    size_bytes: int
    modified_s: float


class StoreFailed(ArtefactError):
    """Raised when the store does not do what it should. remedy: what to do about it, in words; trouble: its kind."""

    def __init__(self, what: str, error: Exception) -> None:
        fault = store_fault(str(error) or type(error).__name__)
        super().__init__(f"{what}: {fault.what}")
        self.remedy, self.trouble = fault.remedy, fault.trouble


def is_cloud(place: str) -> bool:
    """Whether the place of a store is a URL, and no folder of this machine."""
    return bool(urlsplit(place).scheme)


class ArtefactStore:
    """Keeps finished artefacts. place: a folder, or a URL of CLOUDS. Every failure is StoreFailed, an ArtefactError.

    Raises:
        ConfigurationError: the place cannot be one.
    """

    def __init__(self, place: str) -> None:
        if is_cloud(place) and (scheme := urlsplit(place).scheme) not in CLOUDS:
            known = ", ".join(f"{cloud}://" for cloud in CLOUDS)
            raise ConfigurationError(f"artefacts cannot be kept at {scheme}://: expected a folder, {known}")
        self.shown = _shown(place) if is_cloud(place) else place
        """The place for people: of a URL neither the query nor a user."""
        self._folder = None if is_cloud(place) else Path(place).absolute()
        try:
            self._store = _cloud(place) if self._folder is None else _local(self._folder)
        except (BaseError, ValueError, OSError) as error:
            why = store_fault(str(error)).what
            raise ConfigurationError(f"artefacts cannot be kept at {self.shown}: {why}") from None

    async def keep(self, name: ArtefactName, file: Path) -> None:
        """Move a file of this machine into the store; it is there whole or not at all. Replaces what was there."""
        with _failures(f"{name.path} was not stored"):
            if self._folder is None:
                attributes: Attributes = {"Content-Type": name.content_type}
                await obstore.put_async(self._store, name.path, file, attributes=attributes)
                await asyncio.to_thread(file.unlink, missing_ok=True)
            else:
                await asyncio.to_thread(_move, file, self._folder / name.path)

    async def try_out(self) -> None:
        """Write a small object, look it up, read it, list it and remove it again: all that is done with artefacts.

        Raises:
            StoreFailed: one of that does not work.
        """
        probe = ArtefactName("ari-agent-check", "probe.txt")
        with _failures("a probe was not stored"):
            await obstore.put_async(self._store, probe.path, b"probe")
        await self.find(probe)
        async for _ in self.read(probe, 0, 1):
            pass
        await self.names(probe.call_id)
        await self.delete([probe])

    async def find(self, name: ArtefactName) -> Stored | None:
        """Return what is known of an artefact; None where there is none of this name."""
        with _failures(f"{name.path} cannot be looked up"):
            try:
                found = await obstore.head_async(self._store, name.path)
            except FileNotFoundError:
                return None
        return Stored(name, found["size"], found["last_modified"].timestamp())

    async def read(self, name: ArtefactName, start: int, end: int) -> AsyncIterator[bytes]:
        """Give the bytes from start to before end, in pieces."""
        with _failures(f"{name.path} cannot be read"):
            found = await obstore.get_async(self._store, name.path, options={"range": (start, end)})
            async for piece in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(piece)

    async def names(self, call_id: str) -> Sequence[ArtefactName]:
        """Return the names of all that a call has left in the store."""
        return [stored.name async for stored in self._list(f"{ArtefactName(call_id, 'x.x').call_id}/")]

    async def all(self) -> AsyncIterator[Stored]:
        """Give every artefact of the store, in no certain order."""
        async for stored in self._list(None):
            yield stored

    async def delete(self, names: Sequence[ArtefactName]) -> None:
        """Remove artefacts; those that are not there are no failure."""
        with _failures("artefacts were not removed"):
            if self._folder is not None:
                await asyncio.to_thread(_remove, [self._folder / name.path for name in names])
                return
            try:
                await obstore.delete_async(self._store, [name.path for name in names])
            except FileNotFoundError:
                # Azure and Google name what is not there, and what stands behind it in the list may be left.
                for name in names:
                    await self._delete_one(name)

    async def _delete_one(self, name: ArtefactName) -> None:
        try:
            await obstore.delete_async(self._store, name.path)
        except FileNotFoundError as error:
            if store_fault(str(error)).trouble is not StoreTrouble.NO_OBJECT:
                raise

    async def _list(self, prefix: str | None) -> AsyncIterator[Stored]:
        with _failures("artefacts cannot be listed"):
            async for page in obstore.list(self._store, prefix):
                for found in page:
                    with contextlib.suppress(ValueError):  # somebody else's file
                        name = ArtefactName.of_path(found["path"])
                        yield Stored(name, found["size"], found["last_modified"].timestamp())


def _cloud(url: str) -> S3Store | GCSStore | AzureStore:
    made = from_url(
        url,
        client_options={"timeout": _TIMEOUT, "allow_http": True},  # a store of one's own in the same network
        retry_config={"max_retries": 3, "retry_timeout": _ATTEMPTS_TIMEOUT},
    )
    if not isinstance(made, S3Store | GCSStore | AzureStore):
        raise ValueError("obstore knows it as something else")
    return made


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _local(folder: Path) -> LocalStore:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(folder)


def _move(file: Path, to: Path) -> None:
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        file.replace(to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        part = to.with_name(f".{to.name}.part")  # no name of an artefact, so nobody finds it
        shutil.copyfile(file, part)
        with part.open("rb") as copied:
            os.fsync(copied.fileno())
        part.replace(to)
        file.unlink()


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
    for folder in {file.parent for file in files}:
        with contextlib.suppress(OSError):  # more is in it, or it is gone
            folder.rmdir()


@contextlib.contextmanager
def _failures(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # a panic inside obstore, over a malformed endpoint for one, has no class to be named
        # Without its cause, whose text holds URLs, and line by line what the server said.
        raise StoreFailed(what, error) from None
