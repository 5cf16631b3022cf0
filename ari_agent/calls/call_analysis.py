"""The analysis of calls by a model: what is asked of one, and what becomes of its record and its webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ari_agent.analysis.analyst import NO_MODEL, AnalysisFailed, Analyst, Matter, Reading
from ari_agent.analysis.questions import IN_VOICEMAIL, OF_CALLS, questions
from ari_agent.analysis.runner import Concluded, Outcome, outcome_of
from ari_agent.calls.call_cost import cost_with_analysis
from ari_agent.calls.record import CallRecord, is_worth_reading, known_analysis
from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.analysis_report import AnalysisReport
from ari_agent.contract.call import Call, CallAnalysis, CallCost, CallDirection
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.storage_setting import is_stricter
from ari_agent.contract.webhook_event import WebhookEvent
from ari_agent.errors import UnknownCall
from ari_agent.store.call_records import StoredCall
from ari_agent.store.store import Store


class CallAnalyses:
    """Analyses calls that are over. See `analysis.runner.Waiting`.

    analyst: None where no model is set up; calls of an earlier run may wait all the same. now_ms: milliseconds since
    1970. prices: by which the model is added to what a call has cost.
    """

    def __init__(
        self,
        store: Store,
        analyst: Analyst | None,
        *,
        account_webhook_url: str | None,
        now_ms: Callable[[], int],
        prices: PriceTable | None = None,
    ) -> None:
        self._store, self._prices = store, prices
        self._analyst = analyst
        self._account_webhook_url = account_webhook_url
        self._now_ms = now_ms

    async def due(self, limit: int, except_ids: Collection[str]) -> Sequence[tuple[str, int]]:
        """Return call_id and deadline of calls that wait. Raises: StoreError."""
        return await self._store.analyses.waiting_calls(limit, except_ids=except_ids)

    async def conclude(self, call_id: str, deadline_ms: int) -> Concluded:
        """Have a call analysed by the deadline, and store the result with its call_analyzed.

        Raises:
            StoreError: it is not stored, and the call goes on to wait.
        """
        stored = await self._store.calls.get_stored(call_id)
        if stored is None:
            return Concluded(Outcome.GONE)
        reading = await self._read(stored.call, stored.recovery.analysis_plan, deadline_ms)

        def conclude(now: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
            analysis, report = _result(now.call, now.recovery.analysis_plan, reading, of=stored.call)
            url = self._account_webhook_url
            cost = cost_with_analysis(self._prices, now.call, report)
            call = now.call.model_copy(update={"call_cost": cost})
            record = CallRecord(call, agent=None, account_webhook_url=url, recovery=now.recovery)
            record.analysed(analysis, report)
            return _fields(analysis, report, cost), record.owed

        call = await self._store.analyses.conclude_call(call_id, conclude)
        if call is None:
            return Concluded(Outcome.GONE)
        return Concluded(outcome_of(reading.report), max(0, self._now_ms() - (call.end_timestamp or self._now_ms())))

    async def rerun(self, call_id: str, deadline_ms: int) -> Call:
        """Analyse a call again, with what the latest version of its agent asks for, and return it.

        The model has time until the deadline. Where there is none, or nothing to read, the call stays as it is. No
        webhook is sent.

        Raises:
            UnknownCall: there is no such call.
            AnalysisFailed: the model has not answered; the analysis stays as it was.
            StoreError: the database failed.
        """
        stored = await self._store.calls.get_stored(call_id)
        if stored is None:
            raise UnknownCall(call_id)
        if self._analyst is None or not is_worth_reading(stored.call):
            return stored.call
        plan = await self._latest_plan(stored)
        reading = await self._read(stored.call, plan, deadline_ms)
        if reading.report.failure:
            raise AnalysisFailed(call_id, reading.report.failure)

        def conclude(now: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
            analysis, report = _result(now.call, plan, reading, of=stored.call)
            return _fields(analysis, report, cost_with_analysis(self._prices, now.call, report)), ()

        call = await self._store.analyses.conclude_call(call_id, conclude, again=True)
        if call is None:
            raise UnknownCall(call_id)
        return call

    async def _latest_plan(self, stored: StoredCall) -> AnalysisPlan | None:
        """Return what the agent asks for now, whatever version of it took the call (Retell, "Rerun Post-Call/Chat
        Analysis").
        """
        own = stored.recovery.analysis_plan
        agent = await self._store.agents.get(stored.call.agent_id)
        if agent is None:
            return own
        plan = AnalysisPlan.of(agent) or AnalysisPlan()
        return plan.model_copy(update={"in_voicemail": own.in_voicemail}) if own else plan

    async def _read(self, call: Call, plan: AnalysisPlan | None, deadline_ms: int) -> Reading:
        if self._analyst is None:
            return NO_MODEL
        built_in = list(OF_CALLS)
        if call.direction is CallDirection.OUTBOUND and not known_analysis(call, plan).in_voicemail:
            built_in.append(IN_VOICEMAIL)
        items = await asyncio.to_thread(_items, call)  # an hour of words takes milliseconds, which all calls would hear
        matter = Matter(
            call.call_id,
            questions(built_in, plan.items if plan else ()),
            items,
            facts={
                "kind": call.call_type,
                "direction": call.direction,
                "duration_ms": call.duration_ms,
                "disconnection_reason": call.disconnection_reason,
            },
            model=plan.model if plan else None,
        )
        return await self._analyst.analyse(matter, deadline_ms=deadline_ms)


def _items(call: Call) -> Sequence[Mapping[str, Any]]:
    items = call.transcript_with_tool_calls or call.transcript_object or ()
    return [item.model_dump(mode="json", exclude={"words"}) for item in items]


def _result(
    call: Call, plan: AnalysisPlan | None, reading: Reading, *, of: Call
) -> tuple[CallAnalysis, AnalysisReport | None]:
    """Return what is known of the call with what the model has found, as far as that may still be stored.

    of: the call as the model has read it; one that was made stricter since keeps none of what was found in it.
    """
    known = known_analysis(call, plan)
    if not is_worth_reading(call) or is_stricter(call.data_storage_setting, of.data_storage_setting):
        return known, None
    return known.model_copy(update=dict(reading.fields(success="call_successful"))), reading.report


def _fields(analysis: CallAnalysis, report: AnalysisReport | None, cost: CallCost | None) -> Mapping[str, object]:
    fields = {"call_analysis": analysis.as_json(), "analysis_report": report.as_json() if report else None}
    return {**fields, "call_cost": cost.as_json()} if cost else fields
