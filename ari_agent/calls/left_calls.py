"""Goes on with calls that a controller has left behind, of which the database and Asterisk still know.

The records wait in RecordWriter: `left_talking`, whose agent is dialled again, and `left_bridged`, two people who talk
with each other. All that is needed is in the record, the name of the dead controller's application too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from ari_agent.asterisk.events import Bridge
from ari_agent.calls.adopted_call import AdoptedCall
from ari_agent.calls.record import CallRecord
from ari_agent.calls.session import CallSession
from ari_agent.calls.session_dependencies import SessionDependencies
from ari_agent.calls.take_over import taken_over
from ari_agent.contract.disconnection import DisconnectionReason
from ari_agent.contract.resume_plan import ResumePlan


class LeftCalls:
    """Begins them, or ends their records. begin: takes a call in. end: runs what ends one, beside everything else."""

    def __init__(
        self,
        services: SessionDependencies,
        *,
        begin: Callable[[CallSession], None],
        end: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._services, self._begin, self._end = services, begin, end
        self._turn = asyncio.Lock()

    async def go_on(self) -> None:
        """Begin every call that waits, or end it where its caller is not there any more.

        Raises:
            AsteriskError: Asterisk does not say what it has; to be tried again, nothing is forgotten.
        """
        records, ari = self._services.records, self._services.ari
        async with self._turn:
            if records.left_bridged:
                bridges = await ari.bridges()
                while records.left_bridged:
                    self._adopt(records.left_bridged.pop(), bridges)
            if waiting := tuple(records.left_talking):
                found = await taken_over(self._services, waiting)
                for record in waiting:
                    records.left_talking.remove(record)
                for session in found.resumed:
                    self._begin(session)
                for record, reason in found.ended:
                    self._end(records.end_left(record, reason, self._services.now_ms()))

    async def give_up(self, call_ids: Collection[str]) -> None:
        """End the records of these calls, if they wait: their callers are in an Asterisk that is out of our reach."""
        records, now_ms = self._services.records, self._services.now_ms()
        async with self._turn:
            for waiting, reason in (
                (records.left_talking, DisconnectionReason.ERROR_RETELL),
                (records.left_bridged, DisconnectionReason.CALL_TRANSFER),
            ):
                for record in [each for each in waiting if each.call.call_id in call_ids]:
                    waiting.remove(record)
                    self._end(records.end_left(record, reason, now_ms))

    def forget(self) -> None:
        """Forget all that wait: another controller has them now."""
        self._services.records.left_talking.clear()
        self._services.records.left_bridged.clear()

    def _adopt(self, record: CallRecord, bridges: Sequence[Bridge]) -> None:
        plan = ResumePlan.read(record.recovery.resume_plan)
        services = replace(self._services, app=plan.app) if plan else self._services
        self._begin(AdoptedCall(services, record, bridges))
