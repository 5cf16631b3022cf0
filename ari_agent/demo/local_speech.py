"""Speech on this machine for the demo's controller: a grammar listens, flite speaks; no account, no network."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from ari_agent.config import PREFIX
from ari_agent.demo.pbx import INSTALL, cache_folder

VOICE_ID: Final = "flite-slt"
_PACKAGES: Final = ("onnxruntime", "pocketsphinx")


class NoLocalSpeech(Exception):
    """This machine has no speech. The text says what is missing, and what to do."""


async def local_speech() -> Mapping[str, str]:
    """Return the settings of a controller that listens and speaks by itself, without their prefix.

    flite is this machine's, or unpacked into the cache folder by docker/install.sh.

    Raises:
        NoLocalSpeech: a package or flite is missing.
    """
    if missing := [name for name in _PACKAGES if find_spec(name) is None]:
        raise NoLocalSpeech(f"{' and '.join(missing)} not installed: pip install 'ari-agent[demo]'")
    process = await asyncio.create_subprocess_exec(
        *(str(INSTALL), "flite"),
        env={**os.environ, f"{PREFIX}CACHE": str(cache_folder())},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise NoLocalSpeech("flite is not there, and docker/install.sh cannot get it: apt-get install flite")
    return {"SPEECH_TO_TEXT": "grammar", "TEXT_TO_SPEECH": "flite", "FLITE": output.decode().strip()}
