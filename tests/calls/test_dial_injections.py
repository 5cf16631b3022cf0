"""Whatever is asked for in every place that dials, what is sent is one number or one SIP URI, and none that costs.

The texts are those of tests/routing/injections.py. What is sent of them is listed here, to the letter; all the rest is
refused. No text may crash anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from ari_agent.agents.control import read_request
from ari_agent.agents.message import Asked
from ari_agent.asterisk.fallback import fallback_variables
from ari_agent.asterisk.refer import refer_variables
from ari_agent.asterisk.target import TrunkEndpoint, target
from ari_agent.calls.call_log import CallLog
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.transfer.transfers import Transfers
from ari_agent.check.dial import verdict_of
from ari_agent.check.dial_question import Question
from ari_agent.contract.agent import Agent
from ari_agent.contract.batch_call import BatchCallCreate
from ari_agent.contract.call_control import DtmfRequest, TransferRequest
from ari_agent.contract.inbound_answer import read_answer
from ari_agent.contract.parsing.json_text import MalformedJson
from ari_agent.contract.phone_call import CallTask, PhoneCallCreate
from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberUpdate
from ari_agent.errors import CallError
from ari_agent.routing.dial_policy import Dial, DialRules
from ari_agent.store.store import Store
from tests.api.lines import Lines, batches, originator
from tests.calls.test_dial_guard import FROM, NOW_MS, store
from tests.calls.transfer.test_transfers import ACall
from tests.routing.injections import INJECTIONS

pytestmark = pytest.mark.slow

__all__ = ["store"]

NUMBER: Final = PhoneNumber.model_validate(
    {"phone_number": FROM, "sip_outbound_trunk_config": {"termination_uri": "sip.example.com"}}
    | {"last_modification_timestamp": 1}
)
ENGINE: Final = {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9300/"}

TRANSFERRED: Final[Mapping[str, str]] = {
    "100@from-internal": "<sip:100@from-internal>",  # a host of that name, and no context
    "s@from-internal": "<sip:s@from-internal>",
    "tel:5550199;phone-context=+1900": "<sip:5550199@carrier.example>",
    "sip:bob%40evil.example@sip.example.com": "<sip:bob%40evil.example@sip.example.com>",
    "sip:bob%2Fetc@sip.example.com": "<sip:bob%2Fetc@sip.example.com>",
    "0": "extension 0",
    "00": "extension 00",
    "011": "extension 011",
}
"""What is sent for a transfer: the Refer-To, or an extension of the dialplan's context."""
TARGETS: Final[Mapping[str, str]] = {
    "100@from-internal": "PJSIP/trunk-foreign/sip:100@from-internal",
    "s@from-internal": "PJSIP/trunk-foreign/sip:s@from-internal",
    "tel:5550199;phone-context=+1900": "PJSIP/5550199@trunk",
    "sip:bob%40evil.example@sip.example.com": "PJSIP/bob%40evil.example@trunk",
    "sip:bob%2Fetc@sip.example.com": "PJSIP/bob%2Fetc@trunk",
    "0": "Local/0@desks/n",
    "00": "Local/00@desks/n",
    "011": "Local/011@desks/n",
}
"""What is dialled for a transfer to a target: the endpoint of its channel."""
CALLED: Final[Mapping[str, str]] = {
    "h": "h",  # the user of a SIP URI, and no extension
    "i": "i",
    "t": "t",
    "_X.": "_X.",
    **{f"+14155550123{end}": "+14155550123" for end in ("\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")},
    "\r\n+14155550123": "+14155550123",
    "##002#": "##002#",  # codes that dial nobody
    "*#06#": "*#06#",
    "*": "*",
    "#": "#",
    "0": "0",
    "00": "00",
    "011": "011",
}
"""What is dialled for a call: the endpoint is `PJSIP/{this}@{trunk}`."""
FALLEN_BACK: Final = {text: sent for text, sent in CALLED.items() if text not in {"h", "i", "t", "_X."}}
"""What the dialplan dials as a fallback number, which may be an extension of its own."""


