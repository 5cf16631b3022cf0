"""Tries the inbound webhook of a number out: asks it about a sample call, and tells what would become of that call.

What asks and decides is what does so for a caller who rings: signature, time limit, attempts, redirects and addresses
are those of real calls. Nobody is called, and nothing is stored.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.calls.inbound_decider import CallRefused, InboundDecider
from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.calls.public_log.public_log import PublicLog
from ari_agent.calls.public_log.routing_log import RoutingLog
from ari_agent.calls.record import turned_away_call
from ari_agent.contract.parsing.e164 import require_pseudo_number
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import CallError, UnservedAgent
from ari_agent.routing.agent_choice import Serves, engine_for_call
from ari_agent.routing.inbound_decision import Refuse, refused_agent
from ari_agent.routing.stasis_arguments import parse_arguments

_MOST_AT_ONCE: Final = 4
"""Each may take as long as a caller would have to wait for a webhook that never answers."""


class NoTrial(CallError):
    """Raised when a webhook cannot be tried out: 400. The message says why."""


class TrialsBusy(CallError):
    """Raised when as many webhooks are being tried out as may be: 429."""

    http_status = 429


@dataclass(frozen=True, slots=True)
class WebhookTrial:
    """What became of a sample call; secrets are taken out of all of it.

    log: the lines that the call's public log would have about it, JSON each: what was asked and answered, and when.
    took_ms: from the question to the decision. agent: who would take the call, for people; "" where nobody would.
    variables, metadata, override: JSON values that the call would have from the webhook. refusal: why nobody would take
    it; "" where somebody would.
    q850_cause, reason: of the hang-up, and the disconnection_reason of its record; None where there is none. goes_on:
    the caller is not hung up on, but goes on in the dialplan.
    """

    from_number: str
    log: Sequence[bytes]
    took_ms: int
    agent: str = ""
    variables: object = None
    metadata: object = None
    override: object = None
    refusal: str = ""
    q850_cause: int | None = None
    reason: str | None = None
    goes_on: bool = False


class WebhookTrials:
    """Tries inbound webhooks out; one object serves the whole controller.

    new_call_id: makes `call_...` ids. serves: which kinds of agents can take calls here. secrets: of the settings.
    clock: returns seconds that never run backwards.
    """

    def __init__(
        self,
        decider: InboundDecider,
        *,
        new_call_id: Callable[[], str],
        serves: Serves,
        secrets: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._decider = decider
        self._new_call_id = new_call_id
        self._serves = serves
        self._secrets = frozenset(secrets)
        self._clock = clock
        self._running = 0

    async def run(self, number: PhoneNumber, from_number: str) -> WebhookTrial:
        """Ask the number's webhook about a call from this number, and decide by its answer.

        Raises:
            NoTrial: the number has no webhook, or nobody has such a number.
            TrialsBusy: too many are being tried out.
        """
        if not number.inbound_webhook_url:
            raise NoTrial(f"{number.phone_number} has no inbound webhook")
        try:
            caller = require_pseudo_number(from_number)
        except ValueError as error:
            raise NoTrial(f"the caller's number {error}") from None
        if self._running >= _MOST_AT_ONCE:
            raise TrialsBusy("as many webhooks are being tried out as may be: try again when one has answered")
        self._running += 1
        try:
            return await self._run(number, caller)
        finally:
            self._running -= 1

    async def _run(self, number: PhoneNumber, caller: str) -> WebhookTrial:
        lines: list[bytes] = []
        redaction = Redaction(self._secrets)
        public_log = PublicLog(lambda: lines.append, self._clock, redaction)
        public_log.open(keeps_content=True)
        began_s, told = self._clock(), RoutingLog(public_log)
        own = self._decider.draw(number, caller, told, sticky=False)
        call = turned_away_call(
            call_id=self._new_call_id(),
            agent_id=own.agent_id if own else "",
            from_number=caller,
            to_number=number.phone_number,
        )
        try:
            agent, decision = await self._decider.decide(number, own, call, {}, told)
            told.connected(decision, own, parse_arguments(()))
            engine_for_call(agent, serves=self._serves)
        except (CallRefused, UnservedAgent) as error:
            refusal = error.refusal if isinstance(error, CallRefused) else refused_agent(error)
            return _refused(caller, lines, self._ms_since(began_s), refusal, redaction)
        override = decision.override.as_json() if decision.override else None
        return WebhookTrial(
            from_number=caller,
            log=lines,
            took_ms=self._ms_since(began_s),
            agent=f"{agent.agent_name or agent.agent_id}, version {agent.version}",
            variables=redaction.value(decision.webhook_variables),
            metadata=redaction.value(decision.metadata),
            override=redaction.value(override),
        )

    def _ms_since(self, began_s: float) -> int:
        return round((self._clock() - began_s) * 1000)


def _refused(caller: str, lines: Sequence[bytes], took_ms: int, refusal: Refuse, redaction: Redaction) -> WebhookTrial:
    return WebhookTrial(
        from_number=caller,
        log=lines,
        took_ms=took_ms,
        refusal=redaction.text(refusal.why),
        q850_cause=refusal.q850_cause,
        reason=refusal.reason.value if refusal.reason else None,
        goes_on=refusal.goes_on,
    )
