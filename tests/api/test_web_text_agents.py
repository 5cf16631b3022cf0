"""Text agents in web calls: both front ends, with real ears (pocketsphinx) and a voice (flite), and when these fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from aiohttp import ClientSession
from websockets.exceptions import ConnectionClosed

from ari_agent.calls.dialogue.text_agent_leg import Speech
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.errors import SpeechFailed
from ari_agent.prompt_agents.chat_model import ChatModel, ModelServer
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.prompt_agents import PromptAgents
from ari_agent.speech.flite_synthesizer import FliteSynthesizer
from ari_agent.speech.grammar_recognizer import GrammarListening, GrammarRecognizer
from ari_agent.speech.recognizer import Heard, ListeningOptions, Recognizer
from ari_agent.speech.silero import SileroDetector
from ari_agent.speech.synthesizer import Spoken, Synthesizer, Voice
from ari_agent.speech.voices import Voices
from ari_agent.store.store import Store
from tests.api.conftest import random_call_id
from tests.api.web_house import NOW_MS, TWILIO, House, Json, open_house
from tests.fakes import flite
from tests.fakes.chat_model_server import ChatModelServer, Reply
from tests.fakes.llm_server import LlmAgent, LlmServer, LlmTalk, Message, until
from tests.fakes.sound import read_wav
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd
from tests.speech.spoken import PATIENT

pytestmark = pytest.mark.slow

SPEECH: Final = Path(__file__).parents[1] / "data" / "speech"
WEB_16: Final = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 8000}
GREETING: Final = "Hello, how can I help you?"
OPENING: Final[Message] = {"response_id": 0, "content": GREETING, "content_complete": True}


class Deaf:
    """Understands nobody, and fails where it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails

    async def start(self) -> None:
        """Nothing to do."""

    def open(
        self, options: ListeningOptions, on_heard: Callable[[Heard], None], on_failed: Callable[[SpeechFailed], None]
    ) -> Deaf:
        if self._fails:
            asyncio.get_running_loop().call_soon(on_failed, SpeechFailed("nobody listens"))
        return self

    def feed(self, pcm: bytes) -> None:
        """For nothing."""

    def speech_started(self) -> None:
        """For nothing."""

    def speech_stopped(self) -> None:
        """For nothing."""

    async def close(self) -> None:
        """Nothing to do."""


