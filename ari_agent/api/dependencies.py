"""What the API needs from the rest of the product: plain interfaces, so that it can be run without an Asterisk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from aiohttp import web

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.web.web_acceptor import WebAcceptor
from ari_agent.clock import now_ms
from ari_agent.contract.batch_call import BatchCall, BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import DtmfRequest, HangupRequest, TransferOutcome, TransferRequest
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.chat import Chat, ChatCompletionCreate, ChatCreate, ChatItem, ChatUpdate, SmsChatCreate
from ari_agent.contract.phone_call import PhoneCallCreate
from ari_agent.store.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LiveCall(Protocol):
    """A call in progress, as far as its metrics go."""

    @property
    def call_id(self) -> str:
        """`call_...`."""

    @property
    def direction(self) -> str:
        """`inbound` or `outbound`."""

    @property
    def state(self) -> object:
        """An enumeration member; its `value` becomes a label."""


class Switchboard(Protocol):
    """Control of the live calls. Every method raises UnknownCall for a call that does not live here."""

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        """Ask for the end of a call."""

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        """Transfer a call and wait for the outcome. CallNotOngoing if it ended meanwhile."""

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        """Play digits to the caller. CallNotOngoing if it is not answered."""

    async def update_call(self, call_id: str, update: LiveCallUpdate) -> None:
        """Change the record, tell the agent. CallNotOngoing if there is none; ValueError says what cannot be."""

    def live(self) -> Sequence[LiveCall]:
        """The calls that have not ended."""

    def record(self, call_id: str) -> Call | None:
        """The call object of a live call as it is in memory, stored or not."""


class Batches(Protocol):
    """Takes batches of calls."""

    async def create(self, request: BatchCallCreate) -> BatchCall:
        """Take a batch, or raise a CallError."""


class Originator(Protocol):
    """Places calls."""

    async def place(self, request: PhoneCallCreate) -> Call:
        """Place a call, or raise a CallError, or AsteriskUnreachable; returns its record."""


class ChatService(Protocol):
    """Leads chats. Raises UnknownAsset, ChatNotStarted and ChatNotOngoing, which are CallErrors."""

    async def create_sms_chat(self, request: SmsChatCreate) -> Chat:
        """Begin one in text messages; AsteriskUnreachable if there is nobody to send with."""

    async def create(self, request: ChatCreate) -> Chat:
        """Begin one over the API."""

    async def complete(self, request: ChatCompletionCreate) -> Sequence[ChatItem]:
        """The agent's answer to a text over the API."""

    async def end(self, chat_id: str) -> None:
        """End one; it has ended when this returns."""

    async def update(self, chat_id: str, update: ChatUpdate) -> Chat:
        """Change the record of one."""

    async def delete(self, chat_id: str) -> None:
        """Delete the record of one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value. name: without the `ari_agent_` prefix; a counter's ends in `_total`."""

    name: str
    help: str
    value: float
    kind: Literal["counter", "gauge"] = "gauge"
    labels: Mapping[str, str] = field(default_factory=dict)


MetricsSource = Callable[[], Iterable[Sample] | Awaitable[Iterable[Sample]]]
"""Asked once a scrape; nothing is counted for it anywhere else."""

Probe = Callable[[], Awaitable[str | None]]
"""None when all is well, else what is missing, in a few words that an administrator understands."""


async def _nothing_depends_on(phone_number: str) -> None:
    """Numbers of an API without a PBX."""


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """What `build_api` builds on.

    api_key: the bearer key that every request must carry. probes: by the name of what they probe.
    transfer_timeout_s: how long POST /v2/transfer-call waits for an outcome; longer than any call rings.
    now_ms: milliseconds since the epoch. outbound, batches: place calls. registrar: registers
    calls; audio_websockets: begins them. number_changed: called after a phone number was made,
    changed or deleted, before that is answered. slots: the pool that GET /get-concurrency tells of.
    """

    store: Store
    switchboard: Switchboard
    api_key: str = field(repr=False)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    metrics: Sequence[MetricsSource] = ()
    transfer_timeout_s: float = 330.0
    now_ms: Callable[[], int] = now_ms
    outbound: Originator | None = None
    batches: Batches | None = None
    registrar: Registrar | None = None
    audio_websockets: WebAcceptor | None = None
    chats: ChatService | None = None
    number_changed: Callable[[str], Awaitable[None]] = _nothing_depends_on
    slots: Slots | None = None


DEPENDENCIES: Final = web.AppKey("dependencies", ApiDependencies)
