"""What the user says and presses, in words: noted in the transcript, and told to the agent's server. Pure."""

from __future__ import annotations

from ari_agent.agents.llm import UNINTELLIGIBLE
from ari_agent.calls.dialogue.agent_actions import AgentActions
from ari_agent.calls.dialogue.events import UserHeard
from ari_agent.calls.dialogue.keypad import Keypad
from ari_agent.calls.dialogue.playback_tracker import PlaybackTracker
from ari_agent.calls.dialogue.spoken_transcript import PRESSED, SpokenTranscript
from ari_agent.calls.dialogue.transcript_updates import TranscriptUpdates
from ari_agent.calls.media.call_latency import CallLatency
from ari_agent.contract.agent_options import UserDtmfOptions


class UserWords:
    """Takes the words of the user of one call, and the keys, whose entries are words as well.

    Whose turn they make it is for others to decide: see speech/turns.py and SpokenDialogue.
    """

    def __init__(
        self,
        transcript: SpokenTranscript,
        updates: TranscriptUpdates,
        actions: AgentActions,
        playback: PlaybackTracker,
        latency: CallLatency,
        *,
        dtmf: UserDtmfOptions | None,
    ) -> None:
        """playback: of what the agent says, so that the user's words come behind what was heard. dtmf: see Keypad."""
        self._transcript, self._updates, self._actions = transcript, updates, actions
        self._playback, self._latency = playback, latency
        self._keypad = Keypad(dtmf)

    @property
    def due_ms(self) -> float | None:
        """When `tick` ends an entry of keys, in ms; None while there is no entry."""
        return self._keypad.due_ms

    def heard(self, event: UserHeard, now_ms: float) -> None:
        """Take what the recognizer has heard so far, or for good."""
        text = event.heard.text.strip()
        if text:
            self._actions.user_spoke()
        if event.heard.final:
            self._latency.text_came(now_ms)
            if text:
                self._playback.keep_heard(now_ms)  # it was heard before this was said
            self._transcript.user_said(text, event.words)
            if text:
                self._updates.send(now_ms)
        elif self._transcript.user_is_saying(text):
            self._updates.send_soon(now_ms)

    def not_understood(self, now_ms: float) -> None:
        """Note that the user has said something that nobody could understand."""
        self._say(UNINTELLIGIBLE, now_ms)

    def pressed(self, digit: str, now_ms: float) -> None:
        """Note that a key was pressed; what it means for an entry says `entered`."""
        self._transcript.press(digit)
        self._updates.send(now_ms)
        self._actions.user_spoke()

    def entered(self, digit: str, now_ms: float) -> bool:
        """Add a key to the entry, and return whether it has ended the entry, which is then said."""
        return self._say_entry(self._keypad.press(digit, now_ms), now_ms)

    def tick(self, now_ms: float) -> bool:
        """Return whether the pause after the last key has ended the entry, which is then said."""
        return self._say_entry(self._keypad.tick(now_ms), now_ms)

    def _say_entry(self, entry: str | None, now_ms: float) -> bool:
        if entry is not None:
            self._say(PRESSED + entry, now_ms)
        return entry is not None

    def _say(self, text: str, now_ms: float) -> None:
        self._transcript.user_said(text)
        self._updates.send(now_ms)
