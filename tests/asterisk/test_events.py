"""Events: captured from a real Asterisk 22, compared with its own description, and nonsense."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from ari_agent.asterisk import events
from ari_agent.asterisk.events import EVENTS, AriEvent, parse_event
from ari_agent.errors import MalformedEvent
from tests.asterisk import description

CAPTURED: Final = sorted((Path(__file__).parents[1] / "data" / "ari" / "events").glob("*.json"))
MODELS: Final[Mapping[str, type[BaseModel]]] = {
    "Bridge": events.Bridge,
    "CallerID": events.CallerId,
    "Channel": events.Channel,
    "DialplanCEP": events.DialplanPosition,
    "Endpoint": events.Endpoint,
    "Playback": events.Playback,
    "ReferTo": events.ReferTo,
    "ReferredBy": events.ReferredBy,
    "RequiredDestination": events.RequestedDestination,
    "TextMessage": events.TextMessage,
    **EVENTS,
}


def captured(name: str) -> AriEvent:
    event = parse_event(next(path for path in CAPTURED if path.stem == name).read_bytes())
    assert event is not None
    return event


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_a_captured_event_is_read_whole(path: Path) -> None:
    said: dict[str, Any] = json.loads(path.read_bytes())
    event = parse_event(path.read_bytes())
    assert event is not None
    assert type(event) is EVENTS[said["type"]]
    assert event.type == said["type"]
    read = event.model_dump(mode="json", exclude_unset=True)
    assert read.items() <= {**said, **{key: _cut(said.get(key), value) for key, value in read.items()}}.items()
    about = said.get("channel") or said.get("peer")
    if about:
        assert event.channel_id == about["id"]


def _cut(said: Any, read: Any) -> Any:
    """What was said, without the keys that are not read."""
    if isinstance(said, dict) and isinstance(read, dict):
        return {key: _cut(said[key], read[key]) for key in read}
    return said


def test_every_kind_of_event_was_captured() -> None:
    assert {json.loads(path.read_bytes())["type"] for path in CAPTURED} == set(EVENTS)


def test_the_arguments_of_stasis_arrive() -> None:
    event = captured("stasis_start_with_arguments")
    assert isinstance(event, events.StasisStart)
    assert event.args == ("agent_id=agent_x", "customer=Bob")
    assert event.channel.dialplan.exten == "vars"
    assert event.channel.caller_rdnis == "2000"
    assert event.channel.sip_call_id == "26e1becc8c55c24d8b29584e@127.0.0.1"


def test_an_external_media_channel_has_no_sip_call_id() -> None:
    event = captured("stasis_start_external_media")
    assert isinstance(event, events.StasisStart)
    assert event.channel.sip_call_id is None


@pytest.mark.parametrize(
    ("name", "cause", "tech_cause", "soft"),
    [
        ("bye", None, None, False),
        ("bye_q850_31", 31, 480, False),
        ("cancel", 127, 487, False),
        ("by_administrator", 32, None, True),
        ("asterisk_stops", 4, None, True),
        ("outbound_unreachable", 34, 503, False),
    ],
)
def test_who_hung_up_can_be_told(name: str, cause: int | None, tech_cause: int | None, soft: bool) -> None:
    event = captured(f"channel_hangup_request_{name}")
    assert isinstance(event, events.ChannelHangupRequest)
    assert (event.cause, event.tech_cause, event.soft) == (cause, tech_cause, soft)


def test_a_dial_event_belongs_to_the_channel_that_is_dialled() -> None:
    assert captured("dial_started").channel_id == "out1"


@pytest.mark.parametrize(
    ("about", "channel_id"), [({"channel": {"id": "7.1", "name": "n", "state": "Up"}}, "7.1"), ({}, None)]
)
def test_a_user_event_may_belong_to_a_channel(about: dict[str, Any], channel_id: str | None) -> None:
    event = parse_event(json.dumps({"type": "ChannelUserevent", "eventname": "e", **about}))
    assert event is not None
    assert event.channel_id == channel_id


@pytest.mark.parametrize(
    ("target", "channel_id"), [("channel:123.4", "123.4"), ("bridge:b", None), ("channel:", None), ("", None)]
)
def test_a_playback_belongs_to_its_channel(target: str, channel_id: str | None) -> None:
    text = json.dumps({"type": "PlaybackFinished", "playback": {"id": "p", "target_uri": target}})
    event = parse_event(text)
    assert event is not None
    assert event.channel_id == channel_id


def test_kinds_that_no_call_needs_are_told_apart_without_reading_them() -> None:
    assert parse_event('{"type":"ChannelCallerId","channel":"whatever"}') is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[]", "no object with a type"),
        ("null", "no object with a type"),
        ('{"type":7}', "no object with a type"),
        ('{"channel":{}}', "no object with a type"),
        ('{"type":"StasisStart"}', "StasisStart.channel: Field required"),
        ('{"type":"StasisStart","channel":{"id":"1","name":"n","state":7}}', "StasisStart.channel.state"),
        ('{"type":"Dial","dialstatus":""}', "Dial.peer"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_what_is_no_event_is_said_to_be_none(text: str | bytes, said: str) -> None:
    with pytest.raises(MalformedEvent, match=said.replace(".", r"\.")):
        parse_event(text)


def test_a_malformed_event_keeps_its_values_out_of_the_message() -> None:
    with pytest.raises(MalformedEvent) as error:
        parse_event('{"type":"ChannelDtmfReceived","digit":["4111111111111111"],"duration_ms":1,"channel":{}}')
    assert "4111" not in str(error.value)


@given(st.one_of(st.text(), st.binary()))
def test_no_text_crashes_the_parser(text: str | bytes) -> None:
    with_type = f'{{"type":"StasisStart","channel":{text!r}}}'
    for tried in (text, with_type):
        try:
            parse_event(tried)
        except MalformedEvent:
            continue


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(kind=st.sampled_from(sorted(EVENTS)), rest=st.dictionaries(st.sampled_from(["channel", "peer", "args"]), _json))
def test_no_value_crashes_the_parser(kind: str, rest: dict[str, Any]) -> None:
    try:
        event = parse_event(json.dumps({**rest, "type": kind}))
    except MalformedEvent:
        return
    assert event is not None
    assert event.channel_id is None or isinstance(event.channel_id, str)


@given(
    channel_id=st.text(),
    number=st.text(),
    args=st.lists(st.text(), max_size=4),
    extra=st.dictionaries(st.text(min_size=20), _json, max_size=2),
)
def test_whatever_a_caller_is_called_reads_back(
    channel_id: str, number: str, args: list[str], extra: dict[str, Any]
) -> None:
    channel = {"id": channel_id, "name": "n", "state": "Up", "caller": {"name": number, "number": number}}
    event = parse_event(json.dumps({**extra, "type": "StasisStart", "args": args, "channel": channel}))
    assert isinstance(event, events.StasisStart)
    assert (event.channel_id, event.channel.caller.number, list(event.args)) == (channel_id, number, args)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_asterisk_describes_every_field_that_is_read(name: str) -> None:
    _, models = description.read()
    described = {**models[name], **(models["Event"] if name in EVENTS else {})}
    for attribute, about in MODELS[name].model_fields.items():
        field = about.alias or attribute
        assert field in described, f"{name}.{field} is not in Asterisk's description"
        if about.is_required():
            assert described[field]["required"], f"{name}.{field} may be missing"


@pytest.mark.parametrize(
    ("name", "field", "type_"),
    [
        ("Channel", "id", "string"),
        ("Channel", "caller", "CallerID"),
        ("StasisStart", "args", "List[string]"),
        ("ChannelHangupRequest", "cause", "int"),
        ("ChannelHangupRequest", "tech_cause", "int"),
        ("ChannelHangupRequest", "soft", "boolean"),
        ("ChannelDtmfReceived", "duration_ms", "int"),
        ("Dial", "peer", "Channel"),
        ("Bridge", "channels", "List[string]"),
    ],
)
def test_asterisk_describes_the_types_that_are_read(name: str, field: str, type_: str) -> None:
    _, models = description.read()
    assert models[name][field]["type"] == type_


def test_an_event_of_a_dialplan_belongs_to_a_channel_or_to_none() -> None:
    of_none = {"type": "ChannelUserevent", "eventname": "probe", "userevent": {}}
    found = parse_event(json.dumps(of_none))
    assert isinstance(found, events.ChannelUserevent) and found.channel_id is None


def test_an_attended_transfer_tells_who_has_been_joined() -> None:
    event = captured("bridge_attended_transfer")
    assert isinstance(event, events.BridgeAttendedTransfer)
    assert [party.name.partition("/")[0] for party in event.parties] == ["PJSIP", "UnicastRTP"]
    assert events.BridgeAttendedTransfer().parties == ()


@pytest.mark.parametrize(
    ("name", "call_id", "state"),
    [
        ("channel_transfer_blind", None, None),
        ("channel_transfer_progress", None, "channel_progress"),
        ("channel_transfer_attended", "f0a58c40b415a4744ba25c64@127.0.0.3", None),
    ],
)
def test_a_refer_of_a_callers_phone_belongs_to_the_callers_channel(
    name: str, call_id: str | None, state: str | None
) -> None:
    event = captured(name)
    assert isinstance(event, events.ChannelTransfer)
    assert event.channel_id == event.referred_by.source_channel.id
    assert (event.refer_to.requested_destination.protocol_id, event.state) == (call_id, state)


@pytest.mark.parametrize(
    ("timestamp", "ended_ms"), [("2026-11-29T16:36:46.457+0000", 1795970206457), ("", None), ("soon", None)]
)
def test_a_key_tells_when_it_was_released(timestamp: str, ended_ms: int | None) -> None:
    channel = {"id": "1.1", "name": "PJSIP/trunk-1", "state": "Up"}
    event = events.ChannelDtmfReceived.model_validate(
        {"channel": channel, "digit": "5", "duration_ms": 160, "timestamp": timestamp}
    )
    assert event.ended_ms == ended_ms
