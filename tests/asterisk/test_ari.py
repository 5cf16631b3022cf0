"""Every ARI request: against Asterisk's own description, and against what a small Asterisk of ours noted."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import pytest

from ari_agent.asterisk.ari import Ari, ExternalMedia
from ari_agent.asterisk.messages import MessageDestination
from ari_agent.asterisk.modules import CONTROL
from ari_agent.asterisk.rest import path_of
from ari_agent.errors import AsteriskError, AsteriskRefused, AsteriskUnreachable, ChannelGone
from tests.asterisk import description
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted

pytestmark = pytest.mark.slow

CHANNEL: Final = {"id": "c1", "name": "PJSIP/x-1", "state": "Ring"}
LOCAL: Final = {"UNICASTRTP_LOCAL_ADDRESS": "127.0.0.1", "UNICASTRTP_LOCAL_PORT": "14002"}
MEDIA: Final = {
    **CHANNEL,
    "id": "m1",
    "channelvars": LOCAL,
}
CALLS: Final[Mapping[str, tuple[Callable[[Ari], Awaitable[object]], object]]] = {
    "ring": (lambda ari: ari.ring("c1"), None),
    "stop_ringing": (lambda ari: ari.stop_ringing("c1"), None),
    "start_music": (lambda ari: ari.start_music("c1", "default"), None),
    "stop_music": (lambda ari: ari.stop_music("c1"), None),
    "answer": (lambda ari: ari.answer("c1"), None),
    "transfer_progress": (lambda ari: ari.transfer_progress("c1", "channel_progress"), None),
    "hang_up": (lambda ari: ari.hang_up("c1", q850_cause=17), None),
    "continue_in_dialplan": (
        lambda ari: ari.continue_in_dialplan("c1", context="x", extension="s", priority=1, label="l"),
        None,
    ),
    "move": (lambda ari: ari.move("c1"), None),
    "rtp_statistics": (lambda ari: ari.rtp_statistics("c1"), {"rxcount": 5, "rxoctetcount": 5}),
    "send_dtmf": (lambda ari: ari.send_dtmf("c1", "12#", duration_ms=120, between_ms=80), None),
    "play": (lambda ari: ari.play("c1", "sound:beep", "p1"), None),
    "stop_playback": (lambda ari: ari.stop_playback("p1"), None),
    "create_channel": (
        lambda ari: ari.create_channel("c1", "PJSIP/+1555@trunk", {"PJSIP_HEADER(add,X-Foo)": "bar"}),
        CHANNEL,
    ),
    "dial": (lambda ari: ari.dial("c1", timeout_s=30), None),
    "snoop": (lambda ari: ari.snoop("c1", "s1"), CHANNEL),
    "send_message": (
        lambda ari: ari.send_message(MessageDestination("pjsip:trunk/sip:+1555@192.0.2.1", "sip:+1@pbx.example"), "hi"),
        None,
    ),
    "put_object": (lambda ari: ari.put_object("auth", "trunk", {"username": "u", "password": "p"}), []),
    "delete_object": (lambda ari: ari.delete_object("auth", "trunk"), None),
    "endpoints": (lambda ari: ari.endpoints(), [{"technology": "PJSIP", "resource": "trunk"}]),
    "endpoint_states": (lambda ari: ari.endpoint_states(), [{"resource": "trunk", "state": "online"}]),
    "external_media": (lambda ari: ari.external_media(channel_id="m1", external_host="127.0.0.1:4000"), MEDIA),
    "create_bridge": (lambda ari: ari.create_bridge("b1"), None),
    "add_to_bridge": (lambda ari: ari.add_to_bridge("b1", "c1", "m1"), None),
    "remove_from_bridge": (lambda ari: ari.remove_from_bridge("b1", "c1"), None),
    "destroy_bridge": (lambda ari: ari.destroy_bridge("b1"), None),
    "read_variable": (lambda ari: ari.read_variable("c1", "CHANNEL(pjsip,call-id)"), {"value": "v"}),
    "read_variables": (lambda ari: ari.read_variables("c1", ["A", "B"]), {"variables": {"A": "1", "B": "2"}}),
    "set_variable": (lambda ari: ari.set_variable("c1", "A", "1"), None),
    "set_variables": (lambda ari: ari.set_variables("c1", {"A": "1", "B": "2"}), None),
    "subscribe_channel": (lambda ari: ari.subscribe_channel("c1"), {}),
    "channels": (lambda ari: ari.channels(), [CHANNEL]),
    "bridges": (lambda ari: ari.bridges(), [{"id": "b1", "channels": ["c1"]}]),
    "modules": (lambda ari: ari.modules(), [{"name": "chan_rtp.so", "status": "Running"}]),
    "asterisk_info": (lambda ari: ari.asterisk_info(), {"system": {"version": "22.10.1"}}),
}
KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str, list),
    "int": (int, str),
    "containers": (dict, list),
    "object": (dict,),
}
NOT_REQUESTS: Final = {"run", "close", "catch_up", "reconnect", "metrics"}


def make(asterisk: FakeAsterisk, **options: Any) -> Ari:
    return Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP, **options)


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as made:
        yield made


@pytest.fixture
async def ari(asterisk: FakeAsterisk) -> AsyncIterator[Ari]:
    made = make(asterisk)
    yield made
    await made.close()


def answers(status: int, body: object) -> Callable[[Noted], tuple[int, object]]:
    return lambda _: (status, body)


def check_described(noted: Noted, operation: str | None = None) -> None:
    """What was sent is what Asterisk's description offers."""
    requests, _ = description.read()
    path = noted.path
    found = [request for request in requests if request.method == noted.method and request.path.fullmatch(path)]
    assert found, f"{noted.method} {path} is not in Asterisk's description"
    request = min(found, key=lambda one: one.path.pattern.count("["))
    if operation:
        assert request.operation == operation
    described = request.parameters
    body = [name for name, about in described.items() if about["in"] == "body"]
    given = noted.parameters
    if noted.path.endswith("/eventFilter"):  # the whole body is the parameter
        given = {"filter": given}
    for name, value in given.items():
        assert name in described, f"{noted.method} {path} takes {sorted(described)}, not {name}"
        kind = described[name]["type"]
        fits = KINDS[kind]
        assert isinstance(value, fits), f"{name} is a {kind}, not {value!r}"
        assert name not in body or isinstance(value, (dict, list))
    for name, about in described.items():
        if about["required"] and about["in"] != "path":
            assert name in given, f"{noted.method} {path} needs {name}"


