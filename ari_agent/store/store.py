"""Everything that outlives the process: agents, phone numbers, calls and the outbox of webhooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select

from ari_agent.clock import now_ms
from ari_agent.contract.response_engine import ConversationFlowEngine, PromptEngine
from ari_agent.errors import StoreError
from ari_agent.store.agent_usage import AgentUsage
from ari_agent.store.agents import Agents
from ari_agent.store.analyses import Analyses
from ari_agent.store.batches import Batches
from ari_agent.store.call_costs import CallCosts
from ari_agent.store.call_statistics import CallStatistics
from ari_agent.store.calls import Calls
from ari_agent.store.chats import Chats
from ari_agent.store.claims import LOST
from ari_agent.store.database import Database
from ari_agent.store.dialled_calls import DialledCalls
from ari_agent.store.held_calls import HeldCalls
from ari_agent.store.migrations import bring_to_head, require_known_schema
from ari_agent.store.nodes import NodeSession
from ari_agent.store.outbox import Outbox
from ari_agent.store.phone_numbers import PhoneNumbers
from ari_agent.store.placed_calls import PlacedCalls
from ari_agent.store.registrations import Registrations
from ari_agent.store.slot_session import SlotSession
from ari_agent.store.tables import nodes
from ari_agent.store.versioned_engines import FLOWS, PROMPTS, VersionedEngines
from ari_agent.store.webhook_deliveries import WebhookDeliveries


class Store:
    """The database and its nouns.

    database_url: `sqlite+aiosqlite:///FILE` or `postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE`; `sqlite:`,
    `postgres:` and `postgresql:` mean the same.

    Raises:
        StoreError: the URL is none of these.
    """

    def __init__(self, database_url: str, *, now_ms: Callable[[], int] = now_ms) -> None:
        self._database = Database(database_url)
        self.agents = Agents(self._database, now_ms)
        self.agent_usage = AgentUsage(self._database)
        self.retell_llms = VersionedEngines(self._database, now_ms, PROMPTS)
        self.conversation_flows = VersionedEngines(self._database, now_ms, FLOWS)
        self.phone_numbers = PhoneNumbers(self._database, now_ms)
        self.outbox = Outbox(self._database, now_ms)
        self.webhooks = WebhookDeliveries(self._database, self.outbox)
        self.calls = Calls(self._database, self.outbox, now_ms)
        self.held_calls = HeldCalls(self._database, self.calls)
        self.batches = Batches(self._database, self.calls, self.outbox)
        self.chats = Chats(self._database, self.outbox, now_ms)
        self.analyses = Analyses(self._database, self.calls, self.chats, self.outbox)
        self.placed = PlacedCalls(self._database, self.calls)
        self.dialled = DialledCalls(self._database)
        self.costs = CallCosts(self._database)
        self.statistics = CallStatistics(self._database)
        self.registrations = Registrations(self._database, self.calls, self.outbox)
        self.slots = SlotSession(self._database)

    def __repr__(self) -> str:
        return f"<Store {self._database.shown_url}>"

    @property
    def shown_url(self) -> str:
        """The URL of the database for people, without the password."""
        return self._database.shown_url

    @property
    def node_id(self) -> int | None:
        """Which of the controllers that share the database this is, while it is one. See Database.node_id."""
        return self._database.node_id

    @node_id.setter
    def node_id(self, node_id: int | None) -> None:
        self._database.node_id = node_id

    def node_session(self, *, within_s: float) -> NodeSession:
        """Return what a node reads and writes beside all others; not yet open.

        within_s: how long one transaction may take, in seconds.

        Raises:
            StoreError: the database is a file, which controllers do not share.
        """
        session = self._database.own_session(within_s=within_s)
        if session is None:
            raise StoreError("controllers share a PostgreSQL, never a file")
        return NodeSession(session)

    async def open(self) -> None:
        """Make the database where it is missing and bring it to this version's schema.

        Raises:
            StoreError: it cannot be reached or written, or was made by a newer version.

        Cancelled, it ends when the schema is there: a million calls of an older version take minutes.
        """
        try:
            await self._database.write(lambda connection: bring_to_head(connection, shown_url=self._database.shown_url))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let what is being written be written, then let go of the database."""
        await self._database.close()

    async def missing_engine(self, engine: PromptEngine) -> str | None:
        """Return the id and version of the prompt or flow that an agent answers by if it is not there; None: it is."""
        engines = self.conversation_flows if isinstance(engine, ConversationFlowEngine) else self.retell_llms
        if await engines.has(engine.engine_id, engine.version):
            return None
        return engine.engine_id if engine.version is None else f"{engine.engine_id} version {engine.version}"

    @property
    def is_shared(self) -> bool:
        """Whether other controllers may use the database: not where it is a file."""
        return self.file is None

    @property
    def file(self) -> Path | None:
        """The file of the database; None where the database is no file."""
        return self._database.file

    async def is_eldest(self) -> bool:
        """Return whether this is the node that is here for longest, which does what one alone has to do.

        Without nodes it is the only one.
        """
        node_id = self._database.node_id
        if node_id is None:
            return True
        eldest = select(func.min(nodes.c.node_id)).where(nodes.c.state != LOST)
        return node_id == await self._database.scalar(eldest)

    async def try_out(self, *, folder_is_made: bool = False) -> bool:
        """Find out whether `open` would succeed and the database can be written, without making or changing one.

        Returns whether there is one already.

        folder_is_made: the folder of a SQLite file is made before, where it is missing.

        Raises:
            StoreError: it cannot be reached or written, or was made by a newer version.
        """
        if self._database.is_to_be_made(folder_is_made=folder_is_made):
            return False
        shown = self._database.shown_url
        await self._database.write(lambda connection: require_known_schema(connection, shown_url=shown))
        return True

    async def is_made(self) -> bool:
        """Whether there is a database of this version or an older one; makes none.

        Raises:
            StoreError: it cannot be reached, or was made by a newer version.
        """
        if self._database.is_to_be_made(folder_is_made=True):
            return False
        await self.try_out()
        return True

    async def probe(self) -> None:
        """Write to the database, which does not change what it holds.

        Raises:
            StoreError: what is written now is not kept: it is away, full or locked, or its file is not there any more.
        """
        await self._database.probe()
