"""The way from an open audio websocket to its call: who may have which registered call, and what begins then."""

from __future__ import annotations

import hmac
from typing import Protocol

from ari_agent.calls.registrar import WEB_AUDIO, Registrar, TakenCall
from ari_agent.calls.web.front_end import FrontEnd, FrontEndOptions
from ari_agent.calls.web.front_end_writer import Wire
from ari_agent.contract.disconnection import CallStatus, DisconnectionReason
from ari_agent.contract.registered_call import AudioFormat
from ari_agent.errors import CallNotJoined


class Host(Protocol):
    """What begins web calls once their websocket is open; in the product, the switchboard."""

    def begin_web_call(self, taken: TakenCall, front: FrontEnd) -> None:
        """Begin a call whose websocket is open. Raises CallNotJoined when no calls begin any more."""


class WebAcceptor:
    """Hands open audio websockets to the registered calls that they belong to."""

    def __init__(self, registrar: Registrar, host: Host) -> None:
        self._registrar = registrar
        self._host = host

    async def join(
        self,
        call_id: str,
        wire: Wire,
        *,
        access_token: str | None = None,
        options: FrontEndOptions | None = None,
        fallback: AudioFormat = WEB_AUDIO,
    ) -> FrontEnd:
        """Begin the call; the front end takes what the websocket receives from now on.

        access_token: checked where one is given and the call has one. fallback: the format where the registration
        tells none, and the client is not Twilio.

        Raises:
            CallNotJoined: there is no such call, it has been joined or has ended, or the token is another's.
        """
        call = await self._registrar.find(call_id)
        if call is None:
            raise CallNotJoined("no such call: register one with POST /register-call")
        if access_token and call.access_token and not hmac.compare_digest(access_token, call.access_token):
            raise CallNotJoined("the access_token is not this call's")
        taken = await self._registrar.take(call_id)
        if taken is None:
            raise CallNotJoined(_why(call.call_status, call.disconnection_reason))
        front = FrontEnd(wire, audio=taken.registration.audio, fallback=fallback, options=options)
        try:
            self._host.begin_web_call(taken, front)
        except CallNotJoined:
            await self._registrar.give_back(taken)
            raise
        return front


def _why(status: CallStatus, reason: DisconnectionReason | None) -> str:
    if reason is not None:
        return f"the call has ended: {reason}"
    if status is CallStatus.REGISTERED:
        return "the call has just been joined, or waited too long"
    return f"the call is {status} already"