def test_every_method_is_in_the_table() -> None:
    methods = {name for name, _ in inspect.getmembers(Ari, inspect.iscoroutinefunction) if not name.startswith("_")}
    assert methods - NOT_REQUESTS == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_asterisk_describes_every_request(asterisk: FakeAsterisk, ari: Ari, name: str) -> None:
    call, answer = CALLS[name]
    asterisk.answer = answers(204 if answer is None else 200, answer)
    await call(ari)
    for noted, (operation, outcome) in zip(asterisk.requests, ari.rest_seconds, strict=True):
        assert outcome == "2xx"
        check_described(noted, operation)


async def test_what_a_connection_asks_for_is_described(asterisk: FakeAsterisk, ari: Ari) -> None:
    ready = asyncio.Event()

    async def connected() -> None:
        ready.set()

    def answer(noted: Noted) -> tuple[int, object] | None:
        info = {"system": {"version": "20.5.0"}, "status": {"startup_time": "2026-11-29T16:00:00.000+0000"}}
        return (200, info) if noted.path == "/asterisk/info" else None

    asterisk.answer = answer
    running = asyncio.create_task(ari.run(lambda _: None, connected))
    await asyncio.wait_for(ready.wait(), 5)
    running.cancel()
    assert [f"{noted.method} {re.sub(r'-[0-9a-f]{16}$', '', noted.path)}" for noted in asterisk.requests[:10]] == [
        "GET /asterisk/modules",
        "GET /channels",
        "GET /events",
        "PUT /applications/ari_agent/eventFilter",
        "POST /applications/ari_agent/subscription",
        "PUT /applications/ari_agent-messages/eventFilter",
        "POST /applications/ari_agent-messages/subscription",
        "POST /events/user/AriAgentProbe",
        "POST /events/user/AriAgentProbe",
        "GET /asterisk/info",
    ]
    for noted in asterisk.requests[:10]:
        check_described(noted)
    assert ari.asterisk_version == "20.5.0"
    assert ari.started_at == "2026-11-29T16:00:00.000+0000"


