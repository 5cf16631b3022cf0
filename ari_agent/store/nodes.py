"""The rows of the controllers that share a PostgreSQL, and the advisory lock that each of them holds while it lives.

A lock falls with the session that holds it, and so with its process, however that ends. Who finds the lock of a node
free takes it, marks the row as lost, and from then on there is no way back for that node: it joins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from pydantic import ValidationError

from ari_agent.contract.node import NodeInfo, NodeLoad, NodeState
from ari_agent.errors import StoreError
from ari_agent.store.claims import LOST
from ari_agent.store.outbox import UNFINISHED
from ari_agent.store.slot_rows import release_node
from ari_agent.store.tables import calls, nodes

if TYPE_CHECKING:
    from ari_agent.store.own_session import OwnSession

_LOCKS: Final = 0x6E6F6465
"""The first of the two numbers that a node's lock has ("node"); the second is its node_id. That of the migrations has
one number, and can be none of these."""
_NOW_MS: Final = sa.cast(sa.extract("epoch", sa.func.clock_timestamp()) * 1000, sa.BigInteger)
_TRY: Final = sa.text("SELECT pg_try_advisory_lock(:locks, :node_id)").bindparams(locks=_LOCKS)
_UNLOCK: Final = sa.text("SELECT pg_advisory_unlock(:locks, :node_id)").bindparams(locks=_LOCKS)
_STARTED_MS: Final = sa.cast(sa.extract("epoch", sa.func.pg_postmaster_start_time()) * 1000, sa.BigInteger)
_ALL: Final = sa.select(
    nodes, (_NOW_MS - nodes.c.heartbeat_ms).label("age_ms"), (_NOW_MS - _STARTED_MS).label("up_ms")
).order_by(nodes.c.node_id)
_HOLDERS: Final = sa.text(
    "SELECT held.objid::bigint AS node_id, held.pid, activity.application_name AS name FROM pg_locks held"
    " LEFT JOIN pg_stat_activity activity ON activity.pid = held.pid"
    " WHERE held.locktype = 'advisory' AND held.granted AND held.objsubid = 2 AND held.classid = :locks"
    " AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
).bindparams(locks=_LOCKS)
_TERMINATE: Final = sa.text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = :pid AND application_name = :name"
)


def session_name(node_id: int) -> str:
    """Return what the session of a node is called in pg_stat_activity: it alone may be ended for the node's sake."""
    return f"ari-agent node {node_id}"


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a node says of itself once: see NodeInfo."""

    name: str
    app: str
    url: str | None

    def row(self) -> dict[str, object]:
        """Return the columns that hold it."""
        return {"name": self.name, "app": self.app, "url": self.url, "version": version("ari-agent")}


@dataclass(frozen=True, slots=True)
class Holder:
    """The session that holds a node's lock: pid of its backend, and its name, where we may see that."""

    pid: int
    name: str | None


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A node as the database shows it. node_id: of its row. holder: None where its lock is free."""

    node_id: int
    info: NodeInfo
    holder: Holder | None


class Return(Enum):
    """What a node finds that comes back with a new session."""

    WELCOME = "its row is there, and the lock is its own again"
    HELD = "somebody holds the lock: to be tried again"
    FENCED = "another node has taken over what it had, or does so now"


class NodeSession:
    """What one node reads and writes in its own session. Every method raises StoreError where the session is over."""

    def __init__(self, session: OwnSession) -> None:
        self._session = session
        self._pid: int | None = None

    async def open(self, node_id: int | None = None) -> None:
        """Connect. node_id: who we are, where that is known."""
        await self._session.open(session_name(node_id) if node_id else "ari-agent")
        self._pid = await self._session.write(_backend_pid)

    async def close(self) -> None:
        """Let go of the connection, and of every lock."""
        await self._session.close()

    async def join(self, about: Introduction, load: NodeLoad) -> int:
        """Make a row for a new node and hold its lock; returns the node_id."""

        def make(connection: sa.Connection) -> int:
            values = about.row() | {"started_ms": _NOW_MS, "state": "serving", **_beat_values(load)}
            node_id = int(connection.execute(sa.insert(nodes).values(values).returning(nodes.c.node_id)).scalar_one())
            if not connection.execute(_TRY, {"node_id": node_id}).scalar_one():
                raise StoreError("a stranger holds the lock of a new node: REVOKE CONNECT ON DATABASE ... FROM PUBLIC")
            return node_id

        node_id = await self._session.write(make)
        await self._session.set({"application_name": session_name(node_id)})
        return node_id

    async def come_back(self, node_id: int, about: Introduction) -> Return:
        """Hold the lock of a node again that had another session before."""

        def try_to(connection: sa.Connection) -> Return:
            if not connection.execute(_TRY, {"node_id": node_id}).scalar_one():
                is_ours = connection.execute(sa.select(nodes.c.state).where(nodes.c.node_id == node_id)).scalar()
                if is_ours in (None, LOST):
                    return Return.FENCED
                # Our session of before, of whose end PostgreSQL does not know yet.
                for row in connection.execute(_HOLDERS).all():
                    if row.node_id == node_id:
                        connection.execute(_TERMINATE, {"pid": row.pid, "name": session_name(node_id)})
                return Return.HELD
            back = _this(node_id).values(**about.row(), heartbeat_ms=_NOW_MS)
            if connection.execute(back).rowcount == 1:
                return Return.WELCOME
            connection.execute(_UNLOCK, {"node_id": node_id})
            return Return.FENCED

        return await self._session.write(try_to)

    async def beat(self, node_id: int, state: NodeState, load: NodeLoad) -> bool:
        """Say that the node lives, and how busy it is. False: it is in its row no more."""

        def write(connection: sa.Connection) -> bool:
            beat = _this(node_id).values(state=state, **_beat_values(load)).returning(sa.func.pg_backend_pid())
            if (pid := connection.execute(beat).scalar()) not in (None, self._pid):
                raise StoreError(
                    "the session changes from one transaction to the next: a pooler in transaction mode is between; "
                    "connect to PostgreSQL itself, or to a pooler in session mode"
                )
            return pid is not None

        return await self._session.write(write)

    async def seen(self) -> tuple[Sequence[SeenNode], int]:
        """Return all nodes by their ids, and for how many milliseconds PostgreSQL has been running."""

        def read(connection: sa.Connection) -> tuple[Sequence[SeenNode], int]:
            holders = {row.node_id: Holder(row.pid, row.name) for row in connection.execute(_HOLDERS).all()}
            rows = connection.execute(_ALL).all()
            found = [SeenNode(row.node_id, _info(row), holders.get(row.node_id)) for row in rows]
            return found, rows[0].up_ms if rows else 0

        return await self._session.write(read)

    async def take(self, node_id: int, *, silent_ms: int) -> bool:
        """Hold the lock of a dead node and mark it as lost. False: somebody else holds it, or it is not dead.

        silent_ms: how long it must have been silent, unless it is marked already.
        """

        def try_to(connection: sa.Connection) -> bool:
            if not connection.execute(_TRY, {"node_id": node_id}).scalar_one():
                return False
            is_dead = (nodes.c.state == LOST) | (nodes.c.heartbeat_ms < _NOW_MS - silent_ms)
            marked = sa.update(nodes).where(nodes.c.node_id == node_id, is_dead).values(state=LOST)
            if connection.execute(marked).rowcount == 1:
                return True
            connection.execute(_UNLOCK, {"node_id": node_id})
            return False

        return await self._session.write(try_to)

    async def end_session_of(self, node: SeenNode) -> bool:
        """End the session of a frozen node, so that its lock falls. False: it is not its own session that holds it."""
        if node.holder is None or node.holder.name != session_name(node.node_id):
            return False
        values = {"pid": node.holder.pid, "name": node.holder.name}
        return await self._session.write(lambda connection: bool(connection.execute(_TERMINATE, values).scalar()))

    async def release(self, node_id: int) -> None:
        """Let go of the lock of a node that was taken."""
        await self._session.write(lambda connection: connection.execute(_UNLOCK, {"node_id": node_id}))

    async def leave(self, node_id: int) -> None:
        """Delete our own row as `remove` does; where calls go on without us, leave it to be taken over, as lost."""

        def write(connection: sa.Connection) -> None:
            release_node(connection, node_id)
            has_calls = sa.exists().where(calls.c.node_id == node_id, calls.c.call_status.in_(UNFINISHED))
            connection.execute(_this(node_id).where(has_calls).values(state=LOST))
            connection.execute(sa.delete(nodes).where(nodes.c.node_id == node_id, ~has_calls))

        await self._session.write(write)
        await self.release(node_id)

    async def remove(self, node_id: int) -> None:
        """Delete the row of a node and its slots, which ends what it had claimed, and let go of its lock."""

        def write(connection: sa.Connection) -> None:
            release_node(connection, node_id)
            connection.execute(sa.delete(nodes).where(nodes.c.node_id == node_id))

        await self._session.write(write)
        await self.release(node_id)


def _this(node_id: int) -> sa.Update:
    return sa.update(nodes).where(nodes.c.node_id == node_id, nodes.c.state != LOST)


def _beat_values(load: NodeLoad) -> dict[str, Any]:
    return {"heartbeat_ms": _NOW_MS, "load": load.model_dump_json()}


def _backend_pid(connection: sa.Connection) -> int:
    return int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())


def _info(row: sa.Row[Any]) -> NodeInfo:
    try:
        load = NodeLoad.model_validate_json(row.load)
    except ValidationError:  # of a newer version
        load = NodeLoad()
    return NodeInfo(
        **dict(load),
        node_id=row.node_id,
        name=row.name,
        app=row.app,
        url=row.url,
        version=row.version,
        state=row.state,
        started_at=row.started_ms,
        heartbeat_age_ms=max(0, row.age_ms),
    )
