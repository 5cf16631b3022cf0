"""Who takes an inbound call, and who is turned away how: a small Asterisk of ours, a real store, a real webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.events import Channel
from ari_agent.calls.inbound_decider import CallRefused
from ari_agent.calls.inbound_router import Arrival, InboundRouter
from ari_agent.calls.registrar import Registrar
from ari_agent.contract.agent import AgentCreate
from ari_agent.contract.phone_number import PhoneNumberImport
from ari_agent.contract.registered_call import PhoneCallRegister
from ari_agent.routing.agent_choice import TEXT_AGENTS
from ari_agent.store.store import Store
from ari_agent.webhooks.inbound import InboundWebhook
from tests.api.conftest import AUDIO, CUSTOM_LLM, NOW_MS, random_call_id, store
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted
from tests.fakes.webhook_server import Answer, WebhookServer

__all__ = ["store"]

NUMBER, CALLER = "+14155550100", "+14155550199"
RETELL: Final = {"type": "retell-llm", "llm_id": "llm_1"}
HEADERS: Final = {"PJSIP_HEADERS()": "X-Customer", "PJSIP_HEADER(read,X-Customer,1)": "Bob"}


def answer(noted: Noted) -> tuple[int, Any] | None:
    """A PJSIP channel whose INVITE has one header of the caller's own."""
    if noted.path.endswith("/variables") and noted.method == "GET":
        return 200, {"variables": HEADERS}
    if noted.path.endswith("/variable") and noted.method == "GET":
        value = HEADERS.get(noted.query["variable"])
        return (200, {"value": value}) if value else (404, {"message": "Provided variable was not found"})
    return None


async def _ring() -> None:
    """Asterisk would ring."""


@dataclass
class Entrance:
    """A router, and what is behind it. registrar: takes registered calls."""

    router: InboundRouter
    registrar: Registrar
    store: Store
    webhooks: WebhookServer
    call_id: str

    async def agent(self, engine: Mapping[str, object] = AUDIO, **settings: Any) -> str:
        """The id of an agent of this kind."""
        wanted = AgentCreate.model_validate({"response_engine": engine, "voice_id": "voice", **settings})
        return (await self.store.agents.create(wanted)).agent_id

    async def number(self, *agents: tuple[str, int | str | None], **fields: Any) -> None:
        """Register the number with these agents, each as often as the others."""
        bound = [
            {"agent_id": agent_id, "agent_version": version, "weight": 1 / len(agents)} for agent_id, version in agents
        ]
        number = {"phone_number": NUMBER, "termination_uri": "h.example", "inbound_agents": bound or None, **fields}
        await self.store.phone_numbers.create(PhoneNumberImport.model_validate(number).number(now_ms=NOW_MS))

    async def call(self, *arguments: str, dialled: str = NUMBER) -> Arrival:
        """A caller dials."""
        channel = Channel.model_validate(
            {
                "id": "channel-1",
                "name": "PJSIP/carrier-1",
                "state": "Ring",
                "caller": {"number": CALLER, "name": ""},
                "dialplan": {"context": "c", "exten": dialled, "priority": 1, "app_name": "Stasis", "app_data": APP},
            }
        )
        call_id = self.call_id if dialled == NUMBER else dialled
        return await self.router.receive(channel, arguments, call_id, ring=_ring)

    async def refused(self, *arguments: str) -> CallRefused:
        """A caller dials and is turned away."""
        with pytest.raises(CallRefused) as refused:
            await self.call(*arguments)
        assert refused.value.call.call_id == self.call_id
        assert (refused.value.call.from_number, refused.value.call.to_number) == (CALLER, NUMBER)
        return refused.value


