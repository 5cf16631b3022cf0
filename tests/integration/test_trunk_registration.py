"""A trunk that registers with its carrier: REGISTER as carriers answer it, and the calls that come in by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.carrier import Carrier, Reply, carrier, challenge
from tests.fakes.sip_caller import SipCaller
from tests.fakes.sip_message import SipMessage, uri_of
from tests.fakes.sipp_callee import is_right_answer
from tests.integration.stage import Stage

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


def expires_s(register: SipMessage) -> int:
    return int(register.need("Expires"))


async def test_a_registration_answers_the_challenge_and_is_given_back_with_the_number(stage: Stage) -> None:
    async with carrier(ADDRESS, REGISTER=[challenge(401), Reply(200)]) as far_end:
        async with registered(stage, far_end):
            register = await far_end.heard("REGISTER", count=2)
            assert uri_of(register.need("To")).startswith("sip:acct77@127.0.0.5")
            assert uri_of(register.need("Contact")).startswith("sip:acct77@")
            assert expires_s(register) == 3600
            assert is_right_answer(register.need("Authorization"), password=PASSWORD)
        await far_end.heard("REGISTER", count=3, which=lambda message: expires_s(message) == 0)
