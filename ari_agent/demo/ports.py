"""Free ports for the demo's servers: the one that is asked for, or one that the system has to spare."""

from __future__ import annotations

import contextlib
import secrets
import socket
from collections.abc import Sequence
from typing import Final

from ari_agent.config import PREFIX
from ari_agent.demo.pbx_errors import PortBusy

TCP: Final = (socket.SOCK_STREAM,)
TCP_AND_UDP: Final = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
_TRIES: Final = 100


def free_port(host: str, port: int, variable: str, kinds: Sequence[int] = TCP) -> int:
    """Return the port if sockets of all `kinds` can be bound to it; for port 0, return one that they can.

    host: IPv4 address to bind. variable: the setting that chooses the port, without its prefix.

    Raises:
        PortBusy: it is taken; the text names the variable that chooses another one.
    """
    why = ""
    for candidate in (port,) if port else (_any_port() for _ in range(_TRIES)):
        try:
            _bind_all(host, candidate, kinds)
        except OSError as error:
            why = error.strerror or str(error)
        else:
            return candidate
    raise PortBusy(PREFIX + variable, host, port, why)


def _bind_all(host: str, port: int, kinds: Sequence[int]) -> None:
    with contextlib.ExitStack() as held:
        for kind in kinds:
            candidate = held.enter_context(socket.socket(socket.AF_INET, kind))
            if kind == socket.SOCK_STREAM:
                # As Asterisk does: connections of an earlier run that linger are no reason to refuse.
                candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind((host, port))


def _any_port() -> int:
    # Below the system's ephemeral ports: of those, any connection may take it before its owner does.
    return 20_000 + secrets.randbelow(12_000)
