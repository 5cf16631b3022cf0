"""All artefacts of one controller: the spool that they grow in, the store that keeps them, and the links to them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import CHUNK_BYTES, ArtefactStore
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.contract.call import Call


@dataclass(frozen=True, slots=True)
class OpenArtefact:
    """An artefact that can be read: the bytes from start to before end, in pieces, by `read(start, end)`.

    size_bytes: its length now, if it grows. modified_s: when it was last written, in seconds since 1970.
    """

    size_bytes: int
    modified_s: float
    read: Callable[[int, int], AsyncIterator[bytes]]


@dataclass(frozen=True, slots=True)
class Artefacts:
    """All that there is of the files of calls, whether they are in the spool or in the store.

    links: makes what leads to them. left: the files that a crash has left, by the id of their call.
    """

    spool: Spool
    store: ArtefactStore
    links: Links
    left: Mapping[str, Sequence[ArtefactName]] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def opened(self, name: ArtefactName) -> AsyncIterator[OpenArtefact | None]:
        """Give an artefact that is open to be read, from the spool or the store; None where neither has this name.

        Raises:
            ArtefactError: the store cannot be reached.
        """
        # The spool first: what leaves it is in the store by then. What is open can be read to its end all the same.
        try:
            file = await self.spool.open_to_read(name)
        except OSError:
            stored = await self.store.find(name)
            if stored is None:
                yield None
            else:
                yield OpenArtefact(stored.size_bytes, stored.modified_s, partial(self.store.read, name))
            return
        with file:
            status = os.fstat(file.fileno())
            yield OpenArtefact(status.st_size, status.st_mtime, partial(_pieces, file))

    def urls(
        self, names: Iterable[ArtefactName], fields: Mapping[str, str], *, call: Call, now_ms: int
    ) -> dict[str, str]:
        """Return the links to artefacts of a call under the fields of its call object that hold them.

        call: says whether they expire, and when.
        fields: the name of the field, by the file name of the artefact; one that is in no field is left out.
        """
        return {
            fields[name.file]: self.links.url(
                name,
                expires=bool(call.opt_in_signed_url),
                lifetime_ms=call.signed_url_expiration_ms,
                now_ms=now_ms,
            )
            for name in names
            if name.file in fields
        }

    async def remove(self, names: Sequence[ArtefactName]) -> None:
        """Remove complete artefacts from spool and store; those that neither has are no failure.

        Raises:
            ArtefactError: one of them cannot be removed now.
        """
        await self.spool.remove(names)
        await self.store.delete(names)

    async def delete(self, call_id: str) -> None:
        """Remove all artefacts of a call that is over from spool and store.

        Raises:
            ArtefactError: one of them cannot be removed now.
        """
        await self.spool.delete(call_id)
        await self.store.delete(await self.store.names(call_id))


async def _pieces(file: BinaryIO, start: int, end: int) -> AsyncIterator[bytes]:
    while start < end:
        piece = await asyncio.to_thread(os.pread, file.fileno(), min(CHUNK_BYTES, end - start), start)
        if not piece:
            return
        yield piece
        start += len(piece)
