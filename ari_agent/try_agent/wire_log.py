"""What an agent and the product sent each other in a trial call, and what was wrong with it. Pure.

Only what the product's own readers say counts as wrong. Where they are more lenient than the documented protocol, which
is that of docs/schemas, it is a remark.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from ari_agent.agents.llm import parse_llm_message
from ari_agent.agents.message import read_object
from ari_agent.errors import AgentCorruptPayload
from ari_agent.try_agent.advice import meant_protocol, right_for, table_of
from ari_agent.try_agent.findings import Findings
from ari_agent.try_agent.options import TrialProtocol

_ANSWER: Final = "response"
_REQUESTS: Final = frozenset({"response_required", "reminder_required"})


class WireLog:
    """Counts messages by their kind, and finds what is wrong with those of the agent.

    received, sent: how many messages of each kind. at_s: when the last message of a kind came from the agent, by the
    clock that `now_s` reads. connections: how many websockets a text agent's server was dialled for. meant: the other
    protocol that the agent seems to speak.
    """

    def __init__(self, protocol: TrialProtocol, findings: Findings, now_s: Callable[[], float]) -> None:
        self.protocol: TrialProtocol = protocol
        self.received: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.at_s: dict[str, float] = {}
        self.connections = 0
        self.meant: TrialProtocol | None = None
        self._findings, self._now_s = findings, now_s
        self._table = table_of(protocol)
        self._told: set[tuple[str, str]] = set()
        self._asked = {0}

    def came(self, kind: str) -> None:
        """Note that a message of the agent was understood; audio counts as `audio`, however it came."""
        self.received[kind] += 1
        self.at_s[kind] = self._now_s()

    def compare(self, text: bytes, kind: str) -> None:
        """Remark on what is not as documented in a text message that was understood."""
        message = _object(text)
        if message is None:
            return
        if fault := self._table.fault(message):
            right = right_for(self.protocol, fault, self._table.kind(message))
            self._findings.remark(f"{kind}: it was understood, but is not as documented: {fault}", right=right)

    def unknown(self, text: bytes, kind: str) -> None:
        """Note a message of a kind that the product does not know, and ignores."""
        self.came(kind)
        example = text.decode(errors="replace")
        self._findings.remark(
            f"{kind}: no such message is known, so it is ignored",
            right=right_for(self.protocol, "unknown"),
            example=example,
        )
        self._look_for_another_protocol(_object(text))

    def bad(self, error: AgentCorruptPayload, message: bytes, *, is_text: bool = True) -> None:
        """Note a message that cannot be understood, and is ignored."""
        self._told.add((error.event, error.why))
        parsed = _object(message)
        kind = self._table.kind(parsed) if parsed is not None else None
        self._findings.wrong(
            error.why, right=right_for(self.protocol, error.why, kind), example=_shown(message, is_text)
        )
        if parsed is not None or not is_text:
            self._look_for_another_protocol(parsed)

    def refused(self, event: str, why: str, text: bytes) -> None:
        """Note a request of the agent that cannot be done as it was written."""
        self._told.add((event, why))
        self.came(event)
        self._findings.wrong(
            f"{event}: {why}", right=right_for(self.protocol, "", event), example=text.decode(errors="replace")
        )

    def answered_with_error(self, event: str, why: str) -> None:
        """Note that the product told the agent of an error, whoever has found it."""
        if (event, why) not in self._told:
            self._told.add((event, why))
            self._findings.wrong(why, right=right_for(self.protocol, why, event))

    def llm_text(self, text: str) -> None:
        """Note a text message of a text agent's server, read as the product reads it."""
        octets = text.encode(errors="replace")
        try:
            message = parse_llm_message(text)
        except AgentCorruptPayload as error:
            self.bad(error, octets)
            return
        parsed = _object(octets) or {}
        kind = self._table.kind(parsed) or _ANSWER
        self.came(kind)
        self.compare(octets, kind)
        response_id = getattr(message, "response_id", None)
        if response_id is not None and response_id not in self._asked:
            self._findings.wrong(
                f"response: an answer to response_id {response_id}, which was not asked, is dropped",
                right="answer with the response_id of the response_required; 0 is what the agent says first",
                example=text,
            )

    def llm_sent(self, text: str) -> None:
        """Note a message to a text agent's server."""
        message = _object(text.encode()) or {}
        kind = str(message.get("interaction_type"))
        self.sent[kind] += 1
        if kind in _REQUESTS and isinstance(response_id := message.get("response_id"), int):
            self._asked.add(response_id)

    def _look_for_another_protocol(self, message: Mapping[str, object] | None) -> None:
        meant = meant_protocol(self.protocol, message)
        if meant and not self.meant:
            self.meant = meant
            self._findings.wrong(
                f"the agent seems to speak another protocol than {self.protocol}", right=f"try --protocol {meant}"
            )


def _object(text: bytes) -> dict[str, object] | None:
    try:
        return read_object(text)
    except AgentCorruptPayload:
        return None


def _shown(message: bytes, is_text: bool) -> str:
    return message.decode(errors="replace") if is_text else f"{len(message)} bytes, the first {message[:16].hex(' ')}"
