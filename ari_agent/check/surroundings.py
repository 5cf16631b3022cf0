"""What checks look at, brought together once: settings, Asterisk, what the database holds, and who else runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ari_agent.asterisk.browser_phone import BrowserPhone
from ari_agent.asterisk.inspection import Inspection
from ari_agent.check.stored import Stored, StoredAgent, agents_named_by
from ari_agent.contract.agent import Agent
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.errors import StoreError
from ari_agent.store.store import Store

_PAGE = 100
"""So few at a time that calls of a controller that looks do not hear it."""
_MOST = 2000
"""Of agents, and of numbers: what is behind is not looked at, so that a check ends in time."""


ListModels = Callable[[], Awaitable[Sequence[str] | None]]


class CheckedSettings(Protocol):
    """The settings that checks read, as the configuration has them."""

    @property
    def bind(self) -> tuple[str, int]:
        """Host and port of the HTTP API."""

    @property
    def artefacts_place(self) -> str:
        """The store of recordings and logs: a folder, or the URL of a bucket."""

    @property
    def spool_folder(self) -> Path:
        """The folder where recordings and logs grow."""

    @property
    def rtp_host(self) -> str:
        """Address of this machine that audio comes to."""

    @property
    def rtp_announced_host(self) -> str:
        """Address that Asterisk is told instead; `""` for the same."""

    @property
    def rtp_ports(self) -> tuple[int, int]:
        """First and last UDP port; 0 and 0 for any."""

    @property
    def concurrency_limit(self) -> int:
        """Calls at the same time."""

    @property
    def speech_to_text(self) -> str:
        """Provider's name, or `none`."""

    @property
    def text_to_speech(self) -> str:
        """Provider's name, or `none`."""

    @property
    def extensions_context(self) -> str | None:
        """Dialplan context of the PBX's extensions."""

    @property
    def trunk_context(self) -> str:
        """Dialplan context where calls come in by the trunks of numbers."""

    @property
    def webhook_url(self) -> str | None:
        """The account's webhook."""

    @property
    def analysis_model(self) -> str:
        """The model that analyses conversations; `""` for none."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What was found out about the database. shown_url: without the password. fault: why `serve` could not use it.

    is_there: it need not be made. file: None where it is no file.
    """

    shown_url: str
    file: Path | None = None
    is_there: bool = False
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class ModelsAsked:
    """The model that is set up, the host of its server, and the names of the models that this has, where it tells."""

    model: str
    host: str
    known: Sequence[str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Everything that a check may ask.

    stored: what the database holds. serving: a controller listens at ARI_AGENT_BIND already. secret_files: those that
    may hold passwords and keys.
    start_speech: starts who listens and who speaks as `serve` does, tells their names, and ends them. list_models:
    returns the names of the models that the server of `analysis_model` has, None where it does not tell, or raises
    CompletionFailed or ConfigurationError; None where no model is set. deep: ask agents for a websocket, too.
    now_s: returns the time of this machine, in seconds since 1970. ask_models: asks the server of the model of prompts
    what it has, and raises an AriAgentError where it cannot; None: no model is set up. try_session: opens a session
    with a model that speaks itself, or raises an AgentError; None: no server of such is set up. connected: the
    controller that looks around is connected to Asterisk itself; None: it is no controller that looks.
    phone: the account of the console's telephone; None: there is none.
    """

    settings: CheckedSettings
    inspection: Inspection
    database: DatabaseFacts
    stored: Stored
    serving: bool
    secret_files: Sequence[Path]
    start_speech: Callable[[], AbstractAsyncContextManager[tuple[str, str] | None]]
    now_s: Callable[[], float]
    deep: bool = False
    list_models: ListModels | None = None
    ask_models: Callable[[], Awaitable[ModelsAsked]] | None = None
    try_session: Callable[[str], Awaitable[None]] | None = None
    connected: bool | None = None
    phone: BrowserPhone | None = None


async def look_into_database(
    database_url: str, *, folder_is_made: bool = False, webhook_url: str | None = None
) -> tuple[DatabaseFacts, Stored]:
    """Try the database out, and read what it holds. Makes none, and changes none.

    folder_is_made: `serve` makes its folder, too, where it is missing. webhook_url: the account's.
    """
    stored = Stored(webhook_url=webhook_url)
    try:
        store = Store(database_url)
    except StoreError as error:
        return DatabaseFacts("", fault=str(error)), stored
    facts = DatabaseFacts(store.shown_url, file=store.file)
    try:
        if not await store.try_out(folder_is_made=folder_is_made):
            return facts, stored
        return replace(facts, is_there=True), await read_stored(store, webhook_url=webhook_url)
    except StoreError as error:
        return replace(facts, fault=str(error)), stored
    finally:
        await store.close()


async def read_stored(store: Store, *, webhook_url: str | None) -> Stored:
    """Return the agents and numbers of a database that is there. Changes nothing.

    webhook_url: the account's. Raises: StoreError.
    """
    numbers = await _numbers(store)
    found: dict[tuple[str, int], StoredAgent] = {}
    for named in agents_named_by(numbers):
        agent = await store.agents.any(named.agent_id, named.agent_version)
        if agent is not None:
            model = await _speaking_model(store, agent)
            found[agent.agent_id, agent.version] = StoredAgent(agent, bound=True, speaking_model=model)
    page = await store.agents.list(limit=_MOST)
    for agent in page.agents:
        found.setdefault((agent.agent_id, agent.version), StoredAgent(agent, bound=False))
    return Stored(list(found.values()), numbers, webhook_url)


async def _speaking_model(store: Store, agent: AnyAgent) -> str | None:
    engine = agent.response_engine
    if not isinstance(agent, Agent) or not isinstance(engine, RetellLlmEngine):
        return None
    llm = await store.retell_llms.get(engine.llm_id, engine.version)
    return llm.s2s_model if llm else None


async def _numbers(store: Store) -> list[PhoneNumber]:
    found: list[PhoneNumber] = []
    key = None
    while len(found) < _MOST:
        page = await store.phone_numbers.list(limit=_PAGE, pagination_key=key)
        found += page.phone_numbers
        if (key := page.next_key) is None:
            break
    return found