async def test_without_a_module_that_control_needs_there_is_no_connection_and_the_log_names_it(
    asterisk: FakeAsterisk, ari: Ari, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = [{"name": name, "status": "Running"} for name in CONTROL if name != "res_ari_channels.so"]
    looked = asyncio.Queue[None]()

    def answer(noted: Noted) -> tuple[int, object] | None:
        if noted.path != "/asterisk/modules":
            return None
        looked.put_nowait(None)
        return 200, loaded

    async def connected() -> None:
        pass

    asterisk.answer = answer
    running = asyncio.create_task(ari.run(lambda _: None, connected))
    async with asyncio.timeout(10):
        await looked.get()
        await looked.get()
        assert not ari.connected
        assert not asterisk.sockets
        assert "res_ari_channels.so" in caplog.records[0].__dict__["why"]
        loaded.append({"name": "res_ari_channels.so", "status": "Running"})
        await asterisk.opened.get()
    running.cancel()


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (401, "Authentication required", "wrong ARI_AGENT_ARI_USERNAME or ARI_AGENT_ARI_PASSWORD"),
        (404, "Not Found", "does ARI_AGENT_ARI_URL end in /ari"),
        (404, "Resource not found", "is res_ari_asterisk.so loaded"),
    ],
)
async def test_why_there_is_no_connection_is_told_in_words(
    asterisk: FakeAsterisk, ari: Ari, caplog: pytest.LogCaptureFixture, status: int, message: str, said: str
) -> None:
    looked = asyncio.Queue[None]()

    def answer(_: Noted) -> tuple[int, object]:
        looked.put_nowait(None)
        return status, {"message": message}

    async def connected() -> None:
        pass

    asterisk.answer = answer
    running = asyncio.create_task(ari.run(lambda _: None, connected))
    async with asyncio.timeout(10):
        await looked.get()
        await looked.get()
    running.cancel()
    assert said in caplog.records[0].__dict__["why"]


async def test_a_path_that_asterisk_does_not_know_is_no_channel_that_is_gone(asterisk: FakeAsterisk, ari: Ari) -> None:
    asterisk.answer = answers(404, {"message": "Resource not found"})
    with pytest.raises(AsteriskRefused, match=r"is res_ari_channels\.so loaded") as refused:
        await ari.hang_up("c1")
    assert not isinstance(refused.value, ChannelGone)


async def test_how_long_nobody_has_answered_is_known() -> None:
    connected = asyncio.Event()

    async def hears() -> None:
        connected.set()

    async with FakeAsterisk() as gone:
        pass
    ari = make(gone)
    running = asyncio.create_task(ari.run(lambda _: None, hears))
    seen: list[float | None] = []
    for _ in range(200):
        seen.append(ari.unreachable_since_s)
        await asyncio.sleep(0.01)
    assert seen[0] is None
    assert len(set(seen)) == 2
    async with gone, asyncio.timeout(10):
        await connected.wait()
        assert ari.unreachable_since_s is None
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await ari.close()


async def test_values_travel_in_the_body_and_ids_in_the_path(asterisk: FakeAsterisk, ari: Ari) -> None:
    await ari.set_variable("1.2", "ARI_AGENT_HDR_X_A", "${SHELL(id)} &value=x")
    (noted,) = asterisk.requests
    assert noted.path == "/channels/1.2/variable"
    assert noted.query == {}
    assert noted.body == {"variable": "ARI_AGENT_HDR_X_A", "value": "${SHELL(id)} &value=x"}


async def test_a_strange_id_cannot_reach_another_resource(asterisk: FakeAsterisk, ari: Ari) -> None:
    await ari.ring("../bridges?x=/y#z")
    assert asterisk.requests[0].path == "/channels/..%2Fbridges%3Fx%3D%2Fy%23z/ring"
    assert path_of("channels", "ü") == "/channels/%C3%BC"


