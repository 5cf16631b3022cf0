"""What people look for in the list of webhooks: the query string of the page, and the filter of the store. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.console.words import query_string
from ari_agent.contract.webhook_delivery import DeliveryFilter, DeliveryState
from ari_agent.contract.webhook_event import WebhookEventName

STATES: Final[Mapping[str, str]] = {"pending": "waiting", "delivered": "delivered", "dead": "dead"}
"""The states of a webhook, with the words for them."""
EVENTS: Final = tuple(event.value for event in WebhookEventName)
_LONGEST: Final = 300
"""Characters of one field that are read."""
_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "state": (re.compile("|".join(STATES)), "state of a webhook"),
    "event": (re.compile("|".join(EVENTS)), "event"),
    "host": (re.compile(r"[A-Za-z0-9._~\[\]:-]+"), "host: write hooks.example.com, or hooks.example.com:8443"),
    "call": (re.compile(r"[A-Za-z0-9_-]{1,128}"), "id of a call or chat"),
    "before": (re.compile(r"[0-9]{1,18}", re.ASCII), "place in the list"),
}


@dataclass(frozen=True, slots=True)
class WebhookQuery:
    """What is looked for; "" where it is of no interest. call: the id of a call or chat. before: the page that begins
    before this webhook.
    """

    state: str = ""
    event: str = ""
    host: str = ""
    call: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> WebhookQuery:
        """Return what a query string or a form asks for; names that are unknown are passed over."""
        return cls(**{name: query.get(name, "")[:_LONGEST].strip() for name in cls.__slots__})

    def problems(self) -> Sequence[str]:
        """Return what cannot be looked for, in sentences that say what would be right."""
        given = ((getattr(self, name), form) for name, form in _FORMS.items())
        return [f"“{value}” is no {kind}" for value, (form, kind) in given if value and not form.fullmatch(value)]

    def filter(self) -> DeliveryFilter:
        """Return what all deliveries must be like; what is among the problems is of no interest."""
        known = {name: self._readable(name) for name in _FORMS}
        return DeliveryFilter(
            state=DeliveryState(known["state"]) if known["state"] else None,
            event=WebhookEventName(known["event"]) if known["event"] else None,
            host=known["host"] or None,
            call_id=known["call"] or None,
        )

    @property
    def before_id(self) -> int | None:
        """The number before which the page begins; None for the first page."""
        before = self._readable("before")
        return int(before) if before else None

    def link(self, **changed: str) -> str:
        """Return the query string for the same search with some fields changed."""
        return query_string({name: changed.get(name, getattr(self, name)) for name in self.__slots__})

    def _readable(self, name: str) -> str:
        value: str = getattr(self, name)
        return value if _FORMS[name][0].fullmatch(value) else ""
