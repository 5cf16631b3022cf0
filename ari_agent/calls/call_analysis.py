"""The analysis of calls by a model: what is asked of one, and what becomes of its record and its webhook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ari_agent.analysis.analysed_kind import AnalysedKind
from ari_agent.analysis.analyst import Analyst, Matter, Reading
from ari_agent.analysis.questions import IN_VOICEMAIL, OF_CALLS, questions
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


class CallAnalyses(AnalysedKind[StoredCall, AnalysisPlan | None, Call]):
    """Analyses calls that are over. See `analysis.runner.Waiting`.

    account_webhook_url: for agents without a URL of their own. prices: by which the model is added to what a call has
    cost.
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
        super().__init__(analyst, now_ms=now_ms)
        self._store, self._prices = store, prices
        self._account_webhook_url = account_webhook_url

    async def due(self, limit: int, except_ids: Collection[str]) -> Sequence[tuple[str, int]]:
        """Return call_id and deadline of calls that wait. Raises: StoreError."""
        return await self._store.analyses.waiting_calls(limit, except_ids=except_ids)

    async def _find(self, subject_id: str) -> StoredCall | None:
        return await self._store.calls.get_stored(subject_id)

    def _record(self, stored: StoredCall) -> Call:
        return stored.call

    def _own_wishes(self, stored: StoredCall) -> AnalysisPlan | None:
        return stored.recovery.analysis_plan

    async def _latest_wishes(self, stored: StoredCall) -> AnalysisPlan | None:
        """Return what the agent asks for now, whatever version of it took the call (Retell, "Rerun Post-Call/Chat
        Analysis").
        """
        own = stored.recovery.analysis_plan
        agent = await self._store.agents.get(stored.call.agent_id)
        if agent is None:
            return own
        plan = AnalysisPlan.of(agent) or AnalysisPlan()
        return plan.model_copy(update={"in_voicemail": own.in_voicemail}) if own else plan

    def _is_worth_reading(self, record: Call) -> bool:
        return is_worth_reading(record)

    async def _store_first(self, read: StoredCall, reading: Reading) -> Call | None:
        def conclude(now: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
            analysis, report = _result(now.call, now.recovery.analysis_plan, reading, of=read.call)
            url = self._account_webhook_url
            cost = cost_with_analysis(self._prices, now.call, report)
            call = now.call.model_copy(update={"call_cost": cost})
            record = CallRecord(call, agent=None, account_webhook_url=url, recovery=now.recovery)
            record.analysed(analysis, report)
            return _fields(analysis, report, cost), record.owed

        return await self._store.analyses.conclude_call(read.call.call_id, conclude)

    async def _store_again(self, read: StoredCall, reading: Reading) -> Call | None:
        def conclude(now: StoredCall) -> tuple[Mapping[str, object], Sequence[WebhookEvent]]:
            analysis, report = _result(now.call, now.recovery.analysis_plan, reading, of=read.call)
            return _fields(analysis, report, cost_with_analysis(self._prices, now.call, report)), ()

        return await self._store.analyses.conclude_call(read.call.call_id, conclude, again=True)

    def _unknown(self, subject_id: str) -> UnknownCall:
        return UnknownCall(subject_id)

    async def _matter(self, record: Call, wishes: AnalysisPlan | None) -> Matter:
        built_in = list(OF_CALLS)
        if record.direction is CallDirection.OUTBOUND and not known_analysis(record, wishes).in_voicemail:
            built_in.append(IN_VOICEMAIL)
        return Matter(
            record.call_id,
            questions(built_in, wishes.items if wishes else ()),
            await asyncio.to_thread(_items, record),  # an hour of words takes milliseconds, which all calls would hear
            facts={
                "kind": record.call_type,
                "direction": record.direction,
                "duration_ms": record.duration_ms,
                "disconnection_reason": record.disconnection_reason,
            },
            model=wishes.model if wishes else None,
        )


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