async def test_the_password_travels_in_the_header_and_shows_nowhere(
    asterisk: FakeAsterisk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ari = Ari(
        url=asterisk.url.replace("http://", f"http://ari:{PASSWORD}@") + f"?api_key=ari:{PASSWORD}",
        username="ari",
        password=PASSWORD,
        app=APP,
    )
    asterisk.answer = answers(401, {"message": "Authentication required"})
    with pytest.raises(AsteriskRefused) as refused:
        await ari.ring("c1")
    await ari.close()
    async with FakeAsterisk() as gone:
        lost = make(gone)
    with pytest.raises(AsteriskUnreachable) as unreachable:
        await lost.ring("c1")
    await lost.close()
    (noted,) = asterisk.requests
    assert noted.headers["Authorization"].startswith("Basic ")
    assert noted.query == {}
    said = "".join(map(repr, (refused.value, unreachable.value, ari, lost))) + str(unreachable.value) + caplog.text
    assert PASSWORD not in said
    assert noted.headers["Authorization"].removeprefix("Basic ") not in said


async def test_requests_share_connections(asterisk: FakeAsterisk, ari: Ari) -> None:
    for _ in range(20):
        await ari.ring("c1")
    assert len({noted.peer for noted in asterisk.requests}) == 1


async def test_a_burst_waits_its_turn_below_asterisks_session_limit(asterisk: FakeAsterisk, ari: Ari) -> None:
    await asyncio.gather(*(ari.ring(f"c{number}") for number in range(400)))
    assert len(asterisk.requests) == 400
    assert len({noted.peer for noted in asterisk.requests}) < 100


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (404, {"message": "Channel not found"}, ChannelGone, "POST /channels/c1/ring answered 404: Channel not found"),
        (400, {"message": "Channel not found"}, ChannelGone, "answered 400: Channel not found"),
        (409, {"message": "Channel not in a Stasis application"}, AsteriskRefused, "answered 409: Channel not in"),
        (500, {"error": "Allocation failed"}, AsteriskRefused, "answered 500: Allocation failed"),
        (502, None, AsteriskRefused, "answered 502: "),
        (500, ["odd"], AsteriskRefused, r"answered 500: \['odd'\]"),
    ],
)
async def test_a_refusal_names_the_request_and_the_reason(
    asterisk: FakeAsterisk, ari: Ari, status: int, body: object, error: type[AsteriskRefused], said: str
) -> None:
    asterisk.answer = answers(status, body)
    with pytest.raises(error, match=said) as refused:
        await ari.ring("c1")
    assert type(refused.value) is error
    assert (refused.value.method, refused.value.path, refused.value.status) == ("POST", "/channels/c1/ring", status)
    assert ari.rest_seconds["ring", f"{status // 100}xx"].count == 1


async def test_an_asterisk_that_does_not_answer_is_unreachable_after_the_timeout(asterisk: FakeAsterisk) -> None:
    ari = make(asterisk, timeout_s=0.1)
    asterisk.answer = answers(0, None)
    with pytest.raises(AsteriskUnreachable, match=r"POST /channels/c1/ring: no answer within 0\.1 s"):
        await ari.ring("c1")
    await ari.close()
    assert ari.rest_seconds["ring", "unreachable"].count == 1


async def test_waiting_for_its_turn_does_not_use_up_a_requests_time(
    asterisk: FakeAsterisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_agent.asterisk.rest._MAX_CONNECTIONS", 1)
    ari = make(asterisk, timeout_s=0.8)
    asterisk.delay_s = 0.05
    await asyncio.gather(*(ari.ring(f"c{number}") for number in range(20)))
    await ari.close()


async def test_an_asterisk_that_is_not_there_is_unreachable() -> None:
    async with FakeAsterisk() as asterisk:
        ari = make(asterisk)
    with pytest.raises(AsteriskUnreachable, match="GET /channels: "):
        await ari.channels()
    await ari.close()


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (lambda ari: ari.channels(), [{"id": 7}]),
        (lambda ari: ari.external_media(channel_id="m", external_host="h:1"), {"nothing": "expected"}),
        (lambda ari: ari.external_media(channel_id="m", external_host="h:1"), {**MEDIA, "channelvars": {}}),
    ],
)
async def test_an_answer_that_makes_no_sense_is_an_error_of_ours(
    asterisk: FakeAsterisk, ari: Ari, call: Callable[[Ari], Awaitable[object]], answer: object
) -> None:
    asterisk.answer = answers(200, answer)
    with pytest.raises(AsteriskError):
        await call(ari)


