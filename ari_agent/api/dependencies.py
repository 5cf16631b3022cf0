"""What the API needs from the rest of the product: plain interfaces, so that it can be run without an Asterisk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from aiohttp import web
from prometheus_client.core import Metric

from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.registrar import Registrar
from ari_agent.calls.web.web_acceptor import WebAcceptor
from ari_agent.clock import now_ms
from ari_agent.contract.agent import AgentSettings
from ari_agent.contract.batch_call import BatchCall, BatchCallCreate
from ari_agent.contract.call import Call
from ari_agent.contract.call_control import (
    TRANSFER_TIMEOUT_S,
    DtmfRequest,
    HangupRequest,
    TransferOutcome,
    TransferRequest,
)
from ari_agent.contract.call_update import LiveCallUpdate
from ari_agent.contract.chat import Chat, ChatCompletionCreate, ChatCreate, ChatItem, ChatUpdate, SmsChatCreate
from ari_agent.contract.node import NodeDrain, NodeInfo
from ari_agent.contract.phone_call import PhoneCallCreate
from ari_agent.contract.recording import RecordingConsent
from ari_agent.contract.trunk_status import TrunkStatus
from ari_agent.pii.personal_data import FindMore
from ari_agent.store.store import Store

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LiveCall(Protocol):
    """A call in progress, with what its metrics need."""

    @property
    def call_id(self) -> str:
        """The id of the call, `call_...`."""

    @property
    def direction(self) -> str:
        """Who called: `inbound` or `outbound`."""

    @property
    def state(self) -> object:
        """The state of the call, a member of an enumeration; its `value` becomes a label."""


class Switchboard(Protocol):
    """Control of the live calls. Every method raises UnknownCall for a call that does not live here."""

    async def stop_call(self, call_id: str, request: HangupRequest) -> None:
        """Ask for the end of a call, with the Q.850 cause of the request."""

    async def transfer_call(self, call_id: str, request: TransferRequest) -> TransferOutcome:
        """Transfer a call and return the outcome. Raises CallNotOngoing if the call ended meanwhile."""

    async def send_dtmf(self, call_id: str, request: DtmfRequest) -> None:
        """Play digits to the caller. Raises CallNotOngoing if the call is not answered."""

    async def update_call(self, call_id: str, update: LiveCallUpdate) -> None:
        """Change the record of a call and tell its agent.

        Raises:
            CallNotOngoing: there is no agent to tell.
            ValueError: the change is not allowed; the text says why.
        """

    def pause_recording(self, call_id: str, paused: bool) -> None:
        """Record silence of a call, or end that. Raises CallNotRecorded if nothing of it is recorded."""

    def live(self) -> Sequence[LiveCall]:
        """Return the calls that have not ended."""

    def has_call(self, call_id: str) -> bool:
        """Return whether a call that has not ended has this id."""

    def record(self, call_id: str) -> Call | None:
        """Return the call object of a live call as it is in memory, stored or not; None if the call is not live."""


class OtherNodes(Protocol):
    """Asks the other controllers on this database about the calls that they have in hand."""

    async def holder(self, call_id: str) -> int | None:
        """Return the node_id of another node that has a call in hand; None where no other has it."""

    async def ask(self, request: web.Request, call_id: str, node_id: int, *, within_s: float) -> web.Response:
        """Return what that node answers to a request, within so many seconds, or why it does not."""


class Batches(Protocol):
    """Takes batches of outbound calls, to be placed when they are due."""

    async def create(self, request: BatchCallCreate) -> BatchCall:
        """Take a batch and return it. Raises a CallError that says what is wrong with it."""


class Originator(Protocol):
    """Places single outbound calls at once."""

    async def place(self, request: PhoneCallCreate) -> Call:
        """Place a call and return its record. Raises a CallError that says what is wrong, or AsteriskUnreachable."""


class Trunks(Protocol):
    """Knows how the trunks of numbers are. now_ms: the time, in milliseconds since 1970."""

    async def status(self, phone_number: str, *, now_ms: int) -> TrunkStatus | None:
        """Return how the trunk of a number is; None where there is no such number, or it has no trunk."""

    async def statuses(self, *, now_ms: int) -> Sequence[TrunkStatus]:
        """Return how all trunks are, in the order of their numbers."""


class ChatService(Protocol):
    """Begins, continues and ends chats. Raises the CallErrors UnknownAsset, ChatNotStarted and ChatNotOngoing."""

    async def create_sms_chat(self, request: SmsChatCreate) -> Chat:
        """Begin a chat in text messages. Raises AsteriskUnreachable if no Asterisk can send them."""

    async def create(self, request: ChatCreate) -> Chat:
        """Begin a chat over the API."""

    async def complete(self, request: ChatCompletionCreate) -> Sequence[ChatItem]:
        """Return what the agent writes and does after a text of the user over the API."""

    async def end(self, chat_id: str) -> None:
        """End a chat; it has ended when this returns."""

    async def update(self, chat_id: str, update: ChatUpdate) -> Chat:
        """Change the record of a chat and return it."""

    async def delete(self, chat_id: str) -> None:
        """Delete the record of a chat."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One measured value.

    name: without the prefix `ari_agent_`; the name of a counter ends in `_total`.
    """

    name: str
    help: str
    value: float
    kind: Literal["counter", "gauge"] = "gauge"
    labels: Mapping[str, str] = field(default_factory=dict)


Measured = Sample | Metric
"""One value, or a family of them, such as a histogram, under its full name."""

MetricsSource = Callable[[], Iterable[Measured] | Awaitable[Iterable[Measured]]]
"""Asked once a scrape; nothing is counted for it anywhere else."""

Probe = Callable[[], Awaitable[str | None]]
"""None when all is well, else what is missing, in a few words that an administrator understands."""


async def _nothing_depends_on(_phone_number: str) -> str | None:
    """Do nothing: an API without a PBX has nobody to tell of a changed number."""
    return None


def _no_voice_is_refused(_agent: AgentSettings) -> None:
    """Refuse nothing: without text to speech any voice may be stored."""


async def _no_consent_is_refused(_consent: RecordingConsent) -> None:
    """Refuse nothing, because no call is made here."""


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """What `build_api` needs from the rest of the product.

    api_key: the bearer key that every request must carry. probes: by the name of what they probe.
    transfer_timeout_s: how long POST /v2/transfer-call waits for an outcome; longer than any call rings.
    now_ms: milliseconds since the epoch. outbound, batches: place calls. registrar: registers calls; audio_websockets:
    begins them. trunks: knows how they are. number_changed: called after a phone number was made, changed or deleted,
    before that is answered; returns what does not work with it now, or None. has_prompts: agents with a prompt are
    served. has_realtime: those whose model hears and speaks itself are. check_voice: raises UnknownVoice or
    UnknownPronunciation for a text agent that cannot speak here; consent_refusal: returns why no call could have this
    sentence about recording, or None. slots: the pool that GET /get-concurrency tells of. nodes:
    returns the controllers on this database. other_nodes: None where there can be no other. drain: asks
    this controller to end with its last call; None: it ends with the program that it is a part of. artefacts:
    recordings and logs of calls. rerun_call_analysis, rerun_chat_analysis: analyse one that is over again and return
    it; None: it stays as it is. find_more: finds personal data that is not recognised by rules; it may take seconds.
    """

    store: Store
    switchboard: Switchboard
    api_key: str = field(repr=False)
    probes: Mapping[str, Probe] = field(default_factory=dict)
    metrics: Sequence[MetricsSource] = ()
    transfer_timeout_s: float = TRANSFER_TIMEOUT_S
    now_ms: Callable[[], int] = now_ms
    outbound: Originator | None = None
    batches: Batches | None = None
    registrar: Registrar | None = None
    audio_websockets: WebAcceptor | None = None
    chats: ChatService | None = None
    trunks: Trunks | None = None
    number_changed: Callable[[str], Awaitable[str | None]] = _nothing_depends_on
    check_voice: Callable[[AgentSettings], None] = _no_voice_is_refused
    has_prompts: bool = False
    has_realtime: bool = False
    consent_refusal: Callable[[RecordingConsent], Awaitable[str | None]] = _no_consent_is_refused
    slots: SlotPool | None = None
    nodes: Callable[[], Sequence[NodeInfo]] = tuple
    other_nodes: OtherNodes | None = None
    drain: Callable[[], NodeDrain] | None = None
    rerun_call_analysis: Callable[[str], Awaitable[Call]] | None = None
    rerun_chat_analysis: Callable[[str], Awaitable[Chat]] | None = None
    artefacts: Artefacts | None = None
    find_more: FindMore | None = None


DEPENDENCIES: Final = web.AppKey("dependencies", ApiDependencies)
