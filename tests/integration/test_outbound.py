"""Calls that the product places: each outcome on the wire becomes the right reason in the record."""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from tests.fakes.agent_server import Agent, AgentCall, Script, listen
from tests.fakes.sipp_callee import (
    Callee,
    answers,
    asks_who,
    callee,
    challenges,
    hang_up,
    is_right_answer,
    pause,
    play,
    receive,
    refuses,
    remember_parties,
    reply,
    rings,
)
from tests.fakes.sound import find, noise, ulaw_encode
from tests.integration.stage import Stage, staged

TO_NUMBER = "+14155550199"
PORTS = itertools.cycle(random.sample(range(5620, 6020), 400))


@pytest_asyncio.fixture(loop_scope="session")
async def own_stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """For what would disturb others; four slots, of which one is for inbound calls."""
    async with staged(tmp_path, CONCURRENCY_LIMIT="4", RESERVED_INBOUND_CONCURRENCY="1") as made:
        yield made


@dataclass
class Trunk:
    """A number of ours, its agent, and the far end of its trunk."""

    stage: Stage
    number: str
    agent: Agent
    agent_id: str
    far_end: Callee

    async def call(self, **fields: Any) -> dict[str, Any]:
        """Place a call; its record as it was answered."""
        body = {"from_number": self.number, "to_number": TO_NUMBER, **fields}
        answer = await self.stage.controller.post("/v2/create-phone-call", body, expect=201)
        record: dict[str, Any] = answer.json
        return record

    async def ended(self, **fields: Any) -> dict[str, Any]:
        """Place a call; its record when it is over."""
        record = await self.call(**fields)
        return await self.stage.controller.ended_call(record["call_id"])


@asynccontextmanager
async def trunk(
    stage: Stage,
    steps: Sequence[str],
    *,
    calls: int = 1,
    transport: str = "UDP",
    agent: dict[str, Any] | None = None,
    script: Script = listen,
    options: Sequence[str] = (),
    **fields: Any,
) -> AsyncIterator[Trunk]:
    server_agent = stage.agents.agent(script)
    agent_id = await stage.create_agent(server_agent, **(agent or {}))
    sipp_transport = {"UDP": "u1", "TCP": "t1"}[transport]
    async with callee(
        stage.pbx, steps, port=next(PORTS), calls=calls, transport=sipp_transport, options=options
    ) as far_end:
        number = await stage.import_number(
            None,
            termination_uri=far_end.uri,
            transport=transport,
            **{"outbound_agents": [{"agent_id": agent_id, "weight": 1}], **fields},
        )
        yield Trunk(stage, number, server_agent, agent_id, far_end)


# Every row of the table in asterisk/causes.py, and one of each kind that has no row; Retell, "Debug outbound calls".
@pytest.mark.parametrize(
    ("status", "ringing", "reason"),
    [
        (401, False, "telephony_provider_permission_denied"),
        (403, False, "telephony_provider_permission_denied"),
        (407, False, "telephony_provider_permission_denied"),
        (404, False, "invalid_destination"),
        (410, False, "invalid_destination"),
        (484, False, "invalid_destination"),
        (604, False, "invalid_destination"),
        (408, False, "telephony_provider_unavailable"),
        (408, True, "dial_no_answer"),
        (480, True, "dial_no_answer"),
        (482, False, "sip_routing_error"),
        (483, False, "sip_routing_error"),
        (486, True, "dial_busy"),
        (600, False, "dial_busy"),
        (500, False, "telephony_provider_unavailable"),
        (502, False, "telephony_provider_unavailable"),
        (503, False, "telephony_provider_unavailable"),
        (503, True, "telephony_provider_unavailable"),
        (504, False, "telephony_provider_unavailable"),
        (477, False, "telephony_provider_unavailable"),
        (480, False, "dial_no_answer"),
        (487, True, "dial_no_answer"),
        (486, False, "dial_busy"),
        (603, False, "user_declined"),
        (603, True, "user_declined"),
        (607, False, "marked_as_spam"),
        (608, False, "marked_as_spam"),
        (420, False, "dial_failed"),
        (488, False, "dial_failed"),
        (501, False, "dial_failed"),
        (606, False, "dial_failed"),
        (699, False, "dial_failed"),
    ],
)
async def test_each_failure_has_its_reason(stage: Stage, status: int, ringing: bool, reason: str) -> None:
    async with trunk(stage, refuses(status, ringing=ringing)) as line:
        record = await line.ended()
        await line.far_end.done()
    assert (record["disconnection_reason"], record["call_status"]) == (reason, "not_connected")
    assert "start_timestamp" not in record
    assert record["direction"] == "outbound"
    call_id = record["call_id"]
    await stage.events.event("call_analyzed", call_id=call_id)
    sent = stage.events.events(call_id=call_id)
    assert sent == ["call_ended", "call_analyzed"]