class Transferring(ACall):
    """A call in progress that notes what is sent when it is transferred. number_said: the value of `{{number}}`."""

    def __init__(self, number_said: str) -> None:
        super().__init__(extensions_context="desks")
        self.number = NUMBER
        self.number_said = number_said
        self.sent: str | None = None

    def fill(self, template: str) -> str:
        return template.replace("{{number}}", self.number_said)

    async def leave_for_refer(self, request: TransferRequest, variables: Mapping[str, str]) -> None:
        self.sent = variables["ARI_AGENT_REFER_TO"]

    async def leave_for_extension(self, request: TransferRequest) -> None:
        self.sent = f"extension {request.to}"


def by_audio_agent(text: str) -> tuple[TransferRequest | None, str]:
    message = read_request("transfer", {"event": "transfer", "transfer": {"to": text}})
    return (message.request if isinstance(message, Asked) else None), "{{number}}"  # type: ignore[return-value]


def by_text_agent(text: str) -> tuple[TransferRequest | None, str]:
    with contextlib.suppress(ValidationError):
        return TransferRequest(to=text), "{{number}}"
    return None, ""


def by_api(text: str) -> tuple[TransferRequest | None, str]:
    with contextlib.suppress(ValidationError):
        return TransferRequest.model_validate({"to": text, "headers": {"X-Case": "7"}}), "{{number}}"
    return None, ""


def by_variable(text: str) -> tuple[TransferRequest | None, str]:
    return TransferRequest(to="{{number}}"), text


@pytest.mark.parametrize("asked_by", [by_audio_agent, by_text_agent, by_api, by_variable])
async def test_a_transfer_sends_one_harmless_destination(
    asked_by: Callable[[str], tuple[TransferRequest | None, str]],
) -> None:
    sent = {}
    for text in INJECTIONS:
        request, number_said = asked_by(text)
        if request is None:
            continue
        call = Transferring(number_said)
        transfers = Transfers(call, CallLog(logging.getLogger(__name__), {}))
        with contextlib.suppress(CallError):
            await transfers.begin(request, lambda _: None)
        if call.sent:
            sent[text] = call.sent.replace("?X-Case=7>", ">")
    assert sent == TRANSFERRED


def test_a_target_of_a_transfer_is_one_harmless_endpoint() -> None:
    own = TrunkEndpoint("trunk", {}, "sip:sip.example.com")
    dialled = {}
    for text in INJECTIONS:
        with contextlib.suppress(ValidationError, CallError):
            request = TransferRequest.model_validate({"to": text, "mode": "sip_invite"}).filled(lambda filled: filled)
            DialRules().check(Dial(request.to, NUMBER))
            given = target(request, call_id="call_1", phone_number=FROM, own=own, context="desks", caller="")
            dialled[text] = given.endpoint
    assert dialled == TARGETS


async def test_create_phone_call_dials_one_harmless_number(store: Store) -> None:
    lines = Lines()
    placing = originator(store, lines, Slots(1000), now_ms=NOW_MS)
    dialled = {}
    for text in INJECTIONS:
        with contextlib.suppress(ValidationError, CallError):
            request = {"from_number": FROM, "to_number": text, "ignore_e164_validation": True}
            await placing.place(PhoneCallCreate.model_validate(request))
            dialled[text] = lines.orders[-1].call.to_number
    await lines.hang_up_all()
    assert dialled == CALLED


