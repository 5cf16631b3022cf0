"""What both sides of a web call hear, given away as stereo while somebody listens in.

Nobody paces a web call's audio, so it is laid on the time axis as for a recording: see web_recording.py. What the agent
sent before the tap was there, and the user has yet to hear, is not in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ari_agent.calls.web.web_recording import WebRecording, recorded_format
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.media.audio import SampleFormat

_GIVE_EACH_S: Final = 0.06


class WebTap:
    """Listens in on a web call from now on until `close`.

    laid: takes what both say; see WebRecording. write: takes stereo audio, the caller left, in samples of `samples`;
    must not wait. audio: how the front end's audio travels. on_close: told that `laid` needs no more.
    """

    def __init__(self, audio: AudioFormat, *, write: Callable[[bytes], None], on_close: Callable[[], None]) -> None:
        self.samples: SampleFormat = recorded_format(audio)
        self._on_close = on_close
        self._loop = asyncio.get_running_loop()
        self.laid = WebRecording(write, audio, agent_only=False, start_s=self._loop.time())
        self._timer = self._loop.call_later(_GIVE_EACH_S, self._give)

    def pause(self, paused: bool) -> None:
        """Give silence away from now on in place of both sides, or end that."""
        self.laid.pause(paused, self._loop.time())

    def close(self) -> None:
        """Give away what is left. To be called once."""
        self._timer.cancel()
        self._on_close()
        self.laid.close(self._loop.time())

    def _give(self) -> None:
        self._timer = self._loop.call_later(_GIVE_EACH_S, self._give)
        self.laid.flush(self._loop.time())
