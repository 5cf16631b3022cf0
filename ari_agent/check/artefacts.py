"""The check of where recordings and logs are written: the store, and the spool on this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Final

from ari_agent.artefacts.artefact_store import ArtefactStore, StoreFailed, is_cloud
from ari_agent.check.finding import Finding, failed, ok, warning
from ari_agent.check.surroundings import Surroundings
from ari_agent.errors import ConfigurationError

_LITTLE_BYTES: Final = 2 * 1024**3
"""Some 35 hours of recorded calls."""
_PATIENCE_S: Final = 5.0
"""For a bucket: below what one check may take, so that it is this one that says what is slow."""
_PAGE: Final = "docs/artefacts.md"


async def check_store(around: Surroundings) -> list[Finding]:
    """Tell whether recordings and logs can be kept, and whether there is room for them. Makes no folder."""
    return await try_store(around.settings.artefacts_place)


async def check_spool(around: Surroundings) -> list[Finding]:
    """Tell whether recordings and logs can grow on this machine while calls go on. Makes no folder."""
    return try_folder("ARI_AGENT_SPOOL_DIR", around.settings.spool_folder, holds="recordings and logs grow")


async def try_store(place: str, *, patience_s: float = _PATIENCE_S) -> list[Finding]:
    """Tell whether artefacts can be kept there: of a bucket, by an object that is written, read, listed and removed."""
    if not is_cloud(place):
        return try_folder("ARI_AGENT_ARTEFACTS_URL", Path(place), holds="recordings and logs are kept")
    try:
        store = ArtefactStore(place)
        async with asyncio.timeout(patience_s):
            await store.try_out()
    except ConfigurationError as error:
        return failed(f"ARI_AGENT_ARTEFACTS_URL: {error}", f"correct it, or the provider's variables; see {_PAGE}")
    except StoreFailed as error:
        return failed(f"ARI_AGENT_ARTEFACTS_URL: {error}; it is set to {store.shown}", f"{error.remedy}; see {_PAGE}")
    except TimeoutError:
        return failed(
            f"ARI_AGENT_ARTEFACTS_URL: {store.shown} has not taken a probe within {patience_s:g} s",
            f"see whether its server is reached from here, and credentials are set; see {_PAGE}",
        )
    return ok(f"{store.shown} takes recordings and logs")


def try_folder(variable: str, folder: Path, *, holds: str) -> list[Finding]:
    """Tell whether the folder can be written, or made, and how much room its disk has. holds: what is there."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        return failed(f"{variable}: {there} is no folder", "set it to a folder that this user may write to")
    if not os.access(there, os.W_OK | os.X_OK):
        return failed(f"{variable}: {there} cannot be written by this user", "set it to a folder that can")
    free = shutil.disk_usage(there).free
    what = f"{holds} in {folder}; {free / 1024**3:.1f} GB are free"
    if free < _LITTLE_BYTES:
        return warning(what, "make room: an hour of recorded calls takes 58 MB")
    return ok(what)