@pytest.fixture
async def entrance(store: Store, request: pytest.FixtureRequest) -> AsyncIterator[Entrance]:
    """Parametrized with True, callers' withheld numbers are shown."""
    async with (
        FakeAsterisk(answer) as asterisk,
        aiohttp.ClientSession() as http,
        WebhookServer(api_key="key") as webhooks,
    ):
        ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
        registrar = Registrar(store, new_call_id=random_call_id, now_ms=lambda: NOW_MS, serves=TEXT_AGENTS)
        router = InboundRouter(
            ari=ari,
            store=store,
            inbound_webhook=InboundWebhook(http, "key", now_ms=lambda: NOW_MS),
            registrar=registrar,
            dice=lambda: 0.0,
            now_ms=lambda: NOW_MS,
            show_withheld_numbers=getattr(request, "param", False),
        )
        yield Entrance(router, registrar, store, webhooks, random_call_id())
        await ari.close()


async def test_the_call_has_all_that_is_known_before_it_is_answered(entrance: Entrance) -> None:
    agent_id = await entrance.agent(agent_name="Ada")
    fields: dict[str, Any] = {"dynamic_variables": {"plan": "gold"}, "metadata": {"id": 7}}
    await entrance.number((agent_id, None), inbound_webhook_url=entrance.webhooks.hook(Answer.inbound(**fields)).url)
    arrival = await entrance.call("plan=silver", "city=Oslo")
    call = arrival.call
    assert (call.call_id, call.agent_id, call.agent_name, call.agent_version) == (entrance.call_id, agent_id, "Ada", 0)
    assert (call.from_number, call.to_number, call.direction) == (CALLER, NUMBER, "inbound")
    assert call.custom_sip_headers == {"x-customer": "Bob"}
    assert call.retell_llm_dynamic_variables == {
        "x-customer": "Bob",
        "X-Customer": "Bob",
        "city": "Oslo",
        "plan": "gold",
    }
    assert call.metadata == {"id": 7}
    assert arrival.number is not None
    assert arrival.agent.agent_id == agent_id


async def test_weights_that_are_empty_turn_the_caller_away_without_a_record(entrance: Entrance) -> None:
    await entrance.number()
    refusal = (await entrance.refused()).refusal
    assert (refusal.q850_cause, refusal.reason, refusal.goes_on) == (21, None, False)
    assert refusal.why == "no agent is bound to the dialled number"


@pytest.mark.parametrize(("version", "named"), [(None, ""), (7, " version 7"), ("no-such-tag", " version no-such-tag")])
async def test_an_unknown_agent_or_version_ends_the_call_with_a_record(
    entrance: Entrance, version: int | str | None, named: str
) -> None:
    agent_id = "agent_none" if version is None else await entrance.agent()
    await entrance.number((agent_id, version))
    error = await entrance.refused()
    assert error.refusal.why == f"agent {agent_id}{named} not found"
    assert (error.refusal.q850_cause, error.refusal.reason, error.refusal.goes_on) == (38, "error_unknown", False)
    assert (error.call.agent_id, error.agent) == (agent_id, None)


async def test_an_agent_that_the_dialplan_names_is_as_unknown(entrance: Entrance) -> None:
    await entrance.number((await entrance.agent(), None))
    error = await entrance.refused("agent_id=agent_none", "agent_version=3")
    assert error.refusal.why == "agent agent_none version 3 not found"
    assert error.call.agent_id == "agent_none"


async def test_an_override_that_does_not_fit_is_left_out_and_named(
    entrance: Entrance, caplog: pytest.LogCaptureFixture
) -> None:
    agent_id = await entrance.agent()
    hook = entrance.webhooks.hook(Answer.inbound(agent_override={"agent": {"stt_mode": "custom"}}))
    await entrance.number((agent_id, None), inbound_webhook_url=hook.url)
    assert (await entrance.call()).call.agent_id == agent_id
    assert f"agent_override does not fit agent {agent_id}: settings: custom_stt_config is " in caplog.text


@pytest.mark.parametrize("engine", [CUSTOM_LLM, RETELL], ids=lambda engine: str(engine["type"]))
async def test_a_caller_whose_agent_takes_no_calls_goes_on_in_the_dialplan(
    entrance: Entrance, engine: Mapping[str, object]
) -> None:
    agent_id = await entrance.agent(engine, agent_name="Ada")
    await entrance.number((agent_id, None))
    error = await entrance.refused()
    assert f"agent {agent_id} has a response_engine of type {engine['type']}, which takes no calls" in str(error)
    assert (error.refusal.reason, error.refusal.goes_on) == ("error_llm_websocket_open", True)
    # The record is the agent's own, with all that is known, and so are its webhooks.
    assert error.agent is not None
    assert (error.call.agent_id, error.call.agent_name) == (agent_id, "Ada")
    assert error.call.custom_sip_headers == {"x-customer": "Bob"}


