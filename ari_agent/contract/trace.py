"""The trace of a call (OpenTelemetry): its steps, and the ids by which other systems find their place in it. Pure.

A call is one trace. Its ids are made from the call's id, by a hash that does not lead back to it: whoever knows the
call's id knows them, in every process and after a crash, so that none have to be kept or handed around. The step `call`
is the root; all others are its children.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

TRACEPARENT: Final = "traceparent"
"""The HTTP header of W3C Trace Context."""
ROOT: Final = "call"

Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a call, which becomes a span of its trace.

    name: of the kind of step, such as `ring`; which: tells steps of the same name apart. began_ms, ended_ms:
    milliseconds since 1970. kind: `client` if another system was asked, `server` for the call itself. error: what went
    wrong, a short word without secrets; None where nothing did.
    """

    call_id: str
    name: str
    began_ms: int
    ended_ms: int
    which: str = ""
    kind: Literal["internal", "client", "server"] = "internal"
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    error: str | None = None

    @property
    def span_id(self) -> str:
        """The id of its span, 16 hexadecimal digits."""
        return span_id(self.call_id, self.name, self.which)

    @property
    def parent_id(self) -> str | None:
        """The id of the span that it belongs to; None for the root."""
        return None if self.name == ROOT else span_id(self.call_id, ROOT)


Trace = Callable[[Step], None]
"""Takes a step that is over; never waits, never raises."""


def trace_id(call_id: str) -> str:
    """Return the id of a call's trace, 32 hexadecimal digits."""
    return _digest("trace", call_id)[:32]


def span_id(call_id: str, name: str, which: str = "") -> str:
    """Return the id of a step's span, 16 hexadecimal digits."""
    return _digest("span", call_id, name, which)[:16]


def traceparent(call_id: str, name: str = ROOT, which: str = "") -> Mapping[str, str]:
    """Return the header that tells another system which step asks it (W3C Trace Context, section 3.2)."""
    return {TRACEPARENT: f"00-{trace_id(call_id)}-{span_id(call_id, name, which)}-01"}


def _digest(*what: str) -> str:
    return hashlib.sha256("/".join(what).encode()).hexdigest()
