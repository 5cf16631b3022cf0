"""What text agents write, which voices they name, and how their callers talk, in calls over the audio websocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from ari_agent.calls.dialogue.orders import Ask, ClearSpeech
from ari_agent.contract.agent import AgentCreate
from ari_agent.errors import SpeechFailed
from ari_agent.speech.flite_synthesizer import FliteSynthesizer, voice_name
from ari_agent.speech.recognizer import Heard, ListeningOptions, Recognizer
from ari_agent.speech.synthesizer import Spoken, Synthesizer, Voice
from ari_agent.speech.voices import Voices
from ari_agent.store.store import Store
from tests.api.test_web_text_agents import (
    GREETING,
    OPENING,
    SPEECH,
    WEB_16,
    Deaf,
    Tones,
    registered,
    speaking_house,
    told,
)
from tests.calls.dialogue.test_spoken_dialogue import Talk
from tests.fakes import flite
from tests.fakes.llm_server import LlmAgent, LlmServer, LlmTalk, Message, until
from tests.fakes.sound import Samples, read_wav
from tests.fakes.web_client import WebFrontEnd
from tests.integration.stage import Stage
from tests.integration.test_text_agent import LONG, connected, opening
from tests.speech.spoken import PATIENT

FRAME = 160  # 20 ms at 8 kHz
ECHO_FRAMES = 8  # 160 ms
YES = read_wav(SPEECH / "rms_yes.wav")[0][3200:]  # 0.1 s before it can be heard
LONGER = read_wav(SPEECH / "rms_barge.wav")[0][3200:]


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    """Text agents."""
    async with LlmServer() as server:
        yield server


class Ears:
    """Understands one of these texts in each utterance, at its end, and beforehand where it tells partial ones.

    loud_ms: how much sound it was fed since the last utterance.
    """

    def __init__(self, *texts: str, partials: bool = False) -> None:
        self._texts, self._partials = list(texts), partials
        self.loud_ms = 0

    async def start(self) -> None:
        """Nothing to do."""

    def open(
        self, options: ListeningOptions, on_heard: Callable[[Heard], None], on_failed: Callable[[SpeechFailed], None]
    ) -> Ears:
        self._on_heard = on_heard
        return self

    def feed(self, pcm: bytes) -> None:
        self.loud_ms += 20 * bool(np.abs(np.frombuffer(pcm, "<i2")).max() > 500)

    def speech_started(self) -> None:
        if self._partials and self._texts:
            asyncio.get_running_loop().call_later(0.2, self._on_heard, Heard(self._texts[0], final=False))

    def speech_stopped(self) -> None:
        self.loud_ms = 0
        text = self._texts.pop(0) if self._texts else ""
        asyncio.get_running_loop().call_soon(self._on_heard, Heard(text, final=True))

    async def close(self) -> None:
        """Nothing to do."""


class LongTones(Tones):
    """Says five seconds of noise for each sentence."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        yield Spoken(np.full(5 * 16_000, 9000, "<i2").tobytes())


