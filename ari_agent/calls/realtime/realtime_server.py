"""The server of models that hear and speak: where it is, and whether it would open a session."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from urllib.parse import urlencode

from ari_agent.agents.audio_socket import AudioSocket
from ari_agent.agents.message import AgentMessage
from ari_agent.agents.realtime import RealtimeClient
from ari_agent.agents.realtime_events import ServerError, SessionCreated
from ari_agent.agents.tcp_connection import agent_url
from ari_agent.endpoint import printable
from ari_agent.errors import AgentError, AgentRefused, AgentUnreachable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RealtimeServer:
    """url: ws or wss; the model is added to its query. api_key: "" where the server wants none."""

    url: str
    api_key: str = field(repr=False)

    def url_for(self, model: str) -> str:
        """Return where a session with this model is opened."""
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode({'model': model})}"

    @property
    def shown(self) -> str:
        """Return the URL without secrets. Raises: AgentUnreachable: it is no URL of a host."""
        return agent_url(self.url).shown

    @property
    def headers(self) -> dict[str, str]:
        """Return what authorises a session."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    async def try_session(self, model: str, *, timeout_s: float) -> None:
        """Open a session with this model and close it at once. Asks for no answer, which may cost money.

        Raises:
            AgentRefused: the server answers the handshake with an HTTP status, such as 401 for the key.
            AgentUnreachable: it is not there, says nothing in time, or has no such session; never with the key.
        """
        first = _FirstEvent()
        socket = AudioSocket(RealtimeClient(), first, log=log)
        try:
            async with asyncio.timeout(timeout_s):
                await socket.connect(self.url_for(model), headers=self.headers, timeout_s=timeout_s)
                refusal = await first.refusal
        except TimeoutError:
            refusal = f"it has opened no session within {timeout_s:g} s"
        except AgentRefused:
            raise
        except AgentUnreachable as error:
            refusal = error.why
        finally:
            await socket.close()
        if refusal:
            raise AgentUnreachable(self.shown, printable(refusal, secret=self.api_key))


class _FirstEvent:
    """Waits for what a server says first. refusal: why it opens no session; "" where it does. See AgentEvents."""

    def __init__(self) -> None:
        self.refusal: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def on_agent_ready(self) -> None:
        """Do nothing: the server speaks first."""

    def on_agent_audio(self, payload: bytes) -> None:
        """Do nothing: nobody listens."""

    def on_agent_message(self, message: AgentMessage) -> None:
        """Take the first event that tells whether there is a session."""
        match message:
            case SessionCreated():
                self._tell("")
            case ServerError(message=why):
                self._tell(f"the session was refused: {why}")

    def on_agent_closed(self, error: AgentError | None) -> None:
        """Take note that the server has ended the session before it began."""
        self._tell(str(error or "it has ended the session at once"))

    def _tell(self, refusal: str) -> None:
        if not self.refusal.done():
            self.refusal.set_result(refusal)
