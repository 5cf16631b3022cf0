"""Agents that work behind Twilio: what they send that Twilio's pages do not have."""

from __future__ import annotations

import base64
import hmac
import json
import struct
from collections.abc import Sequence

import numpy as np
import pytest

from tests.fakes.agent_server import echo
from tests.fakes.sound import tone, ulaw_encode
from tests.integration.stage import Stage

TOKEN = "token-of-the-upgrade"
IGNORED = {
    "mark without a name": '{"event":"mark","streamSid":"MZ1"}',
    "mark of no fields": '{"event":"mark","mark":{}}',
    "mark named by a number": '{"event":"mark","mark":{"name":7}}',
    "mark named null": '{"event":"mark","mark":{"name":null}}',
    "mark name of 2000 characters": json.dumps({"event": "mark", "mark": {"name": "n" * 2000}}),
    "no event": '{"type":"log","text":"hello"}',
    "ping": "ping",
    "empty text": "",
    "array": "[]",
    "null": "null",
    "no JSON": "hello",
    "two lines of JSON": '{"event":"clear"}\n{"event":"clear"}',
    "byte order mark": '\ufeff{"event":"clear"}',
    "payload null": '{"event":"media","media":{"payload":null}}',
    "no payload": '{"event":"media","media":{}}',
    "payload a list": '{"event":"media","media":{"payload":[1]}}',
    "both alphabets": '{"event":"media","media":{"payload":"AA+_"}}',
}


async def test_what_means_nothing_is_ignored_and_told_and_the_call_goes_on(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        for number, message in enumerate(IGNORED.values()):
            await call.agent.send(message)
            assert (await call.agent.event("error", index=number))["error"]["message"], message
        await call.hears_itself()
        log = [line for line in stage.controller.log_text().splitlines() if call.call_id in line]
        assert sum("is ignored" in line for line in log) == 1
        assert (await stage.controller.call(call.call_id))["call_status"] == "ongoing"


TONE = base64.b64encode(b"\x20\xa0\xfb\xef\x2f\xff" * 4000).decode()  # 3 s, with / in its base64
SPELLINGS = {
    "media in a binary frame": json.dumps({"event": "media", "media": {"payload": TONE}}).encode(),
    "newlines": json.dumps({"event": "media", "media": {"payload": "\n".join([TONE[:76], TONE[76:]])}}),
    "URL-safe": json.dumps({"event": "media", "media": {"payload": TONE.translate(str.maketrans("+/", "-_"))}}),
    "data: prefix": json.dumps({"event": "media", "media": {"payload": f"data:audio/x-mulaw;base64,{TONE}"}}),
    "no padding": json.dumps({"event": "media", "media": {"payload": f"{TONE}IA"}}),
}


@pytest.mark.parametrize("message", SPELLINGS.values(), ids=SPELLINGS.keys())
async def test_base64_that_can_mean_only_one_thing_is_heard(stage: Stage, message: str | bytes) -> None:
    async with stage.connected() as call:
        await call.agent.send(message)
        await call.agent.mark("heard")
        await call.agent.event("mark")
        assert call.agent.events("error") == []
        assert len(call.caller.audio.loud_packets()) >= 140


def media(audio: bytes) -> dict[str, object]:
    return {"event": "media", "media": {"payload": base64.b64encode(audio).decode()}}


async def test_the_header_of_a_wav_file_is_skipped_and_told(stage: Stage) -> None:
    audio = ulaw_encode(tone(440, seconds=1))
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 7, 1, 8000, 8000, 1, 8)
    file = b"RIFF" + struct.pack("<I", 36 + len(audio)) + b"WAVE" + form + b"data" + struct.pack("<I", len(audio))
    async with stage.connected() as call:
        await call.agent.send(media(file + audio))
        await call.agent.mark("heard")
        await call.agent.event("mark")
        assert "header of a WAV file was skipped" in (await call.agent.event("error"))["error"]["message"]
        await call.caller.audio.hears(packets=50)
        assert len(call.caller.audio.loud_packets()) == 50, "the header would be a packet of its own"