@pytest.mark.parametrize("name", ["hang_up", "destroy_bridge", "stop_playback"])
async def test_ending_what_has_ended_is_fine(asterisk: FakeAsterisk, ari: Ari, name: str) -> None:
    asterisk.answer = answers(404, {"message": "not found"})
    await CALLS[name][0](ari)


async def test_external_media_tells_where_its_rtp_goes(asterisk: FakeAsterisk, ari: Ari) -> None:
    asterisk.answer = answers(200, MEDIA)
    assert await ari.external_media(channel_id="m1", external_host="h:1") == ExternalMedia("m1", "127.0.0.1", 14002)


async def test_external_media_asks_again_where_an_older_asterisk_did_not_say(asterisk: FakeAsterisk, ari: Ari) -> None:
    def answer(noted: Noted) -> tuple[int, object]:
        if noted.path.endswith("/externalMedia"):
            return 200, {**MEDIA, "channelvars": {}}
        if noted.path.endswith("/variables"):
            return 404, {"message": "Resource not found"}
        return 200, {"value": LOCAL[noted.query["variable"]]}

    asterisk.answer = answer
    assert await ari.external_media(channel_id="m1", external_host="h:1") == ExternalMedia("m1", "127.0.0.1", 14002)


async def test_a_channel_that_is_not_in_stasis_yet_is_added_a_little_later(asterisk: FakeAsterisk, ari: Ari) -> None:
    refusals = iter([422, 422])
    asterisk.answer = lambda _: (next(refusals, 204), {"message": "Channel not in Stasis application"})
    await ari.add_to_bridge("b1", "m1")
    assert len(asterisk.requests) == 3
    assert asterisk.requests[-1].body == {"channel": ["m1"]}


async def test_a_channel_that_is_not_in_stasis_yet_is_dialled_a_little_later(asterisk: FakeAsterisk, ari: Ari) -> None:
    refusals = iter([409, 409])
    asterisk.answer = lambda _: (next(refusals, 204), {"message": "Channel not in Stasis application"})
    await ari.dial("c1", timeout_s=30)
    assert len(asterisk.requests) == 3


