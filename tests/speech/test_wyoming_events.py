"""Events of the Wyoming protocol, whole, cut, and made up."""

from __future__ import annotations

import asyncio
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wyoming.asr import Transcript
from wyoming.event import async_read_event, write_event
from wyoming.tts import Synthesize, SynthesizeVoice

from ari_agent.speech.wyoming_events import (
    MAX_DATA_BYTES,
    MAX_LINE_BYTES,
    MAX_PAYLOAD_BYTES,
    Event,
    EventReader,
    NoWyoming,
    written,
)

EVENTS = st.builds(
    Event,
    st.text(),
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.booleans()))),
    st.binary(),
)


def read(wire: bytes) -> list[Event]:
    reader = EventReader()
    reader.feed(wire)
    return list(iter(reader.next, None))


@given(st.lists(EVENTS, max_size=3), st.integers(1, 50))
def test_what_is_written_reads_back_however_it_is_cut(events: list[Event], size: int) -> None:
    wire = b"".join(map(written, events))
    reader, found = EventReader(), []
    for start in range(0, len(wire), size):
        reader.feed(wire[start : start + size])
        found += list(iter(reader.next, None))
    assert found == events


@given(st.binary())
def test_no_bytes_do_more_than_be_refused(wire: bytes) -> None:
    try:
        read(wire)
    except NoWyoming as refused:
        assert str(refused)


async def test_the_protocols_own_package_reads_what_we_write_and_we_what_it_writes() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(written(Event("synthesize", {"text": "Zwölf \n €", "voice": {"name": "a"}})))
    stream.feed_eof()
    theirs = await async_read_event(stream)
    assert theirs is not None and Synthesize.from_event(theirs) == Synthesize("Zwölf \n €", SynthesizeVoice("a"))
    wire = io.BytesIO()
    write_event(Transcript("Zwölf", language="de").event(), wire)
    assert read(wire.getvalue()) == [Event("transcript", {"text": "Zwölf", "language": "de"})]


def test_data_may_stand_in_the_line_and_behind_it() -> None:
    wire = b'{"type":"transcript","data":{"text":"a","x":1},"data_length":12,"payload_length":null}\n{"text":"b"}'
    assert read(wire) == [Event("transcript", {"text": "b", "x": 1})]
    assert read(b'{"type":"transcript","data":[]}\n')[0].text("text") == ""


@pytest.mark.parametrize(
    ("wire", "says"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "a line that is no JSON"),
        (b"[" * 100_000 + b"\n", "a line that is no JSON"),
        (b"[]\n", "a line that is no JSON object"),
        (b"{}\n", "an event without a type"),
        (b'{"type":7}\n', "an event without a type"),
        (b"x" * (MAX_LINE_BYTES + 1), f"a line of more than {MAX_LINE_BYTES} bytes"),
        (b'{"type":"a","data_length":2}\n[]', "the data of an event that is no JSON object"),
        (b'{"type":"a","data_length":-1}\n', "data_length is not within"),
        (b'{"type":"a","data_length":"7"}\n', "data_length is not within"),
        (json.dumps({"type": "a", "data_length": MAX_DATA_BYTES + 1}).encode() + b"\n", "data_length is not within"),
        (
            json.dumps({"type": "a", "payload_length": MAX_PAYLOAD_BYTES + 1}).encode() + b"\n",
            f"payload_length is not within 0 and {MAX_PAYLOAD_BYTES}",
        ),
    ],
)
def test_what_is_no_event_is_said(wire: bytes, says: str) -> None:
    with pytest.raises(NoWyoming, match=says):
        read(wire)
