"""What is left of a card number that was said in a call on a real Asterisk: in database, files and webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from tests.fakes.sound import tone
from tests.fakes.tones import heard_ms
from tests.integration.stage import Connected, Stage
from tests.integration.test_recording import fetched, samples

WEBHOOKS: Final = {"webhook_events": ["call_started", "transcript_updated", "call_ended", "call_analyzed"]}
STRICT: Final = {**WEBHOOKS, "data_storage_setting": "everything_except_pii", "recording": "on"}
CARD: Final = "4111 1111 1111 1111"
CALLER_HZ: Final = 700


def said(*, from_s: float, to_s: float) -> Mapping[str, Any]:
    """A card number, in two words with times."""
    middle = (from_s + to_s) / 2
    words = [
        {"word": "It is", "start": max(0.0, from_s - 0.2), "end": from_s},
        {"word": CARD[:9], "start": from_s, "end": middle},
        {"word": CARD[10:], "start": middle, "end": to_s},
    ]
    return {"role": "user", "content": f"It is {CARD}", "words": words}


def files_with(stage: Stage, text: str) -> list[str]:
    """The names of all files of the controller that hold this text: database, spool, store and log."""
    folder = stage.controller.folder
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sorted(path.name for path in files if text.encode() in path.read_bytes())


async def say_the_card(call: Connected) -> None:
    """For two of four seconds of a tone."""
    call.caller.audio.say(tone(CALLER_HZ, 4))
    await call.caller.audio.said()
    await call.agent.send({"event": "update", "update": {"transcript": [said(from_s=1.0, to_s=3.0)]}})
    await asyncio.sleep(1.5)  # longer than a transcript waits until it is written


async def test_a_card_number_is_nowhere_in_the_call_and_after_it(stage: Stage) -> None:
    async with stage.connected(agent=STRICT) as call:
        await say_the_card(call)
        assert files_with(stage, CARD) == []
    await stage.events.event("call_analyzed", call_id=call.call_id)
    record = await stage.controller.ended_call(call.call_id)
    assert record["transcript"] == "User: It is [credit_card]\n"
    assert "[credit_card]" in str(record["scrubbed_transcript_with_tool_calls"])
    assert files_with(stage, CARD) == []
    told = stage.events.about(call_id=call.call_id)
    assert [each.event for each in told] == ["call_started", "transcript_updated", "call_ended", "call_analyzed"]
    assert CARD not in str([each.json for each in told])


async def test_of_the_recording_what_is_left_has_silence_where_the_card_was_said(stage: Stage) -> None:
    async with stage.connected(agent=STRICT) as call:
        await say_the_card(call)
    over = (await stage.events.event("call_ended", call_id=call.call_id)).call
    assert "recording_url" not in over
    assert "recording_multi_channel_url" not in over
    mixed = samples(await fetched(over["scrubbed_recording_url"]), channels=1)
    both = samples(await fetched(over["scrubbed_recording_multi_channel_url"]), channels=2)
    for side in (mixed, both[::2]):
        assert heard_ms(side[8000:24000], CALLER_HZ) == 0
        assert 0 < heard_ms(side, CALLER_HZ) < 2000
    left = {path.name for path in stage.controller.folder.rglob(f"{call.call_id}/*")}
    assert not {name for name in left if name.startswith("recording")}
    assert left >= {"scrubbed_recording.wav", "scrubbed_recording_multi_channel.wav"}


async def test_without_the_times_of_words_there_is_no_recording_rather_than_a_wrong_one(stage: Stage) -> None:
    async with stage.connected(agent=STRICT) as call:
        timeless = {"role": "user", "content": f"It is {CARD}"}
        await call.agent.send({"event": "update", "update": {"transcript": [timeless]}})
        await call.caller.audio.said()
    over = (await stage.events.event("call_ended", call_id=call.call_id)).call
    assert over["transcript"] == "User: It is [credit_card]\n"
    assert not [key for key in over if "recording" in key]
    assert not list(stage.controller.folder.rglob(f"{call.call_id}/*.wav"))


async def test_of_a_deleted_call_no_file_is_left(stage: Stage) -> None:
    async with stage.connected(agent={**WEBHOOKS, "recording": "on"}) as call:
        await call.caller.audio.said()
        refused = await stage.controller.request("DELETE", f"/v2/delete-call/{call.call_id}")
        assert (refused.status, "is not over" in refused.text) == (400, True)
    over = (await stage.events.event("call_ended", call_id=call.call_id)).call
    await stage.events.event("call_analyzed", call_id=call.call_id)
    assert await fetched(over["recording_url"])
    assert list(stage.controller.folder.rglob(f"{call.call_id}/*"))
    gone = await stage.controller.request("DELETE", f"/v2/delete-call/{call.call_id}")
    assert gone.status == 204
    assert not list(stage.controller.folder.rglob(f"{call.call_id}*"))
    assert (await stage.controller.request("GET", f"/v2/get-call/{call.call_id}")).status == 422
