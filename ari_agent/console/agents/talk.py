"""Talking to an agent from the browser: the page, and the web call that its script then opens.

static/talk.js asks for the microphone, registers the call here, and opens /audio-websocket/{call_id} as any client of
the API does; static/talk-audio.js carries the sound.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from ari_agent.console.agents.agent_page import agent_of
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.form import read_form
from ari_agent.console.pages import Allowance
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.registered_call import AudioFormat, WebCallCreate
from ari_agent.errors import ApiError

_ALLOWANCE: Final = Allowance(microphone=True)


async def show_talk(request: web.Request) -> web.Response:
    """Show the page from which somebody talks to the agent that the path names, in the version of the query string."""
    session = request[SESSION]
    if not session.may_change:
        raise ApiError(403, "you are logged in with the key that may only look: log in with the API key to talk")
    agent = await agent_of(request)
    dependencies = request.app[DEPENDENCIES]
    refusal = dependencies.installation.unserved(agent)
    if dependencies.web_calls is None:
        refusal = refusal or "this server registers no calls"
    return request.app[PAGES].page("talk.html", session, allowance=_ALLOWANCE, agent=agent, refusal=refusal)


async def register_talk(request: web.Request) -> web.Response:
    """Register a web call with this agent, and answer where its audio websocket is opened.

    The form says the version, the variables, and the sample rate of the browser's sound, as s16le in both directions.
    """
    web_calls = request.app[DEPENDENCIES].web_calls
    if web_calls is None:
        raise ApiError(501, "this server registers no calls")
    form = await read_form(request)
    agent = await agent_of(request, form.get("version", ""))
    rate = form.get("sample_rate", "")
    try:
        audio = AudioFormat.model_validate(
            {
                "audio_websocket_protocol": "web",
                "audio_encoding": "s16le",
                "sample_rate": int(rate) if rate.isascii() and rate.isdigit() and len(rate) <= 6 else 0,
            }
        )
        wanted = WebCallCreate(
            agent_id=agent.agent_id,
            agent_version=agent.version,
            retell_llm_dynamic_variables=dict(variables(form.get("variables", ""))),
        )
    except ValidationError as error:
        raise ApiError(400, explain(error, root="the form")) from None
    call = await web_calls.create_web_call(wanted, audio)
    answer = {"call_id": call.call_id, "websocket": f"/audio-websocket/{call.call_id}?enable_update=true"}
    return web.json_response(answer, headers={"Cache-Control": "no-store"})


def variables(text: str) -> Mapping[str, str]:
    """Read dynamic variables, a line each: `name=value`; empty lines are passed over, the last of a name counts.

    Raises:
        ApiError: 400; says which line is none.
    """
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        name, equals, value = line.partition("=")
        if line.strip() and not (equals and name.strip()):
            raise ApiError(400, f"line {number} of the variables is none: write name=value")
        if line.strip():
            found[name.strip()] = value.strip()
    return found
