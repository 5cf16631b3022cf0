"""One agent: its versions and what each has changed, its settings, what they come to here, and what it answers by."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from aiohttp import web

from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.console.agents.agent_changes import changes
from ari_agent.console.agents.agent_list import kind
from ari_agent.console.agents.agent_settings import setting_rows
from ari_agent.console.agents.agent_text import text_parts
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.login.login_session import LoginSession
from ari_agent.console.words import midnight_ms
from ari_agent.contract.chat_agent import AnyAgent, ChatAgent
from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.response_engine import ConversationFlowEngine, RetellLlmEngine
from ari_agent.contract.retell_llm import RetellLlm
from ari_agent.errors import UnknownAgent
from ari_agent.store.agent_usage import BoundNumbers
from ari_agent.store.store import Store

_VERSIONS: Final = 20
_NUMBERS: Final = 100
_AGENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_VERSION: Final = re.compile(r"[a-z0-9_-]{1,20}")


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of the agent. changes: of the one before it; None of the first one."""

    agent: AnyAgent
    changes: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """All that a page of an agent is made of. versions: one more than the page shows, where there are more."""

    agent: AnyAgent
    engine: RetellLlm | ConversationFlow | None
    versions: Sequence[AnyAgent]
    numbers: BoundNumbers
    calls_today: int


async def show_agent(request: web.Request) -> web.Response:
    """Show the page of the agent that the path names, in the version of the query string or the latest."""
    store = request.app[DEPENDENCIES].store
    agent = await agent_of(request)
    page = await store.agents.versions(agent.agent_id, limit=_VERSIONS + 1)
    today = midnight_ms(request.app[DEPENDENCIES].now_ms())
    calls = await store.agent_usage.call_counts([agent.agent_id], since_ms=today)
    shown = _Shown(
        agent=agent,
        engine=await _engine(store, agent),
        versions=page.agents if page else (agent,),
        numbers=await store.agent_usage.numbers(agent.agent_id, limit=_NUMBERS),
        calls_today=calls.get(agent.agent_id, 0),
    )
    # in a thread: a long prompt takes so long that callers would hear it
    return await asyncio.to_thread(_page, request.app, request[SESSION], shown)


async def agent_of(request: web.Request, version: str | None = None) -> AnyAgent:
    """Return the agent that the path names.

    version: its number or a tag; None: that of the query string, or the latest.

    Raises:
        UnknownAgent: there is none.
    """
    agent_id = request.match_info["agent_id"]
    version = request.query.get("version", "latest") if version is None else version
    if not _AGENT_ID.fullmatch(agent_id) or not _VERSION.fullmatch(version):
        raise UnknownAgent(ascii(agent_id[:32]), ascii(version[:20]))
    number = int(version) if version.isdecimal() else None
    agent = await request.app[DEPENDENCIES].store.agents.any(agent_id, version if number is None else number)
    if agent is None:
        raise UnknownAgent(agent_id, None if version == "latest" else version)
    return agent


async def _engine(store: Store, agent: AnyAgent) -> RetellLlm | ConversationFlow | None:
    match agent.response_engine:
        case RetellLlmEngine() as engine:
            return await store.retell_llms.get(engine.llm_id, engine.version)
        case ConversationFlowEngine() as engine:
            return await store.conversation_flows.get(engine.conversation_flow_id, engine.version)
        case _:
            return None


def _page(app: web.Application, session: LoginSession, shown: _Shown) -> web.Response:
    dependencies, agent = app[DEPENDENCIES], shown.agent
    redaction = dependencies.redaction
    facts = dependencies.installation.facts(agent, shown.engine)
    engine = redaction.value(agent.response_engine.changes())
    return app[PAGES].page(
        "agent.html",
        session,
        agent=agent,
        kind=kind(agent, speaks_itself=isinstance(shown.engine, RetellLlm) and shown.engine.s2s_model is not None),
        takes_calls=not isinstance(agent, ChatAgent) and not dependencies.installation.unserved(agent),
        facts=[(fact.name, redaction.text(fact.text), fact.is_problem) for fact in facts],
        engine=engine if isinstance(engine, dict) else {},
        engine_version=shown.engine.version if shown.engine else None,
        parts=text_parts(shown.engine, redaction) if shown.engine else (),
        settings=setting_rows(agent, redaction),
        versions=_version_rows(shown.versions, redaction)[:_VERSIONS],
        more_versions=len(shown.versions) > _VERSIONS,
        numbers=shown.numbers,
        calls_today=shown.calls_today,
    )


def _version_rows(versions: Sequence[AnyAgent], redaction: Redaction) -> Sequence[VersionRow]:
    """Return the versions, the latest first, each with what it has changed of the one before it that is there."""
    rows = [VersionRow(after, changes(before, after, redaction)) for after, before in pairwise(versions)]
    return [*rows, VersionRow(versions[-1], None)]