async def test_a_call_that_is_answered_talks_to_the_agent(stage: Stage) -> None:
    async with trunk(stage, answers(ringing_ms=200, talk_ms=600)) as line:
        placed = await line.call(
            retell_llm_dynamic_variables={"customer": "Ada"}, metadata={"order": 7}, custom_sip_headers={"X-Foo": "bar"}
        )
        assert placed["call_status"] == "registered"
        assert placed["agent_id"] == line.agent_id
        agent_call = await line.agent.call()
        assert agent_call.about["call_id"] == placed["call_id"]
        assert agent_call.variables["customer"] == "Ada"
        record = await stage.controller.ended_call(placed["call_id"])
        wire = await line.far_end.done()
    assert (record["disconnection_reason"], record["call_status"]) == ("user_hangup", "ended")
    assert record["metadata"] == {"order": 7}
    assert record["custom_sip_headers"] == {"X-Foo": "bar"}
    invite = wire.received[0]
    assert invite.start_line.startswith(f"INVITE sip:{TO_NUMBER}@")
    assert f"sip:{line.number}@" in invite.need("From")
    assert invite.need("X-Foo") == "bar"
    assert record["telephony_identifier"]["sip_call_id"] == invite.need("Call-ID")
    await stage.events.event("call_analyzed", call_id=placed["call_id"])
    sent = stage.events.events(call_id=placed["call_id"])
    assert sent == ["call_started", "call_ended", "call_analyzed"]
    await stage.idle()


async def test_nobody_answers_in_ring_duration(stage: Stage) -> None:
    async with trunk(stage, rings(), agent={"ring_duration_ms": 5000}) as line:
        record = await line.ended()
        wire = await line.far_end.done()
    assert record["disconnection_reason"] == "dial_no_answer"
    cancel = next(message for message in wire.received if message.start_line.startswith("CANCEL"))
    assert "cause=19" in cancel.need("Reason").replace(" ", "")
    await stage.idle()


async def test_stop_call_while_it_rings_is_a_cancel(stage: Stage) -> None:
    async with trunk(stage, rings()) as line:
        placed = await line.call()
        await line.far_end.heard("INVITE")
        await stage.controller.post(f"/v2/stop-call/{placed['call_id']}", {"q850_cause": 17}, expect=204)
        record = await stage.controller.ended_call(placed["call_id"])
        wire = await line.far_end.done()
    assert record["disconnection_reason"] == "manual_stopped"
    assert "start_timestamp" not in record
    cancel = next(message for message in wire.received if message.start_line.startswith("CANCEL"))
    assert "cause=17" in cancel.need("Reason").replace(" ", "")
    assert "call_started" not in stage.events.events(call_id=placed["call_id"])


