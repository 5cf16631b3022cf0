"""Agents that work behind Twilio: what they send that Twilio's pages do not have."""

from __future__ import annotations

import base64
import json

import pytest

from tests.fakes.agent_server import echo
from tests.integration.stage import Stage

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


TONE = base64.b64encode(b"\x20\xa0\xfb" * 8000).decode()  # 3 s, with + and / in its base64
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
