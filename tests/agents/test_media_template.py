from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.agents.media_template import MediaTemplate
from ari_agent.agents.message import read_object
from ari_agent.errors import AgentCorruptPayload

FRAME = bytes(range(160))
OTHER = bytes(reversed(FRAME))


def template() -> MediaTemplate:
    return MediaTemplate(b'{"event":"media","media":{"payload":"', b'"}}')


def media(audio: bytes, **more: object) -> bytes:
    message = {"event": "media", **more, "media": {"payload": base64.b64encode(audio).decode()}}
    return json.dumps(message, separators=(",", ":")).encode()


@given(st.binary(min_size=1))
def test_the_expected_shape_is_decoded_at_once(audio: bytes) -> None:
    assert template().audio(media(audio)) == audio


def test_a_shape_is_learned_from_a_parsed_message() -> None:
    known = template()
    spaced = json.dumps(json.loads(media(FRAME, streamSid="MZ1"))).encode()
    assert known.audio(spaced) is None
    assert known.read(spaced, read_object(spaced)) == FRAME
    next_one = json.dumps(json.loads(media(OTHER, streamSid="MZ1"))).encode()
    assert known.audio(next_one) == OTHER


@given(st.binary() | st.binary(max_size=20).map(lambda middle: media(FRAME)[:37] + middle + b'"}}'))
def test_the_fast_way_agrees_with_json_on_every_text(text: bytes) -> None:
    audio = template().audio(text)
    if audio is not None:
        message = json.loads(text)
        assert base64.b64decode(message["media"]["payload"], validate=True) == audio
        assert message == {"event": "media", "media": {"payload": message["media"]["payload"]}}


def test_a_payload_that_stands_elsewhere_too_teaches_nothing() -> None:
    twin = base64.b64encode(FRAME).decode()
    text = json.dumps({"event": "media", "note": twin, "media": {"payload": twin}}, separators=(",", ":")).encode()
    known = template()
    assert known.read(text, read_object(text)) == FRAME
    assert known.audio(media(OTHER)) == OTHER, "the old template still holds"


def test_an_escaped_slash_is_base64_all_the_same() -> None:
    text = media(b"\xff" * 12).replace(b"/", b"\\/")
    known = template()
    assert known.audio(text) is None
    assert known.read(text, read_object(text)) == b"\xff" * 12


@pytest.mark.parametrize(
    "given_media",
    [
        None,
        "AAAA",
        {},
        {"payload": None},
        {"payload": 7},
        {"payload": "A"},
        {"payload": "AA=A"},
        {"payload": "AAAé"},
        {"payload": "AAAAA"},
        {"payload": "AA==="},
        {"payload": "A+A_"},
        {"payload": "data:audio/x-mulaw,AAAA"},
    ],
)
def test_media_that_is_no_base64_is_corrupt(given_media: object) -> None:
    with pytest.raises(AgentCorruptPayload, match=r"media\.payload"):
        template().read(b"", {"event": "media", "media": given_media})


@pytest.mark.parametrize(
    ("payload", "audio"),
    [
        ("AAAA\n", b"\0\0\0"),
        ("AA", b"\0"),
        ("AA A\r\n A", b"\0\0\0"),
        ("_-_-", b"\xff\xef\xfe"),
        ("data:audio/x-mulaw;base64,AAAA", b"\0\0\0"),
        ("data:;base64,_w", b"\xff"),
    ],
)
def test_base64_that_can_mean_only_one_thing_is_read(payload: str, audio: bytes) -> None:
    known = template()
    assert known.read(b"", {"event": "media", "media": {"payload": payload}}) == audio
    assert known.audio(media(OTHER)) == OTHER, "the template is still the strict one"