async def test_a_channel_is_added_when_its_entry_is_announced(
    asterisk: FakeAsterisk, ari: Ari, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_agent.asterisk.ari._FIRST_ADD_RETRY_S", 60.0)
    entered = False

    async def connected() -> None:
        running.set()

    def answer(noted: Noted) -> tuple[int, object] | None:
        if not noted.path.endswith("/addChannel"):
            return (200, {"system": {"version": "22.10.1"}}) if noted.path == "/asterisk/info" else None
        asked.set()
        return (204, None) if entered else (422, {"message": "Channel not in Stasis application"})

    running, asked = asyncio.Event(), asyncio.Event()
    asterisk.answer = answer
    listening = asyncio.create_task(ari.run(lambda _: None, connected))
    try:
        async with asyncio.timeout(10):
            await running.wait()
            adding = asyncio.create_task(ari.add_to_bridge("b1", "c1", "m1"))
            await asked.wait()
            entered = True
            for channel_id in ("another", "m1"):
                await asterisk.send({"type": "StasisStart", "args": [], "channel": {**CHANNEL, "id": channel_id}})
            await adding
    finally:
        listening.cancel()
    assert [noted.path for noted in asterisk.requests].count("/bridges/b1/addChannel") == 2


async def test_a_channel_that_never_enters_is_given_up(
    asterisk: FakeAsterisk, ari: Ari, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ari_agent.asterisk.ari.ADD_PATIENCE_S", 0.1)
    asterisk.answer = answers(422, {"message": "Channel not in Stasis application"})
    with pytest.raises(AsteriskRefused, match="422"):
        await ari.add_to_bridge("b1", "m1")
    assert 3 <= len(asterisk.requests) < 10


async def test_other_refusals_of_a_bridge_are_final(asterisk: FakeAsterisk, ari: Ari) -> None:
    asterisk.answer = answers(409, {"message": "Bridge not in Stasis application"})
    with pytest.raises(AsteriskRefused):
        await ari.add_to_bridge("b1", "m1")
    assert len(asterisk.requests) == 1


def variables_answer(values: Mapping[str, str], *, bulk: bool) -> Callable[[Noted], tuple[int, object]]:
    """As Asterisk 22.10 (bulk) or 20.5 does it: one name that cannot be read fails a whole bulk read."""

    def answer(noted: Noted) -> tuple[int, object]:
        if noted.path.endswith("/variables"):
            if not bulk:
                return 404, {"message": "Resource not found"}
            if noted.method == "POST":
                return 204, None
            names = noted.query["variables"].split(",")
            if missing := [name for name in names if name not in values]:
                return (500 if "(" in missing[0] else 404), {"message": "Provided variable was not found"}
            return 200, {"variables": {name: values[name] for name in names}}
        if noted.method == "POST":
            return 204, None
        name = noted.query["variable"]
        if name in values:
            return 200, {"value": values[name]}
        if "(" in name:
            return 500, {"message": "Unable to read provided function"}
        return 404, {"message": "Provided variable was not found"}

    return answer


@pytest.mark.parametrize("bulk", [True, False])
async def test_many_variables_are_read_whatever_asterisk_offers(asterisk: FakeAsterisk, ari: Ari, bulk: bool) -> None:
    asterisk.answer = variables_answer({"A": "1", "B": "${x}"}, bulk=bulk)
    assert await ari.read_variables("c1", ["A", "B"]) == {"A": "1", "B": "${x}"}
    assert await ari.read_variables("c1", ["A", "B"]) == {"A": "1", "B": "${x}"}
    assert len(asterisk.requests) == (2 if bulk else 5)


@pytest.mark.parametrize("bulk", [True, False])
@pytest.mark.parametrize("missing", ["C", "PJSIP_HEADER(read:X-Latin)"])
async def test_a_variable_that_cannot_be_read_does_not_hide_the_others(
    asterisk: FakeAsterisk, ari: Ari, bulk: bool, missing: str
) -> None:
    asterisk.answer = variables_answer({"A": "1", "B": "2"}, bulk=bulk)
    assert await ari.read_variables("c1", ["A", missing, "B"]) == {"A": "1", "B": "2"}
    assert await ari.read_variable("c1", missing) is None


@pytest.mark.parametrize("bulk", [True, False])
async def test_many_variables_are_set_whatever_asterisk_offers(asterisk: FakeAsterisk, ari: Ari, bulk: bool) -> None:
    asterisk.answer = variables_answer({}, bulk=bulk)
    await ari.set_variables("c1", {"A": "1", "B": "2"})
    sent = [noted.body for noted in asterisk.requests if noted.path.endswith("/variables") is bulk]
    assert sent == (
        [{"variables": {"A": "1", "B": "2"}}]
        if bulk
        else [{"variable": "A", "value": "1"}, {"variable": "B", "value": "2"}]
    )


async def test_nothing_to_set_asks_for_nothing(asterisk: FakeAsterisk, ari: Ari) -> None:
    await ari.set_variables("c1", {})
    assert not asterisk.requests


@pytest.mark.parametrize("call", ["read_variable", "read_variables", "set_variable", "set_variables"])
async def test_variables_of_a_channel_that_is_gone_are_an_error(asterisk: FakeAsterisk, ari: Ari, call: str) -> None:
    asterisk.answer = answers(404, {"message": "Provided channel was not found"})
    with pytest.raises(ChannelGone):
        await CALLS[call][0](ari)
    assert len(asterisk.requests) == 1


async def test_long_lists_of_names_stay_below_asterisks_longest_request_line(asterisk: FakeAsterisk, ari: Ari) -> None:
    names = [f"PJSIP_HEADER(read.X-{'a' * 80}-{number})" for number in range(200)]
    asterisk.answer = variables_answer(dict.fromkeys(names, "v"), bulk=True)
    assert len(await ari.read_variables("c1", names)) == 200
    for noted in asterisk.requests:
        assert len(json.dumps(noted.query)) < 3500
        assert noted.query["variables"].count(",") < 128


async def test_many_long_values_are_set_below_asterisks_largest_body(asterisk: FakeAsterisk, ari: Ari) -> None:
    await ari.set_variables("c1", {f"V{number}": "ü" * 3000 for number in range(4)})
    assert len(asterisk.requests) == 4
    assert all(len(json.dumps(noted.body)) < 40960 for noted in asterisk.requests)
