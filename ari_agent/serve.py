"""Runs the controller as a process: until a signal or a drain ends it in order, or a part of it has failed."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from functools import partial

from ari_agent.app import controller
from ari_agent.calls.concurrency_slots import INBOUND_WAIT_S
from ari_agent.config import Settings
from ari_agent.errors import ControllerFailed
from ari_agent.file_limit import raise_file_limit
from ari_agent.one_of_several import DRAIN, READY, told_by_parent
from ari_agent.stop_signals import StopSignals, stop_signals

log = logging.getLogger(__name__)


async def serve(settings: Settings, *, inbound_wait_s: float = INBOUND_WAIT_S) -> None:
    """Run the controller until SIGINT, SIGTERM or a drain.

    inbound_wait_s: how long a caller rings for a slot, in seconds.

    Raises:
        ConfigurationError: the database, an address or a provider of speech cannot be used as set.
        ControllerFailed: a part of it ended by a defect; all calls were ended in order.
    """
    async with stop_signals() as signals:
        await _serve(settings, signals, inbound_wait_s=inbound_wait_s)


async def serve_as_one_of_several(settings: Settings, own_socket: socket.socket) -> None:
    """Run one of several controllers, which the process that started them tells when to stop; see processes.py.

    settings: its own share. own_socket: bound to where this one alone is reached. Raises as `serve` does.
    """
    async with stop_signals() as signals, told_by_parent(signals) as tell:
        await _serve(
            settings, signals, own_socket=own_socket, started=partial(tell, READY), on_drain=partial(tell, DRAIN)
        )


async def _serve(
    settings: Settings,
    signals: StopSignals,
    *,
    inbound_wait_s: float = INBOUND_WAIT_S,
    own_socket: socket.socket | None = None,
    started: Callable[[], None] = lambda: None,
    on_drain: Callable[[], None] | None = None,
) -> None:
    raise_file_limit()
    failed: list[str] = []

    def part_failed(part: str) -> None:
        failed.append(part)
        signals.stop()

    try:
        async with controller(
            settings,
            inbound_wait_s=inbound_wait_s,
            part_failed=part_failed,
            own_socket=own_socket,
            on_drain=on_drain or signals.drain,
        ) as switchboard:
            signals.started()
            started()
            await signals.wait()
            await signals.unless_stopped(switchboard.drain())
            log.info("stopping")
            await signals.unless_at_once(switchboard.drain(settings.drain_s))
    except asyncio.CancelledError:
        if not signals.ended_start:
            raise
        log.info("stopped before the start was done")
    if failed:
        raise ControllerFailed(failed[0])
