"""What the console needs from the rest of the product: plain interfaces, so that it can be run without an Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol

from aiohttp import web

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.concurrency_slots import Slots
from ari_agent.clock import now_ms
from ari_agent.console.live_feed import LiveFeed
from ari_agent.console.login_session import LoginSession, LoginSigner
from ari_agent.console.pages import Pages
from ari_agent.console.sending import READ_WITHIN_S
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import HangupRequest
from ari_agent.store.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LiveCall(Protocol):
    """A call in progress."""

    @property
    def call_id(self) -> str:
        """The id of the call, `call_...`."""

    @property
    def state(self) -> object:
        """The state of the call, a member of an enumeration; its `value` is shown."""


class LiveCalls(Protocol):
    """The calls in progress, and control of them."""

    def live(self) -> Sequence[LiveCall]:
        """Return the calls that have not ended."""

    def record(self, call_id: str) -> Call | None:
        """Return the call object of a live call as it is in memory; None if the call is not live."""

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        """Ask for the end of a call. Raises UnknownCall for one that is not live."""


class PhoneLine(Protocol):
    """The way of one page's SIP messages to Asterisk and back."""

    async def send(self, message: str) -> None:
        """Send a SIP message of the page. Raises ConnectionError where the line has closed."""

    def messages(self) -> AsyncIterator[str]:
        """Yield the SIP messages of Asterisk until it closes the line."""


class Phone(Protocol):
    """The account with which pages of the console call and are called."""

    @property
    def account(self) -> str:
        """The account's name, which is the user of its SIP address."""

    def line(self) -> AbstractAsyncContextManager[PhoneLine]:
        """Open a line for a page. Raises AsteriskError where Asterisk does not take it."""


@dataclass(frozen=True, slots=True)
class ConsoleDependencies:
    """What `build_console` needs from the rest of the product.

    api_key: logs in whoever may change things; read_only_key: whoever may only look; "" where there is none.
    is_https: browsers reach the console by https, so that the cookie is never sent otherwise. probes: what is asked
    about the health of each part, by its name: None when all is well, else what is missing in a few words.
    artefacts: recordings and logs of calls. now_ms: milliseconds since 1970. read_within_s: how long a browser may
    leave a piece of a long answer unread. phone: the telephone of the page Phone; None where there is none.
    """

    store: Store
    calls: LiveCalls
    api_key: str = field(repr=False)
    read_only_key: str = field(default="", repr=False)
    is_https: bool = False
    probes: Mapping[str, Callable[[], Awaitable[str | None]]] = field(default_factory=dict)
    slots: Slots | None = None
    artefacts: Artefacts | None = None
    phone: Phone | None = None
    now_ms: Callable[[], int] = now_ms
    read_within_s: float = READ_WITHIN_S


DEPENDENCIES: Final = web.AppKey("console_dependencies", ConsoleDependencies)
SIGNER: Final = web.AppKey("login_signer", LoginSigner)
PAGES: Final = web.AppKey("pages", Pages)
NOW_FEED: Final = web.AppKey("now_feed", LiveFeed)
SESSION: Final = web.RequestKey("login_session", LoginSession)
"""Where a request has the login that it came with."""
