"""The trial call itself: what the caller does, and what is seen of the agent meanwhile.

Nothing here asserts how an agent must behave where its protocol leaves it free: an agent that says nothing about a key,
or that goes on speaking when it is interrupted, is told so and has not failed. What fails is a broken protocol, a lost
connection, and a caller who hears nothing at all.

question.wav and interruption.wav are telephone speech made with flite and its CMU voice rms, free to redistribute.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from ari_agent.calls.media.call_media import AgentFailed
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.demo.sounds import Samples, recording
from ari_agent.try_agent.advice import why_not_reached
from ari_agent.try_agent.hearing import SAMPLES_PER_MS, first_sound, last_sound, sounding_ms
from ari_agent.try_agent.line import Line
from ari_agent.try_agent.options import TrialOptions, TrialProtocol
from ari_agent.try_agent.report import Report, Step
from ari_agent.try_agent.wire_log import WireLog

_QUESTION_WORDS: Final = "hello what can you do for me"
_INTERRUPTION_WORDS: Final = "wait stop I have a question"
_POLL_S: Final = 0.05
_CLOSES_WITHIN_S: Final = 0.3
_MANY_GAPS: Final = 5
_AUDIO_END: Final = (
    "an agent ends a call by hangup or by closing its websocket with code 1000. Its own log may say what it did not "
    "take; is --protocol right?"
)
_RIGHT_END: Final[Mapping[TrialProtocol, str]] = {
    "twilio": _AUDIO_END,
    "web": _AUDIO_END,
    "llm": _AUDIO_END.replace("hangup", "end_call"),
}


class AgentGone(Exception):
    """The agent is not there any more, so that the script ends. The text says why."""


class AgentNotReached(Exception):
    """The agent could not be connected to. advice: what to do, "" where nothing is known."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


def sound(name: str) -> Samples:
    """Return a recording of this folder, `question` or `interruption`, at 8 kHz."""
    return recording("ari_agent.try_agent", name)


