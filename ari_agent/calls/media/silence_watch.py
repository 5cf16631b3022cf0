"""When silence ends a call: nobody speaks for too long, or no audio ever comes from the caller's side. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ari_agent.calls.media.call_media import CallerInactive, MediaEvent, MediaSpec, NoAudioReceived


class SilenceWatch:
    """Counts the silence of one call; each kind of silence is reported once.

    All times are in seconds, of the same clock. The limits are those of the specification.
    """

    def __init__(self, spec: MediaSpec) -> None:
        self._inactive_after_s = spec.end_call_after_silence_ms / 1000
        self._no_audio_after_s = spec.no_audio_after_s
        self._reported: set[type[MediaEvent]] = set()

    def look(self, now_s: float, *, started_s: float, spoken_s: float, has_received: bool) -> Sequence[MediaEvent]:
        """Return the kinds of silence that are to be reported now.

        started_s: when the caller was answered. spoken_s: when either side was last heard speaking. has_received: the
        caller's side has sent audio; silence is audio, too.
        """
        found: list[MediaEvent] = []
        if now_s - spoken_s >= self._inactive_after_s:
            found.append(CallerInactive())
        if self._no_audio_after_s and not has_received and now_s - started_s >= self._no_audio_after_s:
            found.append(NoAudioReceived())
        news = [event for event in found if type(event) not in self._reported]
        self._reported.update(type(event) for event in news)
        return news
