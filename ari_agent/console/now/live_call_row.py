"""A call in progress as a row of the first page. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ari_agent.console.live_record import live_record
from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.transcript import Utterance

_LAST_WORDS: Final = 50
"""Characters of what was said last: what two lines of its column hold."""


@dataclass(frozen=True, slots=True)
class LiveCallRow:
    """A call in progress as the page shows it. since_ms: when it was answered, in milliseconds since 1970."""

    call_id: str
    state: str
    direction: str
    far_end: str
    our_end: str
    agent: str
    since_ms: int | None
    last_words: str

    @classmethod
    def of(cls, call: Call, state: object) -> LiveCallRow:
        """Return the row of a call. state: a member of an enumeration, whose value is shown."""
        far_end, our_end = call.from_number, call.to_number
        if call.direction is not CallDirection.INBOUND:
            far_end, our_end = our_end, far_end
        said = live_record(call).transcript_object
        return cls(
            call_id=call.call_id,
            state=str(getattr(state, "value", state)),
            direction=call.direction.value if call.direction else call.call_type.replace("_", " "),
            far_end=far_end or "browser",
            our_end=our_end or "",
            agent=call.agent_name or call.agent_id,
            since_ms=call.start_timestamp,
            last_words=_words_of(said[-1]) if said else "",
        )


def _words_of(last: Utterance) -> str:
    end = last.content[-_LAST_WORDS:]
    if len(last.content) > _LAST_WORDS:
        end = f"\u2026{end.partition(' ')[2] or end}"  # half a word is none
    return f"{last.role}: {end}"