async def test_an_override_decides_which_kind_of_agent_takes_the_call(entrance: Entrance) -> None:
    hook = entrance.webhooks.hook(Answer.inbound(agent_override={"agent": {"response_engine": AUDIO}}))
    await entrance.number((await entrance.agent(RETELL), None), inbound_webhook_url=hook.url)
    assert (await entrance.call()).agent.response_engine.type == "audio-websocket"


async def test_a_registered_call_keeps_what_was_registered(entrance: Entrance) -> None:
    agent_id = await entrance.agent()
    request = {"agent_id": agent_id, "direction": "outbound", "to_number": "b", "metadata": {"id": 7}}
    call = await entrance.registrar.register_phone_call(PhoneCallRegister.model_validate(request))
    arrival = await entrance.call(dialled=call.call_id)
    assert (arrival.call.agent_id, arrival.call.direction, arrival.call.metadata) == (agent_id, "outbound", {"id": 7})
    assert (arrival.call.from_number, arrival.call.to_number, arrival.number) == (CALLER, "b", None)
    with pytest.raises(CallRefused, match="no registered call waits under call_") as refused:
        await entrance.call(dialled=call.call_id)
    assert (refused.value.refusal.q850_cause, refused.value.refusal.reason) == (1, None)


async def test_a_registered_call_whose_agent_takes_no_calls_here_goes_on_in_the_dialplan(entrance: Entrance) -> None:
    """It was registered with a controller that has speech, and is dialled at one that has none."""
    request = PhoneCallRegister(agent_id=await entrance.agent(CUSTOM_LLM))
    call = await entrance.registrar.register_phone_call(request)
    with pytest.raises(CallRefused, match="custom-llm, which takes no calls") as refused:
        await entrance.call(dialled=call.call_id)
    assert refused.value.refusal.goes_on


@pytest.mark.parametrize("entrance", [False, True], indirect=True, ids=["withheld", "shown"])
async def test_a_withheld_number_is_told_only_if_a_setting_asks_for_it(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """As with trust_id_inbound: CALLERID(num) is the number itself."""
    shown = "shown" in request.node.name
    identity = f"<sip:{CALLER}@carrier>"
    monkeypatch.setitem(HEADERS, "PJSIP_HEADERS()", "X-Customer,P-Asserted-Identity,Privacy")
    monkeypatch.setitem(HEADERS, "PJSIP_HEADER(read,P-Asserted-Identity,1)", identity)
    monkeypatch.setitem(HEADERS, "PJSIP_HEADER(read,Privacy,1)", "id")
    await entrance.number((await entrance.agent(), None))
    call = (await entrance.call()).call
    assert call.from_number == (CALLER if shown else "anonymous")
    assert call.custom_sip_headers == {"x-customer": "Bob"} | ({"p-asserted-identity": identity} if shown else {})
    assert (identity in (call.retell_llm_dynamic_variables or {}).values()) == shown


@pytest.mark.parametrize("dialled", ["4155550100", "14155550100", f"{NUMBER};npdi;rn=+14155550001"])
async def test_a_number_that_is_spelt_otherwise_has_its_e164_spelling_on_the_record(
    entrance: Entrance, dialled: str
) -> None:
    await entrance.number((await entrance.agent(), None))
    assert (await entrance.call(dialled=dialled)).call.to_number == NUMBER


async def test_a_number_of_nobody_is_unallocated_and_the_near_miss_is_named(entrance: Entrance) -> None:
    await entrance.number((await entrance.agent(), None))
    with pytest.raises(CallRefused) as refused:
        await entrance.call(dialled="0114155550100")  # +41 is Switzerland
    assert refused.value.refusal.q850_cause == 1
    assert refused.value.refusal.why.endswith(f"(0114155550100); near misses: {NUMBER}")
