"""A trunk that registers with its carrier: REGISTER as carriers answer it, and the calls that come in by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.fakes.carrier import Carrier, Reply, carrier, challenge
from tests.fakes.sip_caller import CallFailed, SipCaller
from tests.fakes.sip_message import SipMessage, uri_of
from tests.fakes.sipp_callee import is_right_answer
from tests.integration.stage import Stage, staged

PASSWORD = "sesame open"
ADDRESS = "127.0.0.5"
"""No endpoint of the PBX is configured for it: calls from here are nobody's but for the registration."""


@asynccontextmanager
async def registered(stage: Stage, far_end: Carrier, **fields: Any) -> AsyncIterator[str]:
    """A number whose trunk registers at a carrier, with an agent for its calls; deleted at the end."""
    agent_id = await stage.create_agent(stage.agents.agent())
    number = await stage.import_number(
        agent_id,
        **{
            "termination_uri": far_end.uri,
            "transport": "UDP",
            "sip_trunk_auth_username": "acct77",
            "sip_trunk_auth_password": PASSWORD,
            "registration": {},
            **fields,
        },
    )
    try:
        yield number
    finally:
        await stage.controller.request("DELETE", f"/delete-phone-number/{number}")


async def state_becomes(stage: Stage, number: str, *, timeout_s: float = 15.0, **wanted: str | None) -> dict[str, Any]:
    """The state of a number's trunk, as the API answers it, once it has these values; None: is left out."""
    status: dict[str, Any] = {}
    for _ in range(int(timeout_s / 0.1)):
        status = (await stage.controller.get(f"/get-trunk/{number}")).json
        if all(status.get(name) == value for name, value in wanted.items()):
            return status
        await asyncio.sleep(0.1)
    raise TimeoutError(f"no {wanted} in {timeout_s} s, but {status}")


def expires_s(register: SipMessage) -> int:
    return int(register.need("Expires"))


async def test_a_registration_answers_the_challenge_and_is_given_back_with_the_number(stage: Stage) -> None:
    async with carrier(ADDRESS, REGISTER=[challenge(401), Reply(200)]) as far_end:
        async with registered(stage, far_end):
            register = await far_end.heard("REGISTER", count=2)
            assert uri_of(register.need("To")).startswith("sip:acct77@127.0.0.5")
            assert uri_of(register.need("Contact")).startswith("sip:acct77@")
            assert expires_s(register) == 3600
            assert is_right_answer(register.need("Authorization"), password=PASSWORD, method="REGISTER")
        await far_end.heard("REGISTER", which=lambda message: expires_s(message) == 0)


async def test_a_registrar_decides_how_long_a_registration_lasts(stage: Stage) -> None:
    too_brief = Reply(423, (("Min-Expires", "7200"),))
    async with (
        carrier(ADDRESS, expires_s=12, REGISTER=[too_brief, Reply(200)]) as far_end,
        registered(stage, far_end) as number,
    ):
        assert expires_s(await far_end.heard("REGISTER", count=2)) == 7200
        await state_becomes(stage, number, registration="registered")
        # Again some ten seconds before the end, which is soon.
        assert expires_s(await far_end.heard("REGISTER", count=3)) > 0


async def test_a_registrar_that_is_back_is_registered_with_again(stage: Stage) -> None:
    away = Reply(503, (("Retry-After", "1"),))
    async with carrier(ADDRESS, REGISTER=[away, away, Reply(200)]) as far_end, registered(stage, far_end):
        await far_end.heard("REGISTER", count=3)


async def test_a_refused_registration_is_tried_at_once_with_a_new_password(stage: Stage) -> None:
    async with (
        carrier(ADDRESS, REGISTER=[challenge(401), Reply(403), challenge(401, nonce="n2"), Reply(200)]) as far_end,
        registered(stage, far_end) as number,
    ):
        await far_end.heard("REGISTER", count=2)
        status = await state_becomes(stage, number, registration="rejected")
        assert "user name and password" in status["last_error"]
        body = {"auth_password": "open sesame"}
        changed = await stage.controller.request("PATCH", f"/update-phone-number/{number}", body)
        assert "sesame" not in changed.text
        register = await far_end.heard("REGISTER", count=4)
        assert is_right_answer(register.need("Authorization"), password="open sesame", method="REGISTER")
        await state_becomes(stage, number, registration="registered", last_error=None)
    assert "sesame" not in stage.controller.log_text()


async def call_of_the_carrier(stage: Stage, far_end: Carrier, contact: str, *, called: str) -> str:
    """The number that the agent is told of when the carrier calls a contact; the status where nobody answers."""
    async with SipCaller(
        pbx=(stage.pbx.bind, stage.pbx.sip_port), address=ADDRESS, called=called, request_uri=contact
    ) as caller:
        await caller.dial("unused")
        try:
            await caller.answered()
        except CallFailed as failure:
            return str(failure.response.status)
        await caller.hang_up()
    return await called_number(stage)


async def called_number(stage: Stage) -> str:
    [call, *_] = (await stage.controller.post("/v2/list-calls", {"limit": 1, "sort_order": "descending"})).json
    number: str = call["to_number"]
    return number


async def test_the_carriers_calls_come_in_by_the_registered_contact_alone(stage: Stage) -> None:
    other = await stage.import_number(await stage.create_agent(stage.agents.agent()))
    async with carrier(ADDRESS) as far_end, registered(stage, far_end) as number:
        contact = uri_of((await far_end.heard("REGISTER")).need("Contact"))
        assert await call_of_the_carrier(stage, far_end, contact, called=other) == other
        assert await call_of_the_carrier(stage, far_end, contact, called="acct77") == number
        host, port = stage.pbx.bind, stage.pbx.sip_port
        for stranger in (f"sip:acct77@{host}:{port}", f"sip:acct77@{host}:{port};line=guessed", f"sip:{number}@{host}"):
            assert await call_of_the_carrier(stage, far_end, stranger, called=number) in ("401", "404")


async def test_whether_a_carrier_answers_options_is_told_for_each_destination(stage: Stage) -> None:
    async with (
        carrier(ADDRESS, OPTIONS=[Reply(503)]) as far_end,
        carrier("127.0.0.6") as other,
        registered(stage, far_end, termination_uris=[other.uri], registration=None, qualify_frequency_s=1) as number,
    ):
        status = await state_becomes(stage, number, state="reachable", last_error=None)
        assert status["registration"] == "none"
        other.silence()
        unanswered = f"no answer to OPTIONS from sip:{other.uri}"
        status = await state_becomes(stage, number, state="reachable", last_error=unanswered)
        assert [way["state"] for way in status["destinations"]] == ["reachable", "unreachable"]
        far_end.silence()
        status = await state_becomes(stage, number, state="unreachable")
        assert "over UDP: a wrong address, a firewall, or nobody there" in status["last_error"]
        listed = {trunk["phone_number"]: trunk for trunk in (await stage.controller.get("/list-trunks")).json}
        assert listed[number]["state"] == "unreachable"


async def test_an_asterisk_that_restarts_registers_again(tmp_path: Path) -> None:
    async with carrier(ADDRESS) as far_end, staged(tmp_path) as stage, registered(stage, far_end) as number:
        before = await far_end.heard("REGISTER")
        await stage.pbx.restart()
        after = await far_end.heard("REGISTER", which=lambda message: message.need("Call-ID") != before.need("Call-ID"))
        assert expires_s(after) > 0
        await state_becomes(stage, number, registration="registered", last_error=None)