async def test_over_tcp_with_the_agent_hanging_up(stage: Stage) -> None:
    async with trunk(stage, answers(), transport="TCP") as line:
        placed = await line.call()
        agent_call = await line.agent.call()
        await stage.begun(placed["call_id"])
        await agent_call.send({"event": "hangup", "hangup": {"q850_cause": 31}})
        record = await stage.controller.ended_call(placed["call_id"])
        wire = await line.far_end.done()
    assert record["disconnection_reason"] == "agent_hangup"
    assert "transport=tcp" in wire.received[0].start_line
    assert "SIP/2.0/TCP" in wire.received[0].need("Via")
    bye = next(message for message in wire.received if message.start_line.startswith("BYE"))
    assert "cause=31" in bye.need("Reason").replace(" ", "")


@pytest.mark.parametrize("status", [401, 407])
async def test_digest_credentials_answer_the_challenge(stage: Stage, status: int) -> None:
    login: dict[str, Any] = {"sip_trunk_auth_username": "bob", "sip_trunk_auth_password": "sesame open"}
    async with trunk(stage, challenges(status, talk_ms=300), **login) as line:
        record = await line.ended()
        wire = await line.far_end.done()
    assert record["disconnection_reason"] == "user_hangup"
    invites = [message for message in wire.received if message.start_line.startswith("INVITE")]
    name = "Authorization" if status == 401 else "Proxy-Authorization"
    assert invites[0].header(name) is None
    assert 'username="bob"' in invites[-1].need(name)
    assert is_right_answer(invites[-1].need(name), password="sesame open")
    assert "sesame" not in stage.controller.log_text()


@pytest.mark.parametrize("status", [401, 407])
async def test_wrong_credentials_are_not_tried_for_ever(stage: Stage, status: int) -> None:
    login: dict[str, Any] = {"sip_trunk_auth_username": "bob", "sip_trunk_auth_password": "wrong horse"}
    # Asterisk takes ten challenges for news about the nonce.
    story = [step for number in range(11) for step in asks_who(status, nonce=f"nonce{number}")]
    async with trunk(stage, story, **login) as line:
        record = await line.ended()
        wire = await line.far_end.done()
    assert (record["disconnection_reason"], record["call_status"]) == (
        "telephony_provider_permission_denied",
        "not_connected",
    )
    assert len([message for message in wire.received if message.start_line.startswith("INVITE")]) == 11
    assert "wrong horse" not in stage.controller.log_text()


async def test_a_user_name_without_a_password_is_no_login(stage: Stage) -> None:
    async with trunk(stage, refuses(401), sip_trunk_auth_username="bob") as line:
        assert (await line.ended())["disconnection_reason"] == "telephony_provider_permission_denied"


async def test_two_numbers_on_one_host_have_their_own_credentials(stage: Stage) -> None:
    first: dict[str, Any] = {"sip_trunk_auth_username": "one", "sip_trunk_auth_password": "first secret"}
    async with trunk(stage, challenges(407, talk_ms=100), calls=2, **first) as line:
        second = await stage.import_number(
            None,
            termination_uri=line.far_end.uri,
            transport="UDP",
            sip_trunk_auth_username="two",
            sip_trunk_auth_password="second secret",
        )
        await line.ended()
        await line.ended(from_number=second, override_agent_id=line.agent_id)
        wire = await line.far_end.done()
    signed = [message for message in wire.received if message.header("Proxy-Authorization")]
    assert [
        f"sip:{number}@" in invite.need("From") for invite, number in zip(signed, (line.number, second), strict=True)
    ]
    assert is_right_answer(signed[0].need("Proxy-Authorization"), password="first secret")
    assert is_right_answer(signed[1].need("Proxy-Authorization"), password="second secret")


async def test_changed_credentials_count_for_the_next_call(stage: Stage) -> None:
    login: dict[str, Any] = {"sip_trunk_auth_username": "bob", "sip_trunk_auth_password": "first"}
    async with trunk(stage, challenges(401, talk_ms=100), calls=2, **login) as line:
        await line.ended()
        changed = {"auth_username": "ada", "auth_password": "second"}
        await stage.controller.request("PATCH", f"/update-phone-number/{line.number}", changed)
        await line.ended()
        wire = await line.far_end.done()
    first, second = [message.need("Authorization") for message in wire.received if message.header("Authorization")]
    assert is_right_answer(first, password="first")
    assert 'username="ada"' in second
    assert is_right_answer(second, password="second")


