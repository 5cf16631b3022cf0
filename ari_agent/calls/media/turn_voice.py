"""How long a caller waited for an answer, by where the voice ended in what the level took for speech. Pure.

| in what was heard of the caller                  | what is measured                                               |
|--------------------------------------------------|----------------------------------------------------------------|
| the voice ends with the sound, within DOUBT_S    | from the end of the sound, which the level knows to a frame    |
| the voice ends before                            | from the end of the voice: what follows is noise               |
| no voice                                         | what was heard before that and not answered, in the same way   |
| no voice in any of it                            | nothing: it was noise, keys, music                             |
| a voice less than PAUSE_S before the answer, and | nothing: the agent interrupts, or nobody can tell              |
| the sound goes on                                |                                                                |
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from ari_agent.calls.media.turn_clock import PAUSE_S, Turn
from ari_agent.media.sound import Sound

DOUBT_S: Final = 0.2
"""A model of voice is that far off now and then, at the end of a "yes", where the level is not: noise that is shorter
counts as voice.
"""


def waited_by_voice_s(turn: Turn, since_voice_s: Callable[[Sound], float | None]) -> float | None:
    """Return how long the caller waited, in seconds; None where that is no turn.

    since_voice_s: returns how much of a sound follows the last voice in it, None where there is no voice in it.
    """
    for heard in turn.heard:
        after_s = since_voice_s(heard.sound) if heard.sound is not None else None
        if heard.sound is None or after_s is None:
            continue
        voice_ended_s = heard.sound.ended_s - after_s
        if heard.ended_s == inf:
            is_over = turn.began_s - voice_ended_s >= PAUSE_S
            return turn.waited_since_s(voice_ended_s) if is_over else None
        is_voice_to_its_end = heard.ended_s - voice_ended_s <= DOUBT_S
        return turn.waited_since_s(heard.ended_s if is_voice_to_its_end else voice_ended_s)
    return None