class Recorded(Tones):
    """Says recorded speech of five seconds for each sentence."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        parts = [read_wav(SPEECH / f"{name}.wav")[0] for name in ("slt_no_thank_you", "rms_transfer_agent")]
        yield Spoken(np.repeat(np.concatenate(parts), 2).astype("<i2").tobytes())


@dataclass
class Microphone:
    """Sends a frame every 20 ms: what is to be said, or silence, and an echo of what was heard.

    left: what was not said yet. frames: how many were sent since the first sound came. echo_db: of the sound that was
    heard ECHO_FRAMES before; None for a telephone without echo.
    """

    front: WebFrontEnd
    echo_db: float | None = None
    frames: int = 0
    left: Samples = field(default_factory=lambda: np.zeros(0, np.int16))

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        with suppress(ConnectionClosed):
            while True:
                frame, self.left = self.left[:FRAME], self.left[FRAME:]
                frame = np.pad(frame, (0, FRAME - len(frame)))
                if self.front.audio:
                    self.frames += 1
                if self.echo_db is not None:
                    frame = frame + self._echo(self.frames - 1 - ECHO_FRAMES)
                await self.front.say(frame)
                due_s += 0.02
                await asyncio.sleep(due_s - loop.time())

    def _echo(self, number: int) -> Samples:
        heard = self.front.sound()[number * FRAME : (number + 1) * FRAME] if number >= 0 else np.zeros(0)
        damped = heard * 10 ** ((self.echo_db or 0) / 20)
        return np.pad(damped, (0, FRAME - len(heard))).astype(np.int16)


@asynccontextmanager
async def calling(
    store: Store, agent: LlmAgent, recognizer: Recognizer, synthesizer: Synthesizer, **settings: Any
) -> AsyncIterator[Microphone]:
    """A caller in a call to this agent."""
    async with speaking_house(store, recognizer, synthesizer) as house:
        call_id = await registered(house, agent, **settings)
        async with WebFrontEnd(house.url(call_id)) as front:
            microphone = Microphone(front)
            running = asyncio.create_task(microphone.run())
            try:
                yield microphone
            finally:
                running.cancel()


def said(talk: LlmTalk) -> list[str]:
    """The newest transcript that its server has."""
    messages = [message for message in talk.heard if "transcript" in message]
    return [f"{part['role']}: {part['content']}" for part in messages[-1]["transcript"]] if messages else []


def silent(*answers: Message) -> Callable[[LlmTalk, Message], Any]:
    """A server that answers so much and no more."""
    left = list(answers)

    async def answer(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required" and left:
            await talk.say(response_id=message["response_id"], **left.pop(0))

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        {"response_id": "0", "content": GREETING, "content_complete": True},
        {"response_id": 0.0, "content": GREETING, "content_complete": True},
        {"response_id": 0, "content": GREETING},
        {"response_id": 0, "content": GREETING, "content_complete": "true", "end_call": "false"},
    ],
    ids=["response_id-text", "response_id-1.0", "content_complete-left-out", "end_call-false-text"],
)
async def test_an_answer_with_other_types_than_documented_is_spoken(
    store: Store, llms: LlmServer, answer: Message
) -> None:
    agent = llms.agent(opening=({"response_id": 0, "content": None, "content_complete": False}, answer))
    async with speaking_house(store, Deaf(), Tones()) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)):
            await until(lambda: bool(agent.talks) and any(GREETING in str(message) for message in agent.talks[0].heard))
        record = await house.ended(call_id)
    assert record["transcript"] == f"Agent: {GREETING}\n"
    assert record["disconnection_reason"] == "user_hangup"


async def test_markup_is_not_spoken_and_a_break_is_a_pause(store: Store, llms: LlmServer) -> None:
    text = 'Wait here.<break time="1s"/>It is <b>fish</b> &amp; chips - or not.'
    agent, voice = llms.agent(silent(), opening=({**OPENING, "content": text},)), Tones()
    async with calling(store, agent, Deaf(), voice) as caller:
        await until(lambda: bool(agent.talks) and "or not." in " ".join(said(agent.talks[0])))
        heard = caller.front.sound()
    assert voice.asked == ["Wait here.", "It is fish & chips, or not."]
    assert len(heard) == 3 * 8000
    assert np.count_nonzero(heard) == pytest.approx(2 * 8000, abs=400)  # the rest is the pause
    assert said(agent.talks[0]) == ['agent: Wait here. <break time="1s"/> It is <b>fish</b> &amp; chips - or not.']


@pytest.mark.parametrize(
    ("language", "nod"), [("en-US", "Okay."), ("pt-BR", "Tá bom.")], ids=["okay", "portuguese-with-partials"]
)
async def test_a_nod_does_not_cut_the_agent_off(store: Store, llms: LlmServer, language: str, nod: str) -> None:
    agent = llms.agent(silent(), opening=(OPENING,))
    ears = Ears(nod, partials=language == "pt-BR")
    async with calling(store, agent, ears, LongTones(), language=language) as caller:
        await caller.front.until(lambda: caller.front.audio)
        caller.left = YES
        await until(lambda: " ".join(said(agent.talks[0])).endswith(GREETING[-10:]))
    heard = said(agent.talks[0])
    assert " ".join(part.removeprefix("agent: ") for part in heard if part.startswith("agent")) == GREETING
    assert f"user: {nod}" in heard
    assert told(agent.talks[0], "response_required") == []


@pytest.mark.parametrize("sensitivity", [1, 0.9, 0.5, 0.1])
@pytest.mark.parametrize(
    ("language", "nod"),
    [
        ("en-US", "Okay."),
        ("en-US", "Mhm."),
        ("en-US", "uh huh"),
        ("de-DE", "Ach so, ja."),
        ("ja-JP", "はい、そうですね。"),
    ],
    ids=["okay", "mhm", "uh-huh", "german", "japanese"],
)
def test_at_no_sensitivity_and_in_no_language_does_a_nod_cut_the_agent_off(
    language: str, nod: str, sensitivity: float
) -> None:
    text = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen."
    talk = Talk(turns={"interruption_sensitivity": sensitivity, "language": language}).start().answer(text).wait(600)
    talk.voice(400, nod).wait(6000)
    assert " ".join(line.removeprefix("agent: ") for line in talk.said() if line.startswith("agent")) == text
    assert talk.of(Ask) == talk.of(ClearSpeech) == []


@pytest.mark.parametrize(("words", "partials"), [("Okay, but tomorrow.", True), ("Tomorrow.", False)])
async def test_words_of_ones_own_do(store: Store, llms: LlmServer, words: str, partials: bool) -> None:
    agent = llms.agent(silent(), opening=(OPENING,))
    async with calling(store, agent, Ears(words, partials=partials), LongTones()) as caller:
        await caller.front.until(lambda: caller.front.audio)
        caller.left = YES
        await until(lambda: bool(told(agent.talks[0], "response_required")))
    heard = said(agent.talks[0])
    assert heard[-1] == f"user: {words}"
    assert GREETING not in " ".join(heard)


@pytest.mark.parametrize("echo_db", [-25, -35])
async def test_the_agents_own_echo_does_not_cut_it_off(store: Store, llms: LlmServer, echo_db: float) -> None:
    agent = llms.agent(silent(), opening=(OPENING,))
    async with calling(store, agent, Ears("what the agent says"), Recorded()) as caller:
        caller.echo_db = echo_db
        await until(lambda: bool(agent.talks) and GREETING in " ".join(said(agent.talks[0])))
        assert "clear" not in caller.front.words
    assert said(agent.talks[0]) == [f"agent: {GREETING}"]


async def test_on_the_phone_neither_does_it(talking: Stage) -> None:
    async with LlmServer() as servers:
        agent = servers.agent(silent(), opening=(*opening(LONG),))
        async with connected(talking, agent) as talk:
            talk.caller.audio.echo_db = -25
            await until(lambda: LONG in " ".join(said(talk.llm)))
    assert said(talk.llm) == [f"agent: {LONG}"]
    assert not any(message.get("turntaking") == "user_turn" for message in talk.llm.heard)


async def test_a_voice_over_the_echo_does(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(silent(), opening=(OPENING,))
    async with calling(store, agent, Ears("Wait, wait."), Recorded()) as caller:
        caller.echo_db = -25
        await until(lambda: caller.frames > 100)
        caller.left = LONGER
        await until(lambda: bool(told(agent.talks[0], "response_required")))
    assert said(agent.talks[0])[-1] == "user: Wait, wait."
    assert GREETING not in " ".join(said(agent.talks[0]))


@pytest.mark.parametrize("before_ms", [200, 100, 40])
async def test_an_answer_is_withheld_from_a_caller_who_goes_on_right_before_it(
    store: Store, llms: LlmServer, before_ms: int
) -> None:
    agent = llms.agent(silent(), opening=({**OPENING, "content": ""},))
    ears = Ears("I want a flight", "to Rome tomorrow.")
    async with calling(store, agent, ears, Tones()) as caller:
        await until(lambda: bool(agent.talks))
        caller.left = LONGER
        talk = agent.talks[0]
        await until(lambda: len(told(talk, "response_required")) == 1)
        caller.left = LONGER
        await until(lambda: ears.loud_ms >= before_ms)
        await talk.respond(1, "Where do you want to fly?")
        await until(lambda: len(told(talk, "response_required")) == 2)
        heard_ms = len(caller.front.sound()) / 8
    transcript: Sequence[Message] = told(agent.talks[0], "response_required")[1]["transcript"]
    assert [(part["role"], part["content"]) for part in transcript] == [("user", "I want a flight to Rome tomorrow.")]
    if before_ms >= 100:
        assert heard_ms == 0


ELSEWHERE = "11labs-Adrian"
FLITE = Voices(voice_name)
FLITE_OR = Voices(voice_name, "flite-slt")


async def stored(store: Store, agent: LlmAgent) -> str:
    """An agent that was saved when nobody asked about its voice; its id."""
    given = {"response_engine": agent.engine, "voice_id": ELSEWHERE}
    return (await store.agents.create(AgentCreate.model_validate(given))).agent_id


async def test_an_unknown_voice_is_refused_when_its_agent_is_saved(store: Store, llms: LlmServer) -> None:
    body = {"response_engine": llms.agent().engine, "voice_id": ELSEWHERE}
    async with speaking_house(store, Deaf(), Tones(), FLITE) as house:
        refused = await house.post("/create-agent", body, expect=400)
        made = await house.post("/create-agent", {**body, "fallback_voice_ids": ["flite-rms"]})
        path = f"/update-agent/{made['agent_id']}"
        updates = [{"agent_name": "Ann"}, {"fallback_voice_ids": None}, {"voice_id": "flite-awb"}]
        statuses = [(await house.api.patch(path, json=changes)).status for changes in updates]
    assert ELSEWHERE in refused["message"]
    assert "flite-slt" in refused["message"]
    assert "ARI_AGENT_FALLBACK_VOICE" in refused["message"]
    assert statuses == [200, 400, 200]


async def test_an_unknown_voice_of_a_stored_agent_is_refused_when_a_number_is_bound_to_it(
    store: Store, llms: LlmServer
) -> None:
    bound = [{"agent_id": await stored(store, llms.agent()), "weight": 1}]
    number = {"phone_number": "+12025550177", "termination_uri": "sip.example.com"}
    async with speaking_house(store, Deaf(), Tones(), FLITE) as house:
        refused = await house.post("/import-phone-number", {**number, "inbound_agents": bound}, expect=400)
        await house.post("/import-phone-number", number)
        path = "/update-phone-number/+12025550177"
        assert (await house.api.patch(path, json={"inbound_agents": bound})).status == 400
        assert (await house.api.patch(path, json={"inbound_sms_agents": bound})).status == 200  # a text has no voice
    assert ELSEWHERE in refused["message"]


async def test_a_call_to_a_stored_agent_with_an_unknown_voice_is_not_answered_and_its_record_says_why(
    store: Store, llms: LlmServer
) -> None:
    agent = llms.agent(opening=(OPENING,))
    agent_id = await stored(store, agent)
    async with speaking_house(store, Deaf(), Tones(), FLITE) as house:
        call_id = str((await house.post("/register-call", {"agent_id": agent_id, **WEB_16}))["call_id"])
        async with WebFrontEnd(house.url(call_id)) as front:
            assert await front.gone() == (1011, "error_retell")
        record = await house.ended(call_id)
    assert agent.talks == []
    assert ELSEWHERE in " ".join(record["faults"])


async def test_the_fallback_voice_speaks_for_an_agent_with_an_unknown_one(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(opening=(OPENING,))
    synthesizer = FliteSynthesizer(program=flite.program(), patience=PATIENT, start_timeout_s=60)
    async with speaking_house(store, Deaf(), synthesizer, FLITE_OR) as house:
        call_id = await registered(house, agent, voice_id=ELSEWHERE)
        async with WebFrontEnd(house.url(call_id)) as front:
            await until(lambda: bool(agent.talks) and GREETING in " ".join(said(agent.talks[0])))
            assert np.abs(front.sound()).max() > 1000
        assert (await house.ended(call_id))["disconnection_reason"] == "user_hangup"
