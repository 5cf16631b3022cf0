"""The background that an agent's `ambient_sound` puts into its phone calls.

Its making takes a lock, because a core is busy with a sound for up to a second: the calls that ask for it first wait
for one another in threads.
"""

from __future__ import annotations

from threading import Lock
from typing import Final

from ari_agent.contract.agent import AgentSettings
from ari_agent.media.ambient_sounds import ambient_sound
from ari_agent.media.audio import LINEAR_16K, ULAW, SampleFormat
from ari_agent.media.background import Background

_MAKING: Final = Lock()


def background_of(agent: AgentSettings, of: SampleFormat) -> Background | None:
    """Return the background of one call of this agent, in the format of its line; None where it wants none."""
    name, volume = agent.ambient_sound, agent.ambient_sound_volume
    return Background(ambient_sound(name, of, volume), of) if name and volume else None


def make_ambient_sound(agent: AgentSettings) -> None:
    """Have what background_of needs in memory; to be called in a thread, because it may take a second."""
    with _MAKING:
        for of in (ULAW, LINEAR_16K):
            background_of(agent, of)
