"""The controllers that share a database: what GET /list-nodes and POST /drain-node answer, extensions of ours. Pure."""

from __future__ import annotations

from typing import Literal

from ari_agent.contract.parsing.model import ContractModel, Count, Flag, Many, Timestamp

NodeState = Literal["serving", "draining", "lost"]
"""lost: nothing was heard of it for too long, and another node ends what it has begun, or takes it over."""


class AsteriskState(ContractModel):
    """An Asterisk that a node serves.

    url: of its ARI, without a password. version, started_at: null until it was reached once; when it was started, by
    its own clock, tells two Asterisks apart that have the same URL on two machines.
    """

    url: str
    connected: Flag
    version: str | None = None
    started_at: str | None = None

    def is_same(self, other: AsteriskState) -> bool:
        """Tell whether both are the same Asterisk, as far as one can tell."""
        if self.started_at is None or other.started_at is None:
            return self.url == other.url
        return self.started_at == other.started_at


class NodeLoad(ContractModel):
    """How busy a node is: its calls in progress, the concurrency slots that they hold, and its Asterisks."""

    calls: Count = 0
    slots_in_use: Count = 0
    asterisks: Many[AsteriskState] = ()


class NodeInfo(NodeLoad):
    """A controller. node_id: null where it has its database to itself, as with SQLite.

    name: for people. app: its application in Asterisk. url: where the other nodes reach its API; null where they do
    not. version: of ari-agent. heartbeat_age_ms: how long ago it was heard of. is_this: it is the one that answers.
    """

    node_id: Count | None = None
    name: str
    app: str
    url: str | None = None
    version: str
    state: NodeState
    started_at: Timestamp
    heartbeat_age_ms: Count = 0
    is_this: Flag = False


class NodeDrain(ContractModel):
    """A controller that takes no new calls any more, and ends with its last one.

    calls: in progress at the last heartbeat, a second ago at most; where several processes share the port, of all of
    them. process_id: on its own machine, of the process that ends last.
    """

    calls: Count
    process_id: Count
