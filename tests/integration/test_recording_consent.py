"""The sentence that tells callers of a recording, and the tone on web calls: what is heard, recorded and told."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
import pytest_asyncio

from tests.fakes.agent_server import AgentCall
from tests.fakes.baresip import G722, calling
from tests.fakes.flite import program as flite
from tests.fakes.flite import resampled, speech
from tests.fakes.llm_server import LlmServer
from tests.fakes.sip_caller import ReferPlan
from tests.fakes.sipp_callee import answers
from tests.fakes.sound import Samples, find_pieces, silence, tone, write_wav
from tests.fakes.tones import as_sent, first_ms, heard_ms
from tests.fakes.web_client import TwilioFrontEnd, WebFrontEnd
from tests.fakes.webhook_server import Answer
from tests.integration.stage import Connected, Stage, staged
from tests.integration.test_outbound import trunk
from tests.integration.test_public_log import whole_log
from tests.integration.test_recording import ended, fetched, recording_of
from tests.integration.test_text_agent import answering, opening

CALLER_HZ, SENTENCE_HZ, AGENT_HZ, BEEP_HZ = 700, 1000, 1900, 1400
SENTENCE_S: Final = 1.0
FILE: Final = {"recording_consent": {"file": "consent.wav"}}
TOLD: Final = {"recording": "on", **FILE}
TEXT: Final = "This call is recorded."
LATE_MS: Final = 100
"""How much a busy machine may skip or add."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def telling(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """A controller with a voice, and a sentence in a file."""
    folder = tmp_path_factory.mktemp("consent")
    sounds = folder / "sounds"
    sounds.mkdir()
    write_wav(sounds / "consent.wav", tone(SENTENCE_HZ, SENTENCE_S))
    write_wav(sounds / "long.wav", tone(SENTENCE_HZ, 4.0))
    write_wav(sounds / "goes.wav", tone(SENTENCE_HZ, SENTENCE_S))
    async with staged(
        folder, SOUNDS_DIR=str(sounds), SPEECH_TO_TEXT="grammar", TEXT_TO_SPEECH="flite", FLITE=flite()
    ) as made:
        yield made


async def greet(call: AgentCall) -> None:
    """An agent that speaks at once, and wants to know when it was heard."""
    await call.say(tone(AGENT_HZ, 1.0, rate_hz=call.rate_hz))
    if call.protocol == "twilio":
        await call.mark("greeted")


async def over(stage: Stage, call: Connected) -> Mapping[str, Any]:
    await call.caller.hang_up()
    return await ended(stage, call.call_id)


async def told_in_log(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    lines = [dict(line) for line in await whole_log(record["public_log_url"])]
    return [line for line in lines if line["event"] == "recording_consent"]


def comes_first(heard: Samples) -> None:
    """The whole sentence, and then the agent."""
    assert heard_ms(heard, SENTENCE_HZ) == pytest.approx(1000 * SENTENCE_S, abs=LATE_MS)
    assert heard_ms(heard, AGENT_HZ) == pytest.approx(1000, abs=LATE_MS)
    begins, agent_begins = first_ms(heard, SENTENCE_HZ), first_ms(heard, AGENT_HZ)
    assert begins is not None
    assert agent_begins is not None
    assert agent_begins - begins >= 1000 * SENTENCE_S - LATE_MS


async def test_the_sentence_is_heard_before_the_agent_and_is_on_the_recording_and_in_the_log(telling: Stage) -> None:
    async with telling.connected(greet, agent=TOLD) as call:
        call.caller.audio.say(tone(CALLER_HZ, 1.0))
        await call.agent.event("mark")
        heard = as_sent(call.caller.audio.heard)
        call.caller.audio.say(tone(CALLER_HZ, 1.0))
        await call.caller.audio.said()
        await asyncio.sleep(0.3)
        record = await over(telling, call)
    comes_first(heard)
    recording = await recording_of(record)
    comes_first(recording.right)
    assert heard_ms(call.agent.sound(), CALLER_HZ) >= 1700, "the agent hears the caller as usual"
    until_ms = first_ms(recording.right, AGENT_HZ)
    assert until_ms is not None
    assert heard_ms(recording.left[: 8 * until_ms], CALLER_HZ) == 0, "who was not told yet is not recorded"
    assert heard_ms(recording.left, CALLER_HZ) >= 900
    (line,) = await told_in_log(record)
    assert line["outcome"] == "heard"
    assert line["played_ms"] == pytest.approx(1000 * SENTENCE_S, abs=LATE_MS)
    assert "faults" not in record


async def test_a_text_is_spoken_and_the_numbers_sentence_goes_before_the_agents(telling: Stage) -> None:
    number = {"recording": "on", "recording_consent": {"text": TEXT}}
    async with telling.connected(greet, agent={**FILE, "voice_id": "flite-slt"}, number=number) as call:
        await call.agent.event("mark")
        record = await over(telling, call)
        heard = as_sent(call.caller.audio.heard)
    recording = await recording_of(record)
    for sound in (heard, recording.right):
        pieces = find_pieces(resampled(speech(TEXT), 16_000, 8000), sound, piece=1600)
        assert np.mean([piece.similarity for piece in pieces]) > 0.8
        assert heard_ms(sound, AGENT_HZ) >= 900
        assert heard_ms(sound, SENTENCE_HZ) < 500


async def test_a_text_agents_greeting_waits_and_is_not_taken_as_heard(telling: Stage) -> None:
    """Of a caller who hangs up while they hear of the recording, and of one who stays."""
    fields = {"recording": "on", "recording_consent": {"file": "long.wav"}, "voice_id": "flite-slt"}
    async with LlmServer() as llms:

        async def called(stays_s: float) -> tuple[Mapping[str, Any], Samples]:
            agent = llms.agent(answering(), opening=opening("Hello."))
            body = {"response_engine": agent.engine, **fields}
            agent_id = (await telling.controller.post("/create-agent", body, expect=201)).json["agent_id"]
            number = await telling.import_number(agent_id)
            async with telling.caller() as caller:
                await caller.call(number)
                await asyncio.sleep(stays_s)
                await caller.hang_up()
            call_id = agent.talks[-1].path.rsplit("/", 1)[1]
            return await ended(telling, call_id), as_sent(caller.audio.heard)

        (early, _), (late, heard) = await asyncio.gather(called(3.7), called(6.5))
    assert not early.get("transcript")
    assert late["transcript"].strip() == "Agent: Hello."
    assert heard_ms(heard, SENTENCE_HZ) >= 3900
    pieces = find_pieces(resampled(speech("Hello."), 16_000, 8000), heard, piece=1600)
    assert np.mean([piece.similarity for piece in pieces]) > 0.8


async def test_what_the_agent_clears_while_it_waits_is_not_heard_and_its_marks_come_back(telling: Stage) -> None:
    async def thinks_again(call: AgentCall) -> None:
        await call.say(tone(2400, 1.0))
        await call.mark("first")
        await call.clear()
        await greet(call)

    async with telling.connected(thinks_again, agent=TOLD) as call:
        await call.agent.event("mark", index=1)
        comes_first(as_sent(call.caller.audio.heard))
        assert call.agent.marks == ["first", "greeted"]
        assert heard_ms(as_sent(call.caller.audio.heard), 2400) == 0


async def test_a_wideband_call_has_it_too(telling: Stage) -> None:
    agent = telling.agents.agent(greet, protocol="web", encoding="s16le", rate_hz=16_000)
    number = await telling.import_number(await telling.create_agent(agent, **TOLD))
    async with calling(telling.pbx, number, silence(10, rate_hz=16_000), codec=G722) as phone:
        call = await agent.call()
        await phone.until(b"established")
        await call.hears_on(SENTENCE_S + 1.5)
        await phone.hang_up()
        await call.gone()
    record = await ended(telling, str(call.about["call_id"]))
    with wave.open(io.BytesIO(await fetched(record["recording_multi_channel_url"]))) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)
    comes_first(resampled(both[1::2], 16_000, 8000).astype(np.int16))


async def test_whom_we_call_hears_it_too(telling: Stage) -> None:
    """The agent speaks while it rings, and is heard behind the sentence all the same."""
    async with trunk(telling, answers(talk_ms=3000), agent=TOLD, script=greet) as line:
        record = await line.ended()
        await line.far_end.done()
    comes_first((await recording_of(record)).right)
    (told,) = await told_in_log(record)
    assert told["outcome"] == "heard"


@asynccontextmanager
async def web_call(
    stage: Stage,
    front_end: type[WebFrontEnd | TwilioFrontEnd],
    *,
    encoding: str,
    rate_hz: int,
    script: Any,
    **fields: Any,
) -> AsyncIterator[tuple[Any, AgentCall, str]]:
    agent = stage.agents.agent(script, protocol="twilio")
    agent_id = await stage.create_agent(agent, **fields)
    protocol = "twilio" if front_end is TwilioFrontEnd else "web"
    body = {"agent_id": agent_id, "audio_websocket_protocol": protocol, "audio_encoding": encoding}
    registered = await stage.controller.post("/register-call", {**body, "sample_rate": rate_hz}, expect=201)
    call_id = registered.json["call_id"]
    url = f"{stage.controller.url.replace('http', 'ws')}/audio-websocket/{call_id}"
    async with front_end(url, encoding=encoding, rate_hz=rate_hz) as front:
        if isinstance(front, TwilioFrontEnd):
            await front.begin()
        yield front, await agent.call(), call_id


@pytest.mark.parametrize(("encoding", "rate_hz"), [("mulaw", 8000), ("s16le", 24_000)])
async def test_a_web_call_has_it_too(telling: Stage, encoding: str, rate_hz: int) -> None:
    made = web_call(telling, WebFrontEnd, encoding=encoding, rate_hz=rate_hz, script=greet, **TOLD)
    async with made as (front, call, call_id):
        for _ in range(12):
            await front.say(tone(CALLER_HZ, 0.1, rate_hz=rate_hz))
            await asyncio.sleep(0.1)
        await call.event("mark")
        heard = front.sound()
    comes_first(resampled(heard, rate_hz, 8000).astype(np.int16))
    assert heard_ms(call.sound(), CALLER_HZ) >= 1000
    record = await ended(telling, call_id)
    (line,) = await told_in_log(record)
    assert (line["outcome"], line["played_ms"]) == ("heard", pytest.approx(1000 * SENTENCE_S, abs=LATE_MS))
    if rate_hz == 8000:
        recording = await recording_of(record)
        comes_first(recording.right)
        told_ms = first_ms(recording.right, AGENT_HZ)
        assert told_ms is not None
        # What is said after it may stand a little earlier, as it was sent.
        assert heard_ms(recording.left[: 8 * (told_ms - LATE_MS)], CALLER_HZ) == 0


async def test_on_a_web_call_what_is_cleared_while_it_waits_is_not_heard(telling: Stage) -> None:
    async def thinks_again(call: AgentCall) -> None:
        await call.say(tone(2400, 1.0))
        await call.mark("first")
        await call.clear()
        await greet(call)

    made = web_call(telling, WebFrontEnd, encoding="mulaw", rate_hz=8000, script=thinks_again, **TOLD)
    async with made as (front, call, _):
        await call.event("mark", index=1)
        assert call.marks == ["first", "greeted"]
        comes_first(front.sound())
        assert heard_ms(front.sound(), 2400) == 0
        assert "clear" not in front.words, "it would take the sentence with it"


async def test_a_caller_who_hangs_up_in_it_leaves_nothing_but_what_was_played(telling: Stage) -> None:
    async with telling.connected(greet, agent=TOLD) as call:
        call.caller.audio.say(tone(CALLER_HZ, 1.0))
        await asyncio.sleep(0.4)
        record = await over(telling, call)
    assert record["disconnection_reason"] == "user_hangup"
    recording = await recording_of(record)
    assert 100 <= heard_ms(recording.right, SENTENCE_HZ) < 1000 * SENTENCE_S - LATE_MS
    assert heard_ms(recording.left, CALLER_HZ) == heard_ms(recording.right, AGENT_HZ) == 0
    (line,) = await told_in_log(record)
    assert line["outcome"] == "cut_short"


async def test_a_user_of_a_web_call_who_leaves_in_it_does_the_same(telling: Stage) -> None:
    made = web_call(telling, WebFrontEnd, encoding="mulaw", rate_hz=8000, script=greet, **TOLD)
    async with made as (front, _, call_id):
        await front.say(tone(CALLER_HZ, 0.3))
        await asyncio.sleep(0.3)
    record = await ended(telling, call_id)
    (line,) = await told_in_log(record)
    assert line["outcome"] == "cut_short"
    assert heard_ms((await recording_of(record)).left, CALLER_HZ) == 0


async def test_a_transfer_that_is_asked_for_in_it_waits_for_its_end(telling: Stage) -> None:
    async with telling.connected(agent=TOLD) as call:
        call.caller.refer_plan = ReferPlan()
        await call.agent.transfer("+14155559999")
        await call.caller.refer()
        heard = as_sent(call.caller.audio.heard)
        await call.caller.bye()
    record = await ended(telling, call.call_id)
    assert heard_ms(heard, SENTENCE_HZ) == pytest.approx(1000 * SENTENCE_S, abs=LATE_MS)
    assert record["disconnection_reason"] == "call_transfer"
    (line,) = await told_in_log(record)
    assert line["outcome"] == "heard"


async def test_a_hold_in_it_ends_the_recording_and_the_record_says_so(telling: Stage) -> None:
    async with telling.connected(greet, agent=TOLD) as call:
        await asyncio.sleep(0.3)
        await call.caller.hold()
        await asyncio.sleep(0.5)
        await call.caller.resume()
        call.caller.audio.say(tone(CALLER_HZ, 0.5))
        await call.caller.audio.said()
        refused = await telling.controller.post(f"/v2/pause-recording/{call.call_id}", expect=400)
        record = await over(telling, call)
    assert "not recorded" in refused.text
    (fault,) = record["faults"]
    assert fault.startswith("The recording ended early: the caller was put on hold or transferred before")
    recording = await recording_of(record)
    assert heard_ms(recording.left, CALLER_HZ) == heard_ms(recording.right, AGENT_HZ) == 0
    assert len(recording.left) / 8000 < SENTENCE_S
    assert heard_ms(call.agent.sound(), CALLER_HZ) >= 400, "the call goes on"
    (line,) = await told_in_log(record)
    assert line["outcome"] == "cut_short"


async def test_a_call_whose_sentence_is_missing_is_answered_and_not_recorded(telling: Stage) -> None:
    gone = {"recording": "on", "recording_consent": {"file": "goes.wav"}}
    agent = telling.agents.agent(greet)
    number = await telling.import_number(await telling.create_agent(agent, **gone))
    sound = Path(telling.controller.environment["SOUNDS_DIR"], "goes.wav")
    await asyncio.to_thread(sound.unlink, missing_ok=True)
    async with telling.caller() as caller:
        await caller.call(number)
        call = await agent.call()
        await call.event("mark")
        assert heard_ms(as_sent(caller.audio.heard), AGENT_HZ) >= 900
        call_id = str(call.about["call_id"])
        await telling.controller.post(f"/v2/pause-recording/{call_id}", expect=400)
        await caller.hang_up()
    record = await ended(telling, call_id)
    assert "recording_url" not in record
    assert "recording_multi_channel_url" not in record
    (fault,) = record["faults"]
    assert fault.startswith(
        "The call was not recorded, because its caller could not be told so: recording_consent: file"
    )
    assert "No such file" in fault
    (line,) = await told_in_log(record)
    assert line["outcome"] == "unavailable"
    assert "No such file" in line["content"]
    log = telling.controller.log_path.read_text()
    assert any(call_id in line and "the call is not recorded" in line for line in log.splitlines())


@pytest.mark.parametrize(
    ("agent", "override"),
    [
        ({**TOLD, "recording": "off"}, {}),
        (TOLD, {"recording": "off"}),
        ({**TOLD, "data_storage_setting": "basic_attributes_only"}, {}),
    ],
    ids=["off", "off by an override", "nothing is stored"],
)
async def test_a_call_that_is_not_recorded_has_no_sentence(
    telling: Stage, agent: Mapping[str, Any], override: Mapping[str, Any]
) -> None:
    hook = telling.webhooks.hook(Answer.inbound(agent_override={"agent": override}))
    async with telling.connected(greet, agent=agent, number={"inbound_webhook_url": hook.url}) as call:
        await call.agent.event("mark")
        heard = as_sent(call.caller.audio.heard)
        record = await over(telling, call)
    assert heard_ms(heard, SENTENCE_HZ) == 0
    assert heard_ms(heard, AGENT_HZ) >= 900
    assert "recording_url" not in record
    assert await told_in_log(record) == []


async def test_a_recorded_call_without_a_sentence_has_its_caller_from_the_beginning(stage: Stage) -> None:
    async with stage.connected(agent={"recording": "on"}) as call:
        await asyncio.sleep(0.3)
        record = await over(stage, call)
    assert "recording_url" in record
    assert await told_in_log(record) == []


async def test_of_an_agent_only_and_in_a_pause_the_sentence_is_played_all_the_same(telling: Stage) -> None:
    async def pauses(call: AgentCall) -> None:
        await call.send({"event": "recording", "recording": {"action": "pause"}})
        await greet(call)

    async with telling.connected(pauses, agent={**TOLD, "recording": "agent_only"}) as call:
        await call.agent.event("mark")
        comes_first(as_sent(call.caller.audio.heard))
        await call.agent.send({"event": "recording", "recording": {"action": "resume"}})
        await asyncio.sleep(0.2)
        await call.agent.say(tone(2400, 0.5))
        call.caller.audio.say(tone(CALLER_HZ, 0.5))
        await call.caller.audio.said()
        await asyncio.sleep(0.4)
        recording = await recording_of(await over(telling, call))
    assert heard_ms(recording.right, 2400) >= 400
    assert heard_ms(recording.left, CALLER_HZ) == heard_ms(recording.right, AGENT_HZ) == 0


@pytest.mark.parametrize(
    ("consent", "why"),
    [
        ({"file": "none.wav"}, "No such file"),
        ({"file": "../consent.wav"}, "below the folder"),
        ({"text": " "}, "must have words"),
        ({}, "either text or file"),
    ],
)
async def test_a_sentence_that_cannot_be_had_is_refused_when_it_is_set(
    telling: Stage, consent: Mapping[str, Any], why: str
) -> None:
    agent = telling.agents.agent()
    agent_id = await telling.create_agent(agent)
    number = await telling.import_number(agent_id)
    fields, controller = {"recording_consent": consent}, telling.controller
    body = {"response_engine": agent.engine, "voice_id": "none", **fields}
    assert why in (await controller.post("/create-agent", body, expect=400)).text
    assert why in (await controller.request("PATCH", f"/update-agent/{agent_id}", fields)).text
    assert why in (await controller.request("PATCH", f"/update-phone-number/{number}", fields)).text
    imported = {"phone_number": telling.new_number(), "termination_uri": "sip.example.com", **fields}
    assert why in (await controller.post("/import-phone-number", imported, expect=400)).text


async def test_without_a_voice_or_a_folder_there_is_no_sentence_to_set(stage: Stage) -> None:
    body = {"response_engine": stage.agents.agent().engine, "voice_id": "none"}
    spoken = {**body, "recording_consent": {"text": TEXT}}
    assert "set ARI_AGENT_TEXT_TO_SPEECH" in (await stage.controller.post("/create-agent", spoken, expect=400)).text
    assert "ARI_AGENT_SOUNDS_DIR" in (await stage.controller.post("/create-agent", {**body, **FILE}, expect=400)).text


@pytest.mark.parametrize("front_end", [WebFrontEnd, TwilioFrontEnd])
async def test_a_tone_tells_the_user_of_a_web_call_that_it_is_recorded(stage: Stage, front_end: Any) -> None:
    fields = {"recording": "on", "recording_beep_s": 1}

    async def talks(call: AgentCall) -> None:
        await call.say(tone(AGENT_HZ, 2.5, level_dbfs=-20))

    made = web_call(stage, front_end, encoding="mulaw", rate_hz=8000, script=talks, **fields)
    async with made as (front, _, call_id):
        await asyncio.sleep(4.4)
        heard = front.sound()
    assert heard_ms(heard, AGENT_HZ) == pytest.approx(2500, abs=LATE_MS)
    assert heard_ms(heard, BEEP_HZ) == pytest.approx(800, abs=200)
    recording = await recording_of(await ended(stage, call_id))
    assert heard_ms(recording.right, BEEP_HZ) == pytest.approx(800, abs=200)
    beeps_ms = [at for at in range(0, 4300, 100) if heard_ms(recording.right[8 * at : 8 * at + 800], BEEP_HZ) >= 60]
    assert {at // 1000 for at in beeps_ms} >= {1, 2, 3}
