"""What other controllers are told of our Asterisk, by which they know whether it is theirs as well."""

from __future__ import annotations

from ari_agent.asterisk.ari import Ari
from ari_agent.contract.node import AsteriskState


def asterisk_state(ari: Ari) -> AsteriskState:
    """Return it as it is now, without asking Asterisk."""
    return AsteriskState(url=ari.url, connected=ari.connected, version=ari.asterisk_version, started_at=ari.started_at)
