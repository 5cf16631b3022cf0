"""Speech on this machine for the demo's controller: a grammar listens, flite speaks; no account, no network."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Final

from ari_agent.demo.installer import cache_folder, run_install
from ari_agent.demo.pbx_errors import PbxError

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
    try:
        flite = await run_install("flite", cache=cache_folder())
    except PbxError as error:
        raise NoLocalSpeech(f"flite is not there: {error}, or apt-get install flite") from None
    return {"SPEECH_TO_TEXT": "grammar", "TEXT_TO_SPEECH": "flite", "FLITE": flite.strip()}
