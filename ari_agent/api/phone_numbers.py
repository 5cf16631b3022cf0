"""Phone numbers: import, create, get, update, delete and list (Retell, Phone Number, 2026-08)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from aiohttp import web

from ari_agent.api.answer import answer, answer_list, answer_nothing
from ari_agent.api.body import read_body, read_query, unknown
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.missing_engine import missing_engine
from ari_agent.api.route import delete, get, patch, post
from ari_agent.api.unknown_consent import refuse_unknown_consent
from ari_agent.api.unknown_voice import has_speaking_model, refuse_unknown_voice
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.paging import MAX_PAGE, PageQuery
from ari_agent.contract.parsing.e164 import require_pseudo_number
from ari_agent.contract.phone_number import (
    AgentWeight,
    PhoneNumber,
    PhoneNumberCreate,
    PhoneNumberImport,
    PhoneNumberPage,
    PhoneNumberUpdate,
)
from ari_agent.contract.response_engine import PromptEngine
from ari_agent.errors import UnservedAgent
from ari_agent.store.phone_numbers import PhoneNumbers

WARNING: Final = "X-Ari-Agent-Warning"
"""What does not work with a number that was saved, and what to do."""


def _numbers(request: web.Request) -> PhoneNumbers:
    return request.app[DEPENDENCIES].store.phone_numbers


def _path_number(request: web.Request) -> str:
    """Return the number in the path; `+` may stand there as it is or as %2B, and is never a space."""
    given = request.match_info["phone_number"]
    try:
        return require_pseudo_number(given)
    except ValueError:
        raise unknown("phone number", given) from None


async def create_phone_number(request: web.Request) -> web.Response:
    """Register a number that the PBX receives already. Retell sells numbers; here there are none to choose from."""
    wanted = await read_body(request, PhoneNumberCreate)
    await refuse_unknown_consent(request, wanted.recording_consent)
    number = wanted.number(now_ms=request.app[DEPENDENCIES].now_ms())
    await _check_agents(
        request, request.app[DEPENDENCIES].store.agents.get, wanted.inbound_agents, wanted.outbound_agents
    )
    return await _answer_changed(request, await _numbers(request).create(number), status=201)


async def import_phone_number(request: web.Request) -> web.Response:
    """Register a number together with the trunk that outbound calls take."""
    wanted = await read_body(request, PhoneNumberImport)
    await refuse_unknown_consent(request, wanted.recording_consent)
    await _check_agents(
        request, request.app[DEPENDENCIES].store.agents.get, wanted.inbound_agents, wanted.outbound_agents
    )
    number = wanted.number(now_ms=request.app[DEPENDENCIES].now_ms())
    return await _answer_changed(request, await _numbers(request).create(number), status=201)


async def get_phone_number(request: web.Request) -> web.Response:
    """Answer with one registered number, or 404."""
    return answer(await _known(request, _path_number(request)))


async def update_phone_number(request: web.Request) -> web.Response:
    """Change the fields of a number that the body names; the rest stays. Null removes what can be removed."""
    phone_number = _path_number(request)
    changes = await read_body(request, PhoneNumberUpdate)
    await refuse_unknown_consent(request, changes.recording_consent)
    await _known(request, phone_number)
    agents = request.app[DEPENDENCIES].store.agents
    await _check_agents(request, agents.get, changes.inbound_agents, changes.outbound_agents)
    await _check_agents(request, agents.any, changes.inbound_sms_agents, changes.outbound_sms_agents, speak=False)
    number = await _numbers(request).update(phone_number, changes)
    if number is None:
        raise unknown("phone number", phone_number)
    return await _answer_changed(request, number)


async def delete_phone_number(request: web.Request) -> web.Response:
    """Delete a number: calls to it find no agent from now on."""
    phone_number = _path_number(request)
    if not await _numbers(request).delete(phone_number):
        raise unknown("phone number", phone_number)
    await request.app[DEPENDENCIES].number_changed(phone_number)
    return answer_nothing()


async def list_phone_numbers(request: web.Request) -> web.Response:
    """Answer up to 1000 numbers; /v2/list-phone-numbers has pages."""
    return await answer_list((await _numbers(request).list(limit=MAX_PAGE)).phone_numbers)


async def list_phone_numbers_v2(request: web.Request) -> web.Response:
    """Answer a page of numbers, in the order of their digits."""
    query = read_query(request, PageQuery)
    page = await _numbers(request).list(
        ascending=query.sort_order != "descending", limit=query.limit, pagination_key=query.pagination_key
    )
    return answer(
        PhoneNumberPage(
            items=tuple(page.phone_numbers), has_more=page.next_key is not None, pagination_key=page.next_key
        )
    )


async def _answer_changed(request: web.Request, number: PhoneNumber, status: int = 200) -> web.Response:
    """Answer a number that was made or changed, with what does not work about its trunk in the header WARNING."""
    warning = await request.app[DEPENDENCIES].number_changed(number.phone_number)
    response = answer(number, status)
    if warning and number.sip_outbound_trunk_config and number.sip_outbound_trunk_config.termination_uri:
        response.headers[WARNING] = warning
    return response


async def _known(request: web.Request, phone_number: str) -> PhoneNumber:
    number = await _numbers(request).get(phone_number)
    if number is None:
        raise unknown("phone number", phone_number)
    return number


async def _check_agents(
    request: web.Request,
    find: Callable[[str, int | str | None], Awaitable[AnyAgent | None]],
    *lists: Iterable[AgentWeight] | None,
    speak: bool = True,
) -> None:
    """Refuse to bind a number to an agent that does not exist (422), that Retell hosts or whose voice is unknown (400).

    find: returns the agent of an id and a version. speak: it is for calls.
    """
    for weight in (weight for weights in lists for weight in weights or ()):
        agent = await find(weight.agent_id, weight.agent_version)
        if agent is None:
            version = "" if weight.agent_version is None else f" version {weight.agent_version}"
            raise unknown("agent", f"{weight.agent_id}{version}")
        await _check_engine(request, agent)
        if speak:
            await refuse_unknown_voice(request, agent)


async def _check_engine(request: web.Request, agent: AnyAgent) -> None:
    """Refuse an agent whose engine is not served here, or whose prompt or flow is not there: 400."""
    engine = agent.response_engine
    if not isinstance(engine, PromptEngine):
        return
    if not request.app[DEPENDENCIES].has_prompts and not await has_speaking_model(request, engine):
        remedy = "needs a model: set ARI_AGENT_LLM_MODEL, or use custom-llm or audio-websocket"
        raise UnservedAgent(agent.agent_id, engine.type, remedy)
    if missing := await missing_engine(request, engine):
        raise UnservedAgent(agent.agent_id, engine.type, f"does not exist: there is no {missing}")


ROUTES: Final = (
    post("/create-phone-number", create_phone_number, 201, takes=PhoneNumberCreate, answers=PhoneNumber, refuses=[422]),
    post("/import-phone-number", import_phone_number, 201, takes=PhoneNumberImport, answers=PhoneNumber, refuses=[422]),
    get("/get-phone-number/{phone_number}", get_phone_number, answers=PhoneNumber),
    patch("/update-phone-number/{phone_number}", update_phone_number, takes=PhoneNumberUpdate, answers=PhoneNumber),
    delete("/delete-phone-number/{phone_number}", delete_phone_number, 204),
    get("/list-phone-numbers", list_phone_numbers, lists=PhoneNumber),
    get("/v2/list-phone-numbers", list_phone_numbers_v2, answers=PhoneNumberPage, query=PageQuery),
)
