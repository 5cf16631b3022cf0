"""A phone that is called: rings, refuses, picks up and hangs up as the test says, with exact RTP."""

from __future__ import annotations

import re
import secrets
import time

from tests.fakes.sip_caller import Headers, Logged, SipCaller, _Dialog, media_address
from tests.fakes.sip_message import SipMessage, first, tag_of, uri_of


class SipCallee(SipCaller):
    """The far end of one call after the other. Use as `async with`: leaving hangs up and closes everything."""

    _invite: SipMessage | None = None

    @property
    def uri(self) -> str:
        """Where it listens: what a number's termination_uri is to be."""
        return f"{self.address}:{self._port}"

    async def invited(self, timeout_s: float = 10.0) -> SipMessage:
        """The INVITE."""
        return await self._until(lambda: self._invite, "INVITE", timeout_s)

    def reply(self, status: int, *, headers: Headers = (), body: bytes = b"") -> None:
        """Answer the INVITE."""
        invite = self._invite
        assert invite is not None
        response = self._response(invite, status, body)
        response = SipMessage(response.start_line, (*response.headers, *headers), body)
        self._answered[(invite.need("Via"), "INVITE")] = self._send(response)

    async def rings(self, timeout_s: float = 10.0) -> SipMessage:
        """180 to the INVITE, which is returned."""
        invite = await self.invited(timeout_s)
        self.reply(180)
        return invite

    async def refuses(self, status: int, *, headers: Headers = (), timeout_s: float = 10.0) -> SipMessage:
        """A final failure to the INVITE, which is returned."""
        invite = await self.invited(timeout_s)
        self.reply(status, headers=headers)
        self._need_dialog().over = True
        self._invite = None
        return invite

    async def picks_up(self, timeout_s: float = 10.0) -> SipMessage:
        """200 to the INVITE, which is returned; audio runs."""
        invite = await self.invited(timeout_s)
        self.reply(200, body=self._sdp("sendrecv"))
        self._need_dialog().confirmed = True
        self.audio.start(*media_address(invite.body))
        await self._until(lambda: first(self.received, method="ACK"), "ACK", timeout_s)
        return invite

    async def cancelled(self, timeout_s: float = 10.0) -> SipMessage:
        """The CANCEL of the other side."""
        return await self._until(lambda: first(self.received, method="CANCEL"), "CANCEL", timeout_s)

    async def _leave(self) -> None:
        if self._dialog is None or self._dialog.over:
            return
        if self._dialog.confirmed:
            await self.hang_up(timeout_s=2.0)
        else:
            await self.refuses(480)

    def _on_request(self, message: SipMessage) -> None:
        if message.method == "INVITE" and (self._dialog is None or self._dialog.over):
            self.log.append(Logged(time.monotonic(), False, message))
            self._invite = message
            self._dialog = _Dialog(
                call_id=message.need("Call-ID"),
                local_tag=secrets.token_hex(6),
                remote_tag=tag_of(message.need("From")),
                remote_uri=re.sub(r";tag=[^;]*", "", message.need("From")),
                local_uri=message.need("To"),
                target=uri_of(message.need("Contact")),
                invite=message,
            )
            return
        super()._on_request(message)
        if message.method == "CANCEL" and self._invite is not None:
            self.reply(487)
            self._need_dialog().over = True
            self._invite = None

    def _response(self, request: SipMessage, status: int, body: bytes) -> SipMessage:
        response = super()._response(request, status, body)
        tag = f";tag={self._need_dialog().local_tag}"
        headers = tuple(
            (name, value + tag if name.lower() == "to" and ";tag=" not in value else value)
            for name, value in response.headers
        )
        return SipMessage(response.start_line, headers, body)
