"""The telephone in the console: its account, and the way of its SIP messages to Asterisk.

A web page speaks SIP over a websocket (RFC 7118). Asterisk serves those beside ARI, at `/ws` of the same port, to
whoever reaches it; each request is then asked for the account's password. The page has none: its messages come through
here, and get the password's digest on the way.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from ari_agent.asterisk.digest import answer as digest_answer
from ari_agent.asterisk.digest import with_password
from ari_agent.asterisk.phone_message import invited, why_refused
from ari_agent.contract.parsing.redacted_url import RedactedUrl
from ari_agent.errors import AsteriskRefused, AsteriskUnreachable

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES: Final = 64 * 1024
_CONNECT_TIMEOUT_S: Final = 5.0
_CLOSE_TIMEOUT_S: Final = 1.0
_PING_S: Final = 20.0
_CALLS_KNOWN: Final = 20
"""So many of the last calls to a page are known: it takes one at a time, and refuses the others."""
_SUBPROTOCOL: Final = "sip"
_HOST: Final = "controller.invalid"
_REGISTRAR: Final = f"sip:{_HOST}"
_CHALLENGE: Final = re.compile(r"(?im)^WWW-Authenticate[ \t]*:[ \t]*(\S[^\r\n]*)")
_NO_WEBSOCKETS: Final = "it has no SIP over websockets there: load res_pjsip_transport_websocket.so"


class SipLine:
    """One websocket to Asterisk, for one page."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse, account: str, password: str) -> None:
        self._websocket = websocket
        self._account = account
        self._password = password
        self._called: deque[str] = deque(maxlen=_CALLS_KNOWN)

    async def send(self, message: str) -> None:
        """Send a SIP message of the page, unless it is none that its telephone may send: see why_refused.

        Raises:
            ConnectionError: the websocket has closed.
        """
        if why := why_refused(message, account=self._account, called=self._called):
            log.warning("a message of the telephone in the console was left out: %s", why)
            return
        await self._websocket.send_str(with_password(message, username=self._account, password=self._password))

    async def messages(self) -> AsyncIterator[str]:
        """Yield the SIP messages of Asterisk until it closes the websocket."""
        async for message in self._websocket:
            if message.type is aiohttp.WSMsgType.TEXT:
                if call_id := invited(message.data):
                    self._called.append(call_id)
                yield message.data


class BrowserPhone:
    """The account with which pages of the console call and are called.

    ari_url: ARI_AGENT_ARI_URL, up to and including `/ari`. account, password: of an endpoint with `webrtc = yes`.
    """

    def __init__(self, http: aiohttp.ClientSession, ari_url: str, account: str, password: str) -> None:
        self.account = account
        self.url = RedactedUrl.of(ari_url).shown.rstrip("/").removesuffix("/ari") + "/ws"
        self._http = http
        self._password = password

    def __repr__(self) -> str:
        return f"<BrowserPhone {self.account} at {self.url}>"

    async def log_in(self) -> int:
        """Return the SIP status with which Asterisk answers the account and its password; nothing is registered.

        Raises:
            AsteriskUnreachable: no answer. AsteriskRefused: it takes no SIP over websockets.
        """
        request = f"REGISTER {_REGISTRAR} SIP/2.0\r\n"
        address, tag = f"<sip:{self.account}@{_HOST}>", secrets.token_hex(8)
        headers = f"Max-Forwards: 70\r\nFrom: {address};tag={tag}\r\nTo: {address}\r\nCall-ID: {tag}\r\n"
        status, authorization = 0, ""
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S), self.line() as line:
                messages = line.messages()
                for number in (1, 2):  # asked for the password, and with it
                    way = f"Via: SIP/2.0/WS {_HOST};branch=z9hG4bK{tag}{number}\r\nCSeq: {number} REGISTER\r\n"
                    await line.send(f"{request}{way}{headers}{authorization}Content-Length: 0\r\n\r\n")
                    answer = await anext(messages)
                    status = int(answer.split(maxsplit=2)[1])
                    challenge = _CHALLENGE.search(answer)
                    if challenge is None:
                        break
                    authorization = f"Authorization: {self._answer(challenge[1])}\r\n"
        except (TimeoutError, StopAsyncIteration, ConnectionError, ValueError, IndexError) as error:
            raise AsteriskUnreachable(self.url, f"no answer to REGISTER: {error or type(error).__name__}") from None
        return status

    def _answer(self, challenge: str) -> str:
        return digest_answer(
            challenge,
            username=self.account,
            password=self._password,
            method="REGISTER",
            uri=_REGISTRAR,
            client_nonce=secrets.token_hex(8),
        )

    @asynccontextmanager
    async def line(self) -> AsyncIterator[SipLine]:
        """Open a websocket to Asterisk for a page.

        Raises:
            AsteriskUnreachable: nobody answers at `url`. AsteriskRefused: it takes no SIP over websockets.
        """
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                websocket = await self._http.ws_connect(
                    self.url,
                    protocols=(_SUBPROTOCOL,),
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT_S),
                    heartbeat=_PING_S,
                    max_msg_size=MAX_MESSAGE_BYTES,
                )
        except aiohttp.WSServerHandshakeError as error:
            raise AsteriskRefused("GET", self.url, error.status, _NO_WEBSOCKETS) from None
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise AsteriskUnreachable(self.url, str(error) or type(error).__name__) from None
        try:
            yield SipLine(websocket, self.account, self._password)
        finally:
            await websocket.close()
