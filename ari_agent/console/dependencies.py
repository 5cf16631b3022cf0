"""What the console needs from the rest of the product: plain interfaces, so that it can be run without an Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from aiohttp import web

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.call_monitoring import CallMonitoring
from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.clock import now_ms
from ari_agent.console.agents.installation import Installation
from ari_agent.console.check.check_runs import CheckRuns
from ari_agent.console.login.login_session import LoginSession, LoginSigner
from ari_agent.console.numbers.number_tools import NumberTools
from ari_agent.console.pages import Pages
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import (
    TRANSFER_TIMEOUT_S,
    DtmfRequest,
    HangupRequest,
    TransferOutcome,
    TransferRequest,
)
from ari_agent.contract.node import NodeInfo
from ari_agent.contract.registered_call import AudioFormat, WebCallCreate
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.slow_readers import READ_WITHIN_S
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

    @property
    def monitoring(self) -> CallMonitoring:
        """Lets people listen in on them, and tells levels."""

    def live(self) -> Sequence[LiveCall]:
        """Return the calls that have not ended."""

    def record(self, call_id: str) -> Call | None:
        """Return the call object of a live call as it is in memory; None if the call is not live."""

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        """Ask for the end of a call. Raises UnknownCall for one that is not live."""

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        """Transfer a call and return the outcome. Raises UnknownCall, or CallNotOngoing if it ended meanwhile."""

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        """Play digits to the caller. Raises UnknownCall, or CallNotOngoing if the call is not answered."""


class Trunks(Protocol):
    """Knows how the trunks of numbers are."""

    async def statuses(self, *, now_ms: int) -> Sequence[TrunkStatus]:
        """Return how all trunks are, in the order of their numbers. now_ms: milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class HealthSources:
    """Where the console learns how the product is.

    probes: what is asked about each part, by its name: None when all is well, else what is missing in a few words.
    about: which one each of these parts is, such as its version or its place. trunks: knows how they are. nodes:
    returns the controllers that serve calls now.
    """

    probes: Mapping[str, Callable[[], Awaitable[str | None]]] = field(default_factory=dict)
    about: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    trunks: Trunks | None = None
    nodes: Callable[[], Sequence[NodeInfo]] = tuple


class WebCalls(Protocol):
    """Registers calls without Asterisk, which begin when their audio websocket is opened."""

    async def create_web_call(self, request: WebCallCreate, audio: AudioFormat = ...) -> Call:
        """Register a call with this agent, whose audio travels like that. Raises as calls/registrar.py does."""


@dataclass(frozen=True, slots=True)
class SettingsRow:
    """A setting of the controller. name: of its variable. default: as people write it. here: what is set; "" if none.

    Neither default nor here holds a secret.
    """

    name: str
    meaning: str
    default: str
    here: str


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
    is_https: browsers reach the console by https, so that the cookie is never sent otherwise. logins_folder: where
    several processes tell each other which logins are over; None: there is one process. health: where it learns
    how the product is. artefacts: recordings and logs of calls. numbers: what the pages of numbers ask. checks: runs
    `ari-agent check`. web_calls: for talks with an agent. phone: the telephone of the page Phone. None: there are no
    such pages. installation: what agents find here. redaction: takes secrets out of what is shown of agents. settings:
    of the whole controller. now_ms: milliseconds since 1970. read_within_s: how long a browser may leave a piece of a
    long answer unread. transfer_timeout_s: how long a transfer is waited for.
    """

    store: Store
    calls: LiveCalls
    api_key: str = field(repr=False)
    read_only_key: str = field(default="", repr=False)
    is_https: bool = False
    logins_folder: Path | None = None
    health: HealthSources = field(default_factory=HealthSources)
    slots: SlotPool | None = None
    artefacts: Artefacts | None = None
    numbers: NumberTools | None = None
    checks: CheckRuns | None = None
    web_calls: WebCalls | None = None
    installation: Installation = field(default_factory=Installation)
    redaction: Redaction = field(default_factory=Redaction, repr=False)
    settings: Sequence[SettingsRow] = ()
    phone: Phone | None = None
    now_ms: Callable[[], int] = now_ms
    read_within_s: float = READ_WITHIN_S
    transfer_timeout_s: float = TRANSFER_TIMEOUT_S


DEPENDENCIES: Final = web.AppKey("console_dependencies", ConsoleDependencies)
SIGNER: Final = web.AppKey("login_signer", LoginSigner)
PAGES: Final = web.AppKey("pages", Pages)
SESSION: Final = web.RequestKey("login_session", LoginSession)
"""Where a request has the login that it came with."""
