"""Call control on an audio agent's websocket, the same in every protocol. Pure.

    agent -> us   {"event":"transfer","transfer":{"to":"+15551234567","mode":"sip_refer","headers":{"X-Case":"7"}}}
                  {"event":"hangup","hangup":{"q850_cause":16}}        `hangup` may be left out
                  {"event":"dtmf","dtmf":{"digits":"12#"}}
    us -> agent   {"event":"transfer","transfer":{"status":"succeeded"}}
                  {"event":"transfer","transfer":{"status":"failed","sip_status":486,"message":"..."}}
                  {"event":"error","error":{"event":"dtmf","message":"..."}}      a request that cannot be done
                  {"event":"dtmf","dtmf":{"digit":"5","duration_ms":180}}         the caller pressed a key

A request that is malformed is answered with what is wrong, and the call goes on: a wrong transfer target is a mistake
of the conversation, not of the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from ari_agent.agents.message import Asked, Refused
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.explain import explain

REQUESTS: Final[Mapping[str, type[TransferRequest] | type[HangupRequest] | type[DtmfRequest]]] = {
    "transfer": TransferRequest,
    "hangup": HangupRequest,
    "dtmf": DtmfRequest,
}
_MAX_EXPLANATION_CHARACTERS: Final = 500


def read_request(event: str, message: Mapping[str, object]) -> Asked | Refused:
    """A message whose event is one of REQUESTS."""
    body = message.get(event)
    given = {} if body is None else body
    try:
        return Asked(REQUESTS[event].model_validate(given))
    except ValidationError as error:
        return Refused(event, explain(error, given, root=event)[:_MAX_EXPLANATION_CHARACTERS])


def transfer_answer(outcome: TransferOutcome) -> dict[str, object]:
    """How the transfer ended, for the agent."""
    return {"event": "transfer", "transfer": outcome.model_dump(exclude_none=True)}


def refusal(event: str, message: str) -> dict[str, object]:
    """Why a request was not done. A transfer's is a failed transfer, so that agents wait for one kind of answer."""
    if event == "transfer":
        return transfer_answer(TransferOutcome(status="failed", message=message))
    return {"event": "error", "error": {"event": event, "message": message}}
