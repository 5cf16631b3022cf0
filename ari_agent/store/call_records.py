"""How a stored call is read: as the call object, or as the text that list-calls shows of it.

That text is written with the record: a page of a thousand calls goes out as it was stored, however long their
transcripts are, and nothing of it is parsed. Records that a version without it wrote are read as objects first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Row, case, select

from ari_agent.contract.analysis_plan import AnalysisPlan
from ari_agent.contract.call import Call
from ari_agent.contract.call_list import NOT_LISTED
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.webhook_plan import WebhookPlan
from ari_agent.errors import UnreadableRecord
from ari_agent.store.database import among, dump
from ari_agent.store.list_calls_paging import Key, page_key
from ari_agent.store.tables import calls

Plan = TypeVar("Plan", WebhookPlan, AnalysisPlan)
RECORD: Final[Sequence[ColumnElement[Any]]] = (calls.c.call_id, calls.c.document, calls.c.amendments)
"""The columns that `call_of` reads."""
STORED_CALL: Final[Sequence[ColumnElement[Any]]] = (
    *RECORD,
    calls.c.webhook_plan,
    calls.c.diverted,
    calls.c.analysis_plan,
    calls.c.analysis_due_ms,
    calls.c.pii_categories,
    calls.c.listed_ms,
    calls.c.expires_ms,
    calls.c.resume_plan,
)
"""The columns that `stored_call_of` reads."""
DAY_MS: Final = 86_400_000
_NO_ITEM: Final = calls.c.list_item.is_(None)
ITEM: Final[Sequence[ColumnElement[Any]]] = (
    calls.c.call_id,
    calls.c.list_item,
    *(case((_NO_ITEM, column)).label(column.name) for column in (calls.c.document, calls.c.amendments)),
)
"""The columns that `item_of` reads; the long record is read only where the row has no list item."""


@dataclass(frozen=True, slots=True)
class StoredCall:
    """A call object with its recovery, which is stored beside it."""

    call: Call
    recovery: CallRecovery


@dataclass(frozen=True, slots=True)
class SaidCall:
    """A call with what was said in it, which nobody has parsed yet.

    key: of the page that begins after it. listed_ms: its place in the list. item: what list-calls shows. document,
    amendments: the call object as JSON; what the second one has wins.
    """

    key: str
    listed_ms: int
    item: str
    document: str
    amendments: str | None


SAID: Final[Sequence[ColumnElement[Any]]] = (*RECORD, calls.c.list_item, calls.c.listed_ms)
"""The columns that `said_call_of` reads."""


def said_call_of(row: Row[Any]) -> SaidCall:
    """The call of a SAID. Raises UnreadableRecord as item_of does."""
    return SaidCall(page_key(row.listed_ms, row.call_id), row.listed_ms, item_of(row), row.document, row.amendments)


def list_item(known: Mapping[str, object]) -> str:
    """What list-calls shows of a call object (as JSON): no transcripts, no signalling, nothing that is unset."""
    return dump({key: value for key, value in known.items() if value is not None and key not in NOT_LISTED})


def read(connection: Connection, keys: Sequence[Key], columns: Sequence[ColumnElement[Any]]) -> Sequence[Row[Any]]:
    """Return these columns of these calls in this order; all of them must exist."""
    if not keys:
        return ()
    of_keys = among(connection, calls.c.call_id, [call_id for _, call_id in keys])
    found = {row.call_id: row for row in connection.execute(select(*columns).where(of_keys))}
    return [found[call_id] for _, call_id in keys]


def call_of(row: Row[Any]) -> Call:
    """The call object of a RECORD.

    Raises:
        UnreadableRecord: its JSON is damaged, or no call object of this version.
    """
    if row.amendments is None:
        with suppress(ValidationError):  # half a surrogate pair, say, which only Python's own parser takes
            return Call.model_validate_json(row.document)
    try:
        return Call.model_validate({**json.loads(row.document), **json.loads(row.amendments or "{}")})
    except (ValueError, TypeError) as error:
        raise UnreadableRecord(f"the record of call {row.call_id}", error) from None


def stored_call_of(row: Row[Any]) -> StoredCall:
    """The call object of a STORED_CALL, with its recovery.

    Raises:
        UnreadableRecord: its JSON is damaged, or is not what this version stores.
    """
    call = call_of(row)
    webhooks = _plan(WebhookPlan, row.webhook_plan, f"the webhook plan of call {row.call_id}")
    analysis = _plan(AnalysisPlan, row.analysis_plan, f"the analysis plan of call {row.call_id}")
    categories = None if row.pii_categories is None else frozenset(row.pii_categories.split())
    days = None if row.expires_ms is None else (row.expires_ms - row.listed_ms) // DAY_MS
    recovery = CallRecovery(
        webhooks, row.diverted, analysis, row.analysis_due_ms, categories, days, resume_plan=row.resume_plan
    )
    return StoredCall(call, recovery)


def _plan(model: type[Plan], stored: str | None, what: str) -> Plan | None:
    try:
        return None if stored is None else model.model_validate_json(stored)
    except ValidationError as error:
        raise UnreadableRecord(what, error) from None


def recovery_columns(recovery: CallRecovery, listed_ms: int) -> dict[str, Any]:
    """The columns that hold the recovery of a call that began, or was made, at that time.

    What its agent said of personal data and retention stays where the recovery says nothing of it.
    """
    plan, categories, days = recovery.webhook_plan, recovery.pii_categories, recovery.retention_days
    columns: dict[str, Any] = {
        "webhook_plan": dump(plan.as_record()) if plan else None,
        "diverted": recovery.diverted,
        "analysis_plan": dump(recovery.analysis_plan.as_record()) if recovery.analysis_plan else None,
        "resume_plan": recovery.resume_plan,
    }
    if categories is not None:
        columns["pii_categories"] = " ".join(sorted(categories))
    if days is not None:
        columns["expires_ms"] = listed_ms + days * DAY_MS
    return columns


def item_of(row: Row[Any]) -> str:
    """The JSON that list-calls shows of an ITEM.

    Raises:
        UnreadableRecord: an older version wrote it, without the JSON of its item, and it cannot be read.
    """
    item: str | None = row.list_item
    return list_item(call_of(row).as_json()) if item is None else item