class Script:
    """Plays one trial call on a line that is not dialled yet."""

    def __init__(self, line: Line, wire: WireLog, report: Report, options: TrialOptions) -> None:
        self._line, self._wire, self._report, self._options = line, wire, report, options
        self._loop = asyncio.get_running_loop()
        self._pace = options.pace
        self._asked = 0
        self._answers = True
        self._spoke_on = self._speaks_on = False  # the agent was still speaking at the end of the step before, of this

    async def play(self) -> None:
        """Play all steps; one that the agent's end makes impossible is left out. Raises: AgentNotReached."""
        try:
            for name, act in (
                ("connect", self._connect),
                ("start", self._start),
                ("speech", self._speech),
                ("key", self._key),
                ("interruption", self._interruption),
                ("hold", self._hold),
                ("hang_up", self._hang_up),
            ):
                step, came = self._report.begin(name), Counter(self._wire.received)
                self._spoke_on, self._speaks_on = self._speaks_on, False
                try:
                    await act(step)
                finally:
                    if self._speaks_on:
                        step.seen.append(f"it still speaks after the {self._pace.longest_answer_s:g} s that are waited")
                    self._tell_messages(step, self._wire.received - came)
                    self._report.end(step)
        except AgentGone as gone:
            self._report.leave_out(str(gone))
        self._look_back()

    # steps

    async def _connect(self, step: Step) -> None:
        began_s = self._loop.time()
        await self._line.dial()
        await asyncio.wait((self._line.ready, self._line.ended), return_when=asyncio.FIRST_COMPLETED)
        ended = self._line.ended.result() if self._line.ended.done() else None
        if isinstance(ended, AgentFailed) and ended.reason is DisconnectionReason.ERROR_LLM_WEBSOCKET_OPEN:
            step.failed = True
            step.seen.append(ended.message)
            raise AgentNotReached(ended.message, why_not_reached(self._options.url, ended.message))
        self._require_agent(step)
        step.ms["handshake"] = round((self._line.ready.result() - began_s) * 1000)
        step.seen.append(f"the websocket is open after {step.ms['handshake']} ms")

    async def _start(self, step: Step) -> None:
        self._line.answer()
        heard_at = await self._sound_since(0, step, patience_s=self._pace.greeting_s)
        if heard_at is None and self._wire.meant:
            step.seen.append("it says nothing that is understood")
            raise AgentGone(f"the agent seems to speak {self._wire.meant}")
        if heard_at is None:
            step.seen.append(f"the agent says nothing for {self._pace.greeting_s:g} s and lets the caller begin")
            return
        await self._quiet(step)
        step.ms["first_sound"] = heard_at // SAMPLES_PER_MS
        step.ms["sound"] = sounding_ms(self._line.heard, heard_at)
        step.seen.append(
            f"the caller hears the agent after {step.ms['first_sound']} ms, {_seconds(step.ms['sound'])} of sound"
        )

    async def _speech(self, step: Step) -> None:
        began, ended = await self._ask(step)
        heard_at = await self._sound_since(began, step, patience_s=self._options.patience_s)
        if heard_at is None:
            self._report.findings.remark(
                f"the agent did not answer within {self._options.patience_s:g} s (--patience) after the caller spoke"
            )
            step.seen.append("no answer")
            self._answers = False
            return
        if self._spoke_on:
            step.seen.append("the agent goes on with what it said before, so that an answer cannot be told from it")
        elif heard_at < ended:
            step.ms["first_sound_after_begin"] = (heard_at - began) // SAMPLES_PER_MS
            after_ms = step.ms["first_sound_after_begin"]
            step.seen.append(f"the agent speaks {after_ms} ms after the caller has begun, and over them")
        else:
            step.ms["first_sound"] = (heard_at - ended) // SAMPLES_PER_MS
            step.seen.append(f"the caller hears an answer {step.ms['first_sound']} ms after the last word")
        await self._quiet(step)

    async def _key(self, step: Step) -> None:
        came_before, began = self._wire.received.total(), len(self._line.heard)
        self._line.press(self._options.key)
        step.seen.append(f"the agent is told of {self._options.key}")
        heard_at = await self._sound_since(began, step, patience_s=self._pace.key_s)
        if self._spoke_on:
            step.seen.append("the agent goes on with what it said before")
            await self._quiet(step)
        elif heard_at is not None:
            step.ms["first_sound"] = (heard_at - began) // SAMPLES_PER_MS
            step.seen.append(f"the caller hears something after {step.ms['first_sound']} ms")
            await self._quiet(step)
        elif self._wire.received.total() == came_before:
            step.seen.append("it does nothing about it, which is all right")

    async def _interruption(self, step: Step) -> None:
        if not self._answers:
            step.seen.append("the agent answered nothing before, so there is nothing to interrupt")
            return
        began, _ = await self._ask(step)
        heard_at = await self._sound_since(began, step, patience_s=self._options.patience_s)
        if heard_at is None:
            step.seen.append("the agent was silent, so there was nothing to interrupt")
            return
        await self._pause(self._pace.speaks_for_s, step)
        began, began_s = len(self._line.heard), self._loop.time()
        await self._say("interruption", _INTERRUPTION_WORDS, step)
        over = len(self._line.heard)
        await self._pause(self._pace.stops_s, step)
        heard = self._line.heard
        silent_at = last_sound(heard[:over], began)
        clear_s = self._wire.at_s.get("clear", 0.0)
        if clear_s > began_s:
            step.ms["clear"] = round((clear_s - began_s) * 1000)
            step.seen.append(f"the agent sends clear {step.ms['clear']} ms after the caller began to speak")
        if first_sound(heard[:over], began) is None or silent_at is None:
            step.seen.append("the agent had finished already")
        elif over - silent_at > self._pace.quiet_s * 1000 * SAMPLES_PER_MS:
            step.ms["silent"] = (silent_at - began) // SAMPLES_PER_MS
            step.seen.append(f"it is silent after {step.ms['silent']} ms")
        elif "clear" not in step.ms:
            step.seen.append("it speaks on over the caller")
            if self._options.protocol != "llm":
                self._report.findings.remark(
                    "the agent was not silent while the caller interrupted it",
                    right="send clear when the caller begins to speak: it drops what was not heard yet",
                )
        await self._quiet(step)

    async def _hold(self, step: Step) -> None:
        began, came_before = len(self._line.heard), self._wire.received.total()
        self._line.hold()
        step.seen.append(f"for {self._pace.hold_s:g} s the agent hears silence; no protocol has a message for it")
        await self._pause(self._pace.hold_s, step)
        spoke_ms = sounding_ms(self._line.heard, began)
        if spoke_ms:
            step.ms["sound"] = spoke_ms
            step.seen.append(f"it speaks for {_seconds(spoke_ms)} to a caller who hears the music of the PBX")
        elif self._wire.received.total() == came_before:
            step.seen.append("it waits")
        self._line.resume()

    async def _hang_up(self, step: Step) -> None:
        began_s = self._loop.time()
        await self._line.hang_up()
        took_s = self._loop.time() - began_s
        step.ms["closed"] = round(took_s * 1000)
        last = "stop and the close frame" if self._options.protocol == "twilio" else "the close frame"
        step.seen.append(f"the agent gets {last}")
        if self._options.protocol != "llm" and took_s >= _CLOSES_WITHIN_S:
            self._report.findings.remark(
                f"the agent did not answer the close frame within {_CLOSES_WITHIN_S * 1000:g} ms",
                right="close the websocket when the other side does (RFC 6455 section 5.5.1)",
            )

    # what the steps are made of

    async def _ask(self, step: Step) -> tuple[int, int]:
        """Have the caller ask the question; returns where in what was heard it began and ended."""
        began = len(self._line.heard)
        step.seen.append(f'"{_QUESTION_WORDS}"')
        await self._say("question", _QUESTION_WORDS, step)
        return began, len(self._line.heard)

    async def _say(self, name: str, words: str, step: Step) -> None:
        saying = asyncio.create_task(self._line.say(sound(name), words))
        await asyncio.wait((saying, self._line.ended), return_when=asyncio.FIRST_COMPLETED)
        if not saying.done():
            saying.cancel()
        self._require_agent(step)

    async def _pause(self, seconds: float, step: Step) -> None:
        await self._until(lambda: False, step, patience_s=seconds)

    async def _sound_since(self, since: int, step: Step, *, patience_s: float) -> int | None:
        """Wait until the caller hears something; returns where in what was heard it begins, None if nothing comes."""
        await self._until(lambda: first_sound(self._line.heard, since) is not None, step, patience_s=patience_s)
        return first_sound(self._line.heard, since)

    async def _quiet(self, step: Step) -> None:
        """Wait until the agent has been silent for a while, at most for as long as an answer is listened to."""
        began, quiet = len(self._line.heard), int(self._pace.quiet_s * 1000) * SAMPLES_PER_MS

        def is_quiet() -> bool:
            heard = self._line.heard
            return len(heard) - began >= quiet and first_sound(heard, len(heard) - quiet) is None

        await self._until(is_quiet, step, patience_s=self._pace.longest_answer_s)
        self._speaks_on = not is_quiet()

    async def _until(self, seen: Callable[[], bool], step: Step, *, patience_s: float) -> None:
        """Wait until something is seen, or the time is over. Raises: AgentGone."""
        deadline_s = self._loop.time() + patience_s
        while not seen() and (left_s := deadline_s - self._loop.time()) > 0:
            await asyncio.wait((self._line.ended,), timeout=min(_POLL_S, left_s))
            self._require_agent(step)

    def _require_agent(self, step: Step) -> None:
        """Raise AgentGone, with a word in the step and a finding, if the agent has ended the call or was lost."""
        if not self._line.ended.done():
            return
        match self._line.ended.result():
            case AgentFailed(reason, message):
                step.seen.append("the agent is lost")
                self._report.findings.wrong(
                    f"{message}: the call's record would say {reason.value}",
                    right=_RIGHT_END[self._options.protocol],
                )
                raise AgentGone("the agent was lost")
            case hung_up:
                step.seen.append(f"the agent hangs up (Q.850 cause {hung_up.q850_cause})")
                raise AgentGone("the agent has hung up")

    def _tell_messages(self, step: Step, came: Counter[str]) -> None:
        """Tell what the agent sent besides audio, and what it asked for, in this step."""
        step.messages = dict(came)
        texts = [f"{kind}{f' {count} times' if count > 1 else ''}" for kind, count in came.items() if kind != "audio"]
        if texts:
            step.seen.append(f"it sends {', '.join(texts)}")
        step.seen += self._line.asked[self._asked :]
        self._asked = len(self._line.asked)

    def _look_back(self) -> None:
        """Find what is wrong with the call as a whole, such as a caller who has heard nothing at all."""
        findings = self._report.findings
        findings.step = ""
        if first_sound(self._line.heard, 0) is None:
            findings.wrong(
                "a caller would have heard nothing at all",
                right="say something: when the call starts, or when the caller has spoken. Is --protocol right?",
            )
        stats = self._line.stats
        if stats.overflow_ms:
            findings.wrong(
                f"{_seconds(stats.overflow_ms)} of audio were given up: more than 10 minutes waited to be played"
            )
        if stats.agent_audio_dropped:
            findings.wrong(
                f"{stats.agent_audio_dropped} pieces of the caller's audio were given up: the agent did not read them",
                right="read every message as it comes, also while the agent speaks",
            )
        if stats.underruns >= _MANY_GAPS and self._options.protocol != "llm":
            findings.remark(
                f"the agent's audio came too late {stats.underruns} times, which is heard as gaps",
                right="send audio as soon as it is made: up to 10 minutes are queued, and played at the caller's pace",
            )
        if self._wire.connections > 1:
            findings.wrong(
                f"the connection was lost and dialled again, {self._wire.connections - 1} times",
                right="keep the websocket open, and answer each ping_pong if your config asks for auto_reconnect",
            )


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.1f} s"