@pytest.mark.parametrize(("protocol", "rate_hz", "seconds"), [("twilio", 8000, 100), ("web", 24000, 30)])
async def test_minutes_of_audio_in_one_message_are_taken(
    stage: Stage, protocol: str, rate_hz: int, seconds: int
) -> None:
    async with stage.connected(protocol=protocol, rate_hz=rate_hz) as call:
        await call.agent.say(tone(440, seconds=seconds, rate_hz=rate_hz))
        await call.agent.mark("cleared")
        await call.caller.audio.hears(packets=25)
        await call.agent.clear()
        await call.agent.event("mark")
        assert call.agent.events("error") == []


async def test_a_message_that_is_too_large_is_refused_and_the_call_goes_on(stage: Stage) -> None:
    async with stage.connected(echo) as call:
        await call.agent.send("x" * (8 * 1024 * 1024))
        assert "at most" in (await call.agent.event("error"))["error"]["message"]
        await call.hears_itself()


class Ptime:
    """Sends the caller's audio in packets of this many ms instead of 20."""

    def __init__(self, ptime_ms: int) -> None:
        self._size = 8 * ptime_ms
        self._held, self._first, self._sent = b"", b"", 0

    def __call__(self, _index: int, datagram: bytes) -> Sequence[bytes]:
        self._first = self._first or datagram[:12]
        self._held += datagram[12:]
        out = []
        while len(self._held) >= self._size:
            flags, sequence, timestamp, ssrc = struct.unpack("!HHII", self._first)
            ticks = (timestamp + self._sent * self._size) & 0xFFFFFFFF
            header = struct.pack("!HHII", flags & 0xFF7F, (sequence + self._sent) & 0xFFFF, ticks, ssrc)
            out.append(header + self._held[: self._size])
            self._held, self._sent = self._held[self._size :], self._sent + 1
        return out


@pytest.mark.parametrize("ptime_ms", [30, 40, 60])
async def test_a_caller_with_another_ptime_is_heard_in_messages_of_20_ms(stage: Stage, ptime_ms: int) -> None:
    async with stage.caller() as caller:
        caller.audio.impair = Ptime(ptime_ms)
        agent = stage.agents.agent()
        await caller.call(await stage.import_number(await stage.create_agent(agent)))
        call = await agent.call()
        caller.audio.say(tone(440, seconds=1))
        await call.hears(seconds=0.8)
        heard = call.heard
        assert {len(piece.pcm) for piece in heard} == {160}
        assert {int(step) for step in np.diff([piece.timestamp_ms or 0 for piece in heard])} == {20}


async def test_the_upgrade_is_signed_as_twilio_signs_it_and_the_token_stays_secret(stage: Stage) -> None:
    agent = stage.agents.agent()
    agent.engine |= {
        "audio_websocket_auth_token": TOKEN,
        "audio_websocket_url": f"{agent.url}?a={{{{x-desk}}}}",
        "audio_websocket_subprotocols": ["audio.twilio.com", "other"],
    }
    agent_id = await stage.create_agent(agent)
    shown = await stage.controller.get(f"/get-agent/{agent_id}")
    async with stage.caller() as caller:
        await caller.call(await stage.import_number(agent_id), headers=[("X-Desk", "b c")])
        call = await agent.call()
        url = f"{agent.url}?a=b%20c"
        signed = base64.b64encode(hmac.digest(TOKEN.encode(), url.encode(), "sha1")).decode()
        assert call.headers["x-twilio-signature"] == signed
        assert call.headers["sec-websocket-protocol"] == "audio.twilio.com, other"
    assert "auth_token" not in shown.text
    assert TOKEN not in stage.controller.log_text().replace(signed, "")