async def test_a_batch_dials_each_harmless_number_once(store: Store) -> None:
    lines, slots = Lines(), Slots(1000)
    scheduler = batches(store, originator(store, lines, slots, now_ms=NOW_MS), slots, now_ms=NOW_MS)
    tasks = []
    for text in INJECTIONS:
        with contextlib.suppress(ValidationError):
            tasks.append(CallTask.model_validate({"to_number": text, "ignore_e164_validation": True}))
    given = {"from_number": FROM, "tasks": [task.as_record() for task in tasks]}
    await scheduler.create(BatchCallCreate.model_validate(given))
    running = asyncio.create_task(scheduler.run())
    async with asyncio.timeout(60):
        while await store.calls.count() < len(tasks):  # noqa: ASYNC110 -- the database is the scheduler's only output
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sorted(order.call.to_number or "" for order in lines.orders) == sorted(CALLED.values())
    await lines.hang_up_all()


def test_a_fallback_number_is_one_harmless_number() -> None:
    dialled = {}
    for text in INJECTIONS:
        with contextlib.suppress(ValidationError, CallError):
            number = PhoneNumberUpdate.model_validate({"fallback_number": text}).apply(NUMBER, now_ms=NOW_MS)
            DialRules().check(Dial(number.fallback_number or "", number))
            variables = fallback_variables(number, trunk="trunk", ring_ms=30_000)
            assert variables
            dialled[text] = variables["ARI_AGENT_FALLBACK_NUMBER"]
    assert dialled == FALLEN_BACK


def test_a_header_stays_in_its_place() -> None:
    for text in INJECTIONS:
        with contextlib.suppress(ValidationError):
            request = TransferRequest.model_validate({"to": "sip:bob@example.com", "headers": {"X-Case": text}})
            escaped = quote(text, safe="!*")
            assert re.fullmatch(r"[A-Za-z0-9_.~%!*-]+", escaped)
            sent = refer_variables(request, default_host=None)["ARI_AGENT_REFER_TO"]
            assert sent == f"<sip:bob@example.com?X-Case={escaped}>"
        with contextlib.suppress(ValidationError):
            task = CallTask.model_validate({"to_number": "+14155550123", "custom_sip_headers": {"X-Case": text}})
            assert task.custom_sip_headers == {"X-Case": text}
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text)
        for model, field in ((TransferRequest, "headers"), (CallTask, "custom_sip_headers")):
            given = {"to": "100", "to_number": "+14155550123", field: {text: "1"}}
            with pytest.raises(ValidationError, match="is not carried"):
                model.model_validate(given)


def test_extension_digits_are_keys_and_nothing_else() -> None:
    keys = [text for text in INJECTIONS if re.fullmatch(r"[0-9*#w]{1,64}", text)]
    for model, given, field in (
        (TransferRequest, {"to": "+14155550123"}, "extension"),
        (DtmfRequest, {}, "digits"),
    ):
        taken = []
        for text in INJECTIONS:
            with contextlib.suppress(ValidationError):
                taken.append(getattr(model.model_validate({**given, field: text}), field))
        assert taken == keys


def test_an_inbound_webhook_widens_nothing() -> None:
    agent = Agent.model_validate(
        {"agent_id": "agent_1", "response_engine": ENGINE, "last_modification_timestamp": 1}
        | {"dial_policy": {"countries": ["US"], "extensions": []}}
    )
    for text in INJECTIONS:
        for policy in (text, {"extensions": [text]}, {"sip_domains": [text]}, {"headers": [text]}, {text: 1}):
            override = {"agent": {"dial_policy": policy}}
            answer = {"call_inbound": {"agent_override": override, "dynamic_variables": {"number": text}}}
            with contextlib.suppress(MalformedJson):
                read = read_answer(json.dumps(answer).encode(), "call_inbound").answer
                overridden = read.agent_override.apply(agent) if read.agent_override else agent
                assert overridden.dial_policy == agent.dial_policy


def test_check_says_of_each_what_would_happen() -> None:
    verdicts = {text: verdict_of(Question(text), DialRules(), NUMBER) for text in INJECTIONS}
    assert {text for text, verdict in verdicts.items() if verdict.may} == {*TRANSFERRED, *CALLED}
    assert all(verdict.text.startswith(f"{FROM}: ") for verdict in verdicts.values())