async def test_a_redirect_is_not_followed(stage: Stage) -> None:
    """To wherever the far end likes: it does not decide whom we call."""
    async with callee(stage.pbx, refuses(486), port=next(PORTS)) as elsewhere:
        contact = ("Contact", f"<sip:+19005550100@{elsewhere.uri}>")
        redirects = (receive("INVITE"), reply(302, headers=[contact]), receive("ACK"))
        async with trunk(stage, redirects) as line:
            record = await line.ended()
            await line.far_end.done()
        await stage.idle()
        assert elsewhere.received("INVITE") == []
    assert (record["disconnection_reason"], record["call_status"]) == ("dial_failed", "not_connected")


class SaysTrying(asyncio.DatagramProtocol):
    """Answers an INVITE with 100 Trying, if at all, and whatever comes then with nothing."""

    def __init__(self, *, trying: bool) -> None:
        self.trying = trying
        self.heard: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # of a class that does not say so

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        lines = data.decode().split("\r\n")
        self.heard.append(lines[0].split(" ")[0])
        if self.trying and lines[0].startswith("INVITE"):
            kept = [line for line in lines if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
            answer = "\r\n".join(("SIP/2.0 100 Trying", *kept, "Content-Length: 0", "", ""))
            self.transport.sendto(answer.encode(), address)


@pytest.mark.parametrize(("trying", "reason"), [(False, "telephony_provider_unavailable"), (True, "dial_no_answer")])
async def test_a_host_that_says_nothing_at_all_is_not_a_phone_that_nobody_answers(
    stage: Stage, trying: bool, reason: str
) -> None:
    agent_id = await stage.create_agent(stage.agents.agent(), ring_duration_ms=5000)
    loop = asyncio.get_running_loop()
    transport, host = await loop.create_datagram_endpoint(
        lambda: SaysTrying(trying=trying), local_addr=("127.0.0.3", 0)
    )
    address = transport.get_extra_info("sockname")
    number = await stage.import_number(None, termination_uri=f"127.0.0.3:{address[1]}", transport="UDP")
    body = {"from_number": number, "to_number": TO_NUMBER, "override_agent_id": agent_id}
    placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
    record = await stage.controller.ended_call(placed["call_id"], timeout_s=15)
    assert (record["disconnection_reason"], record["call_status"]) == (reason, "not_connected")
    assert "start_timestamp" not in record
    assert ("CANCEL" in host.heard) == trying
    await stage.controller.logged(
        f"127.0.0.3 port {address[1]} over UDP" if not trying else "100 Trying, but neither 180 nor 183"
    )
    transport.close()


async def hang_up_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Whoever connects and says something."""
    await reader.read(1)
    writer.close()


@pytest.mark.parametrize(
    ("uri", "transport", "told"),
    [
        ("127.0.0.3:{closed}", "TCP", "no TCP connection to 127.0.0.3 port {closed}: Connection refused"),
        ("127.0.0.3:{closed}", "TLS", "no TCP connection to 127.0.0.3 port {closed}: Connection refused"),
        ("127.0.0.3:{open}", "TLS", "TLS handshake with 127.0.0.3 port {open} failed"),
        ("127.0.0.3:{open}", "TCP", "127.0.0.3 port {open} takes TCP connections from here"),
        ("no-such-host.invalid", "TCP", "name no-such-host.invalid"),
        ("no-such-host.invalid", "UDP", "name no-such-host.invalid"),
    ],
)
async def test_a_trunk_that_cannot_be_reached_says_why_in_the_log(
    stage: Stage, uri: str, transport: str, told: str
) -> None:
    agent_id = await stage.create_agent(stage.agents.agent(), ring_duration_ms=5000)
    closed = socket.socket()
    closed.bind(("127.0.0.3", 0))  # and never listens
    async with await asyncio.start_server(hang_up_on, "127.0.0.3", 0) as server:
        ports = {"open": server.sockets[0].getsockname()[1], "closed": closed.getsockname()[1]}
        number = await stage.import_number(None, termination_uri=uri.format(**ports), transport=transport)
        body = {"from_number": number, "to_number": TO_NUMBER, "override_agent_id": agent_id}
        placed = (await stage.controller.post("/v2/create-phone-call", body, expect=201)).json
        record = await stage.controller.ended_call(placed["call_id"], timeout_s=20)
        await stage.controller.logged(told.format(**ports))
    closed.close()
    assert (record["disconnection_reason"], record["call_status"]) == (
        "telephony_provider_unavailable",
        "not_connected",
    )


async def test_changes_of_the_trunk_count_for_the_next_call(stage: Stage) -> None:
    async with trunk(stage, refuses(486)) as line:
        async with callee(stage.pbx, refuses(603), port=next(PORTS)) as other:
            changed = {"termination_uri": other.uri, "codecs": ["PCMA", "PCMU"]}
            await stage.controller.request("PATCH", f"/update-phone-number/{line.number}", changed)
            assert (await line.ended())["disconnection_reason"] == "user_declined"
            wire = await other.done()
            assert b"PCMA" in wire.received[0].body
            assert b"G722" not in wire.received[0].body
        await stage.controller.request("DELETE", f"/delete-phone-number/{line.number}")
        for kind in ("endpoints", "aors", "auths"):
            assert line.number[1:] not in await stage.pbx.cli(f"pjsip show {kind}")
        body = {"from_number": line.number, "to_number": TO_NUMBER}
        await stage.controller.post("/v2/create-phone-call", body, expect=422)


async def test_nobody_comes_in_under_the_name_of_a_trunk(stage: Stage) -> None:
    """Asterisk takes the From user for the name of an endpoint; a trunk asks for no password."""
    async with trunk(stage, refuses(486)) as line:
        name = f"ari_agent-trunk-{line.number[1:]}"
        # From an address that is no caller's.
        async with stage.caller(address="127.0.0.9", user=name) as stranger:
            await stranger.dial(line.number)
            assert (await stranger.refused()).status in (401, 403, 404)


async def test_the_first_version_takes_both_numbers_nested(stage: Stage) -> None:
    async with trunk(stage, refuses(486)) as line:
        body = {"phone_number": {"from": line.number, "to": TO_NUMBER}}
        answer = await stage.controller.post("/create-phone-call", body, expect=201)
        record = await stage.controller.ended_call(answer.json["call_id"])
    assert record["disconnection_reason"] == "dial_busy"


async def test_the_same_key_places_one_call(stage: Stage) -> None:
    async with trunk(stage, rings()) as line:
        key = f"key of {line.number}"
        records = await asyncio.gather(*(line.call(idempotency_key=key) for _ in range(5)))
        assert len({record["call_id"] for record in records}) == 1
        await line.far_end.heard("INVITE")
        await stage.controller.post(f"/v2/stop-call/{records[0]['call_id']}", expect=204)
        wire = await line.far_end.done()
        assert (await line.call(idempotency_key=key))["call_id"] == records[0]["call_id"]
    assert len({m.need("Call-ID") for m in wire.received if m.start_line.startswith("INVITE")}) == 1


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"from_number": "+14155559999"}, 422, "phone number +14155559999 not found"),
        ({"to_number": "4155550199"}, 400, "to_number"),
        ({"to_number": "+442071838750"}, 400, "allowed_outbound_country_list"),
        ({"override_agent_id": "agent_none"}, 422, "agent agent_none not found"),
        ({"override_agent_version": 9}, 422, "version 9 not found"),
        ({"agent_override": {"agent": {"ring_duration_ms": 1}}}, 400, "ring_duration_ms"),
        ({"custom_sip_headers": {"From": "x"}}, 400, "custom_sip_headers"),
        ({"retell_llm_dynamic_variables": {"a": 1}}, 400, "retell_llm_dynamic_variables"),
    ],
)
async def test_what_cannot_be_is_refused(stage: Stage, fields: dict[str, Any], status: int, message: str) -> None:
    agent_id = await stage.create_agent(stage.agents.agent())
    number = await stage.import_number(
        None, outbound_agents=[{"agent_id": agent_id, "weight": 1}], allowed_outbound_country_list=["US"]
    )
    body = {"from_number": number, "to_number": TO_NUMBER, **fields}
    answer = await stage.controller.post("/v2/create-phone-call", body, expect=status)
    assert message in answer.json["message"]


async def test_a_number_without_outbound_agents_needs_an_override(stage: Stage) -> None:
    async with trunk(stage, refuses(486), outbound_agents=[]) as line:
        body = {"from_number": line.number, "to_number": TO_NUMBER}
        answer = await stage.controller.post("/v2/create-phone-call", body, expect=400)
        assert "override_agent_id" in answer.json["message"]
        record = await line.ended(override_agent_id=line.agent_id)
    assert record["agent_id"] == line.agent_id


async def test_trunks_come_back_with_asterisk(own_stage: Stage) -> None:
    async with trunk(own_stage, refuses(486)) as line:
        await own_stage.pbx.kill()
        await own_stage.controller.wait_for("/readyz", 503)
        await own_stage.pbx.restart()
        await own_stage.controller.wait_for("/readyz", 200)
        assert (await line.ended())["disconnection_reason"] == "dial_busy"


async def test_a_call_of_a_dead_controller_is_hung_up_and_its_record_closed(own_stage: Stage) -> None:
    async with trunk(own_stage, rings()) as line:
        placed = await line.call()
        await line.far_end.heard("INVITE")
        await own_stage.controller.kill()
        await own_stage.controller.start()
        record = await own_stage.controller.ended_call(placed["call_id"])
        await line.far_end.done()
    assert (record["disconnection_reason"], record["call_status"]) == ("error_retell", "error")
    await own_stage.idle()


async def test_more_calls_than_slots_are_refused_at_once(own_stage: Stage) -> None:
    async with trunk(own_stage, rings(), calls=3) as line:
        placed = [await line.call() for _ in range(3)]
        body = {"from_number": line.number, "to_number": TO_NUMBER}
        refused = await own_stage.controller.post("/v2/create-phone-call", body, expect=429)
        assert refused.json["status"] == "error"
        assert "3 of 3 calls" in refused.json["message"]
        await line.far_end.heard("INVITE", calls=3)
        for record in placed:
            await own_stage.controller.post(f"/v2/stop-call/{record['call_id']}", expect=204)
        await line.far_end.done()
        for record in placed:
            await own_stage.controller.ended_call(record["call_id"])
    async with trunk(own_stage, refuses(486)) as line:
        assert (await line.ended())["disconnection_reason"] == "dial_busy"


async def test_both_sides_hear_each_other(stage: Stage) -> None:
    """The far end sends back what it hears."""
    sound = noise(1.5)
    async with trunk(stage, answers(), options=["-rtp_echo", "-mp", "26500"]) as line:
        placed = await line.call()
        agent_call = await line.agent.call()
        await stage.begun(placed["call_id"])
        await agent_call.say(sound)
        await agent_call.hears(seconds=1.2)
        heard = find(sound[4000:8000], agent_call.sound())
        await stage.controller.post(f"/v2/stop-call/{placed['call_id']}", expect=204)
        await line.far_end.done()
    assert heard.similarity > 0.95


async def test_early_media_is_not_for_the_agent(stage: Stage) -> None:
    (stage.pbx.work_path / "ringback.ulaw").write_bytes(ulaw_encode(noise(5)))
    steps = (
        remember_parties(),
        reply(183, sdp=True),
        play("ringback.ulaw"),
        pause(1000),
        reply(200, sdp=True),
        receive("ACK"),
        pause(500),
        hang_up(),
    )
    async with trunk(stage, steps) as line:
        placed = await line.call()
        agent_call = await line.agent.call()
        record = await stage.controller.ended_call(placed["call_id"])
        await line.far_end.done()
    assert record["disconnection_reason"] == "user_hangup"
    heard_s = len(agent_call.sound()) / agent_call.rate_hz
    assert 0 < heard_s <= record["duration_ms"] / 1000 + 0.2


async def test_the_far_end_hears_nothing_of_the_agent_before_it_answers(stage: Stage) -> None:
    """Early media goes both ways on the wire; what the agent says waits for the answer."""

    async def greet(call: AgentCall) -> None:
        await call.say(noise(1.0))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind(("127.0.0.3", 0))
        media.setblocking(False)
        port = media.getsockname()[1]
        steps = (
            remember_parties(),
            reply(183, sdp=True, media_port=port),
            pause(1500),
            reply(486),
            receive("ACK"),
        )
        async with trunk(stage, steps, script=greet) as line:
            placed = await line.call()
            await (await line.agent.call()).event("start")
            record = await stage.controller.ended_call(placed["call_id"])
            await line.far_end.done()
        with pytest.raises(BlockingIOError):
            media.recv(2048)
    assert record["disconnection_reason"] == "dial_busy"


async def test_nothing_in_a_header_is_anything_but_text(stage: Stage) -> None:
    text = 'a, b; c="d" <e> ${CHANNEL(name)} ${SHELL(id)} $[1+1] ^{x} &PJSIP/1'
    async with trunk(stage, refuses(486)) as line:
        await line.ended(custom_sip_headers={"X-Text": text, "x-other": "Grüße"})
        wire = await line.far_end.done()
    assert wire.received[0].need("X-Text") == text
    assert wire.received[0].need("x-other") == "Grüße"


@pytest.mark.parametrize("agent_version", [0, "latest", "latest_published"])
async def test_the_version_that_is_asked_for_is_called(stage: Stage, agent_version: int | str) -> None:
    async with trunk(stage, refuses(486), agent={"ring_duration_ms": 5000}) as line:
        await stage.controller.post(f"/publish-agent-version/{line.agent_id}", {"version": 0}, expect=200)
        await stage.controller.post(f"/create-agent-version/{line.agent_id}", {"base_version": 0}, expect=201)
        record = await line.ended(override_agent_version=agent_version)
    assert record["agent_version"] == (1 if agent_version == "latest" else 0)


async def test_an_agent_that_says_its_message_while_it_rings_is_heard_at_the_answer(stage: Stage) -> None:
    async def announce(call: AgentCall) -> None:
        await call.say(noise(1.0))
        await call.send({"event": "hangup"})

    async with trunk(stage, answers(ringing_ms=700), script=announce) as line:
        record = await line.ended()
        await line.far_end.done()
    assert record["disconnection_reason"] == "agent_hangup"
    assert record["duration_ms"] >= 900


async def test_a_refer_that_the_far_end_declines_comes_back_to_the_agent(stage: Stage) -> None:
    steps = (
        remember_parties(),
        reply(200, sdp=True),
        receive("ACK"),
        receive("REFER"),
        reply(603),
        receive("BYE"),
        reply(200),
    )
    async with trunk(stage, steps) as line:
        placed = await line.call()
        await stage.begun(placed["call_id"])
        transfer = {"to": "+14155550177"}
        answer = await stage.controller.post(f"/v2/transfer-call/{placed['call_id']}", transfer, expect=200)
        await stage.controller.post(f"/v2/stop-call/{placed['call_id']}", expect=204)
        wire = await line.far_end.done()
    assert (answer.json["status"], answer.json["sip_status"]) == ("failed", 603)
    refer = next(message for message in wire.received if message.start_line.startswith("REFER"))
    assert "sip:+14155550177@127.0.0.3" in refer.need("Refer-To")
    assert line.number in refer.need("Referred-By")