class Tones:
    """Says a second of noise for each sentence, and fails from sentence `mute_from` on, or before its end."""

    def __init__(self, *, mute_from: int = 1_000_000, with_sound: bool = False) -> None:
        self._mute_from, self._with_sound = mute_from, with_sound
        self.asked: list[str] = []

    async def start(self) -> None:
        """Nothing to do."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        self.asked.append(text)
        mute = len(self.asked) > self._mute_from
        if not mute or self._with_sound:
            yield Spoken(np.full(16_000, 9000, "<i2").tobytes())
        if mute:
            raise SpeechFailed("nobody speaks", disconnection_reason=DisconnectionReason.ERROR_RETELL)

    async def close(self) -> None:
        """Nothing to do."""


class Ramp(Tones):
    """Three seconds of which every sample tells where it is."""

    async def speak(self, text: str, voice: Voice) -> AsyncGenerator[Spoken, None]:
        yield Spoken(np.linspace(0, 30_000, 48_000).astype("<i2").tobytes())


@asynccontextmanager
async def speaking_house(
    store: Store,
    recognizer: Recognizer,
    synthesizer: Synthesizer,
    voices: Voices | None = None,
    model: ChatModelServer | None = None,
) -> AsyncIterator[House]:
    """The server with these ears and this voice. voices: which ids the synthesizer knows; None: any.

    model: answers for agents with a prompt.
    """
    await recognizer.start()
    await synthesizer.start()
    try:
        async with ClientSession() as http:
            prompts = None
            if model:
                functions = CustomFunctions(http, "key", lambda: NOW_MS)
                prompts = PromptAgents(
                    ChatModel(ModelServer("small", model.url)),
                    functions,
                    store.retell_llms.get,
                    store.conversation_flows.get,
                )
            speech = Speech(
                recognizer,
                synthesizer,
                SileroDetector(),
                http,
                lambda: NOW_MS,
                voices=voices or Voices(),
                prompts=prompts,
            )
            async with open_house(store, random_call_id, speech=speech) as house:
                yield house
    finally:
        await synthesizer.close()
        await recognizer.close()


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    """Text agents."""
    async with LlmServer() as server:
        yield server


async def registered(house: House, agent: LlmAgent, audio: Json = WEB_16, **settings: Any) -> str:
    """A call to it; its call_id."""
    made = await house.post("/create-agent", {"response_engine": agent.engine, "voice_id": "flite-slt", **settings})
    return str((await house.post("/register-call", {"agent_id": made["agent_id"], **audio}))["call_id"])


async def speak(front: WebFrontEnd | TwilioFrontEnd, name: str) -> None:
    """As a microphone does, in real time: words, and then silence until the call is over."""
    words = read_wav(SPEECH / f"{name}.wav")[0]
    silence = np.zeros(160, np.int16)
    with suppress(ConnectionClosed):
        for start in range(0, 400 * 160, 160):
            await front.say(words[start : start + 160] if start + 160 <= len(words) else silence)
            await asyncio.sleep(0.02)


def told(talk: LlmTalk, kind: str) -> list[Message]:
    """What its server was told."""
    return [message for message in talk.heard if message["interaction_type"] == kind]


@pytest.mark.parametrize("protocol", ["web", "twilio"])
async def test_a_conversation(store: Store, llms: LlmServer, protocol: str) -> None:
    async def answer(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required":
            await talk.say(response_type="metadata", metadata={"page": 2})
            await talk.respond(message["response_id"], "Goodbye!", end_call=True)

    agent = llms.agent(answer, opening=({"response_type": "config", "config": {"call_details": True}}, OPENING))
    async with speaking_house(
        store,
        GrammarRecognizer(GrammarListening(final_timeout_s=60, stuck_s=60)),
        FliteSynthesizer(program=flite.program(), patience=PATIENT, start_timeout_s=60),
    ) as house:
        call_id = await registered(house, agent, WEB_16 if protocol == "web" else TWILIO)
        url = house.url(call_id, "?enable_update=true")
        front: WebFrontEnd | TwilioFrontEnd = WebFrontEnd(url) if protocol == "web" else TwilioFrontEnd(url)
        async with front:
            if isinstance(front, TwilioFrontEnd):
                await front.begin()
                returning = asyncio.create_task(_return_marks(front))
            await until(lambda: bool(agent.talks) and any(GREETING in str(message) for message in agent.talks[0].heard))
            assert np.abs(front.sound()).max() > 1000
            await speak(front, "rms_yes")
            await front.gone()
            if protocol == "twilio":
                returning.cancel()
        record = await house.ended(call_id)
        talk = agent.talks[0]
    assert told(talk, "call_details")[0]["call"]["call_id"] == call_id
    asked = told(talk, "response_required")[0]
    assert [utterance["content"] for utterance in asked["transcript"]] == [GREETING, "yes"]
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["transcript"] == f"Agent: {GREETING}\nUser: yes\nAgent: Goodbye!\n"
    latency = {part: series["values"] for part, series in record["latency"].items()}
    assert {part: len(latency[part]) for part in ("e2e", "asr", "llm", "queue")} == {
        "e2e": 1,
        "asr": 1,
        "llm": 1,
        "queue": 1,
    }
    assert latency["e2e"][0] >= latency["llm"][0] + latency["queue"][0] + latency["tts"][-1] - 1
    if protocol == "web":
        kinds = {message["event_type"] for message in front.messages}
        assert kinds == {"update", "metadata"}
        turns = [message["turntaking"] for message in front.messages if "turntaking" in message]
        assert turns == ["agent_turn", "user_turn", "agent_turn"]


async def test_a_prompt_leads_a_web_call(store: Store) -> None:
    """The model begins, asks for a transfer, which a web call has not, is told so, and hangs up."""
    transfer = {
        "type": "transfer_call",
        "name": "to_sales",
        "transfer_destination": {"type": "predefined", "number": "+14155550100"},
    }
    script = Reply(["Hello."], [("to_sales", "{}")]), Reply(["Goodbye."], [("bye", "{}")])
    async with ChatModelServer(*script) as model, speaking_house(store, Deaf(), Tones(), model=model) as house:
        tools = [transfer, {"type": "end_call", "name": "bye"}]
        llm = await house.post("/create-retell-llm", {"general_prompt": "Call {{call_id}}.", "general_tools": tools})
        engine = {"type": "retell-llm", "llm_id": llm["llm_id"]}
        made = await house.post("/create-agent", {"response_engine": engine, "voice_id": "flite-slt"})
        call_id = str((await house.post("/register-call", {"agent_id": made["agent_id"], **WEB_16}))["call_id"])
        async with WebFrontEnd(house.url(call_id)) as front:
            await front.gone()
        record = await house.ended(call_id)
    assert record.get("transcript") == "Agent: Hello.\nAgent: Goodbye.\n", record
    assert record["disconnection_reason"] == "agent_hangup"
    assert model.asked[0]["messages"][0]["content"].startswith(f"Call {call_id}.")
    assert "phone line" in model.asked[1]["messages"][-1]["content"]
    assert record["llm_token_usage"]["num_requests"] == 2


async def test_a_server_that_is_dialled_again_is_told_the_details_as_they_are_then(
    store: Store, llms: LlmServer
) -> None:
    agent = llms.agent(opening=({"response_type": "config", "config": {"call_details": True}}, OPENING))
    async with speaking_house(store, Deaf(), Tones()) as house:
        call_id = await registered(house, agent, WEB_16)
        async with WebFrontEnd(house.url(call_id)):
            await until(lambda: bool(agent.talks) and bool(told(agent.talks[0], "call_details")))
            change = {"fields_to_override": {"metadata": {"ticket": 7}}}
            async with house.api.patch(f"/v2/update-live-call/{call_id}", json=change) as response:
                assert response.status == 200
            agent.talks[0].connection.transport.abort()
            await until(lambda: len(agent.talks) > 1 and bool(told(agent.talks[1], "call_details")))
        await house.ended(call_id)
    first, second = (told(talk, "call_details")[0]["call"] for talk in agent.talks[:2])
    assert (first["call_status"], first.get("metadata")) == ("ongoing", None)
    assert (second["call_status"], second["metadata"]) == ("ongoing", {"ticket": 7})


async def _return_marks(twilio: TwilioFrontEnd) -> None:
    """As Twilio does, when what was sent before them was played."""
    returned, end_s = 0, 0.0
    loop = asyncio.get_running_loop()
    while True:
        await twilio.messages_come(returned + 1)
        message = twilio.messages[returned]
        returned += 1
        if message["event"] == "media":
            lasts_s = len(message["media"]["payload"]) * 0.75 / 8000
            end_s = max(end_s, loop.time()) + lasts_s
        elif message["event"] == "mark":
            await asyncio.sleep(max(0.0, end_s - loop.time()))
            await twilio.return_mark(message["mark"]["name"])


async def test_a_front_end_that_returns_no_marks_is_taken_to_have_heard(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(opening=(OPENING,))
    async with speaking_house(store, Deaf(), Tones()) as house:
        call_id = await registered(house, agent, TWILIO)
        async with TwilioFrontEnd(house.url(call_id)) as twilio:
            await twilio.begin()
            await until(lambda: bool(agent.talks) and any(GREETING in str(message) for message in agent.talks[0].heard))


async def test_a_call_without_ears_ends_as_error_asr(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(opening=(OPENING,))
    async with speaking_house(store, Deaf(fails=True), Tones()) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)) as browser:
            assert await browser.gone() == (1011, "error_asr")
        assert (await house.ended(call_id))["call_status"] == "error"


@pytest.mark.parametrize("spoken", [0, 1])
async def test_a_call_without_a_voice_ends_as_error_retell_once_all_was_heard(
    store: Store, llms: LlmServer, spoken: int
) -> None:
    opening = {"response_id": 0, "content": "One moment here. Two moments there.", "content_complete": True}
    agent = llms.agent(opening=(opening,))
    async with speaking_house(store, Deaf(), Tones(mute_from=spoken)) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)) as browser:
            assert await browser.gone() == (1011, "error_retell")
            assert len(browser.sound()) == spoken * 8000
        record = await house.ended(call_id)
    assert record.get("transcript", "") == ("Agent: One moment here.\n" if spoken else "")


async def test_a_sentence_that_breaks_off_does_not_end_the_call(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(opening=(OPENING,))
    voice = Tones(mute_from=0, with_sound=True)
    async with speaking_house(store, Deaf(), voice) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)):
            await until(lambda: bool(agent.talks) and any(GREETING in str(message) for message in agent.talks[0].heard))
        assert (await house.ended(call_id))["disconnection_reason"] == "user_hangup"


async def test_what_was_heard_is_kept_of_a_user_who_leaves(store: Store, llms: LlmServer) -> None:
    text = "a long tale of a ship that sailed away one day and never came home again to its harbour"
    agent = llms.agent(opening=({**OPENING, "content": text},))
    voice = Tones()
    async with speaking_house(store, Deaf(), voice) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)) as browser:
            await browser.until(lambda: len(browser.sound()) >= 8000)
            await asyncio.sleep(0.5)
        record = await house.ended(call_id)
    said = record["transcript"].removeprefix("Agent: ").strip()
    assert said
    assert text.startswith(said)
    assert said != text


async def test_an_agent_that_paused_goes_on_where_it_was(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(opening=(OPENING,))
    async with speaking_house(store, Deaf(), Ramp()) as house:
        call_id = await registered(house, agent, interruption_sensitivity=0.9)
        async with WebFrontEnd(house.url(call_id)) as browser:
            await browser.until(lambda: bool(browser.audio))
            speaking = asyncio.create_task(speak(browser, "rms_yes"))
            await browser.until(lambda: "clear" in browser.words)
            before = len(browser.sound())
            await browser.until(lambda: len(browser.sound()) > before)
            await until(lambda: any(GREETING in str(message) for message in agent.talks[0].heard))
            sound = browser.sound().astype(np.int32)
            speaking.cancel()
    assert before == 24_000
    whole, rest = sound[:before], sound[before:]
    rest = rest[np.flatnonzero(rest < 1000)[-1] :]  # from its last beginning: the voice may have made it pause again
    assert 0.05 * before < len(rest) < 0.95 * before
    settled = rest[80:]  # after 10 ms the resampler has forgotten the silence before it
    assert np.abs(settled - whole[-len(settled) :]).max() <= 20  # 2 ms of the ramp


async def test_a_transfer_in_a_web_call_fails_and_the_agent_is_told_twice_at_most(
    store: Store, llms: LlmServer
) -> None:
    async def answer(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required":
            await talk.respond(message["response_id"], "", transfer_number="+14155559999")

    opening = {**OPENING, "content": "", "transfer_number": "no number at all"}
    agent = llms.agent(answer, opening=(opening,))
    async with speaking_house(store, Deaf(), Tones()) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)):
            await until(lambda: bool(agent.talks) and len(told(agent.talks[0], "response_required")) >= 2)
        record = await house.ended(call_id)
    failed = [item for item in record["transcript_with_tool_calls"] if item["role"] == "tool_call_result"]
    assert [item["successful"] for item in failed] == [False] * 3
    assert "is not allowed in a destination" in failed[0]["content"]
    assert "web call" in failed[1]["content"]
    assert len(told(agent.talks[0], "response_required")) == 2


async def test_the_api_makes_the_agent_speak(store: Store, llms: LlmServer) -> None:
    wants_tools = {"response_type": "config", "config": {"transcript_with_tool_calls": True}}
    agent = llms.agent(opening=(wants_tools, {**OPENING, "content": ""}))
    async with speaking_house(store, Deaf(), Tones()) as house:
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)):
            await until(lambda: bool(agent.talks) and bool(agent.talks[0].connection))
            control = {"trigger_response": True, "additional_context": "The user is on page two."}
            body = {"call_control": control}
            for _ in range(200):
                response = await house.api.patch(f"/v2/update-live-call/{call_id}", json=body)
                if response.status == 200:
                    break
                await asyncio.sleep(0.01)
            await until(lambda: bool(told(agent.talks[0], "response_required")))
        record = await house.ended(call_id)
    asked = told(agent.talks[0], "response_required")[0]
    assert asked["transcript"]
    assert asked["transcript_with_tool_calls"][-1]["role"] == "injected"
    assert record["transcript_with_tool_calls"][0]["content"] == "The user is on page two."


async def test_nothing_is_left_of_a_call(store: Store, llms: LlmServer) -> None:
    agent = llms.agent(opening=({**OPENING, "content": "One. Two. Three. Four. Five. Six. Seven. Eight. Nine."},))
    async with speaking_house(store, Deaf(), Tones()) as house:
        before = asyncio.all_tasks()
        call_id = await registered(house, agent)
        async with WebFrontEnd(house.url(call_id)) as browser:
            await browser.until(lambda: bool(browser.audio))
        await house.ended(call_id)
        await until(lambda: not house.switchboard.live())
        left = {task.get_name() for task in asyncio.all_tasks() - before}
        assert not {name for name in left if "agent" in name or "sentence" in name}, left
