"""One call's side of a speaking model, without Asterisk: the leg, its server, and a caller's side of ears alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from ari_agent.agents.realtime import RealtimeAudio
from ari_agent.calls.media.agent_leg import CallerOutput
from ari_agent.calls.media.call_media import AgentReady, MediaEvent, MediaSpec, TranscriptTold
from ari_agent.calls.realtime.realtime_agents import RealtimeAgents
from ari_agent.calls.realtime.realtime_leg import RealtimeAgentLeg
from ari_agent.contract.agent import Agent
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.contract.retell_llm import LlmCreate, RetellLlm
from ari_agent.http_client import http_client
from ari_agent.prompt_agents.custom_function import CustomFunctions
from tests.fakes.llm_server import until
from tests.fakes.realtime_server import RealtimeServer, Session

NOW_MS = 1_700_000_000_000
KEY = "sk-secret-of-the-realtime-server"
ENGINE = RetellLlmEngine(type="retell-llm", llm_id="llm_1")


class Ears(CallerOutput):
    """Takes what the caller is to hear; marks wait until the test returns them."""

    def __init__(self) -> None:
        self.played = bytearray()
        self.marks = list[tuple[str, int]]()
        self.clears = 0

    def play(self, payload: bytes) -> None:
        self.played += payload

    def mark(self, name: str) -> bool:
        self.marks.append((name, len(self.played)))
        return True

    def clear(self) -> Sequence[str]:
        self.clears += 1
        return [name for name, _ in self.marks]

    def tell(self, event: str, message: bytes) -> None:
        """No screen."""

    def pause_recording(self, paused: bool) -> bool:
        return False

    def agent_is_away(self, away: bool) -> None:
        raise AssertionError

    @property
    def shows_updates(self) -> bool:
        return False


class SpokenCall:
    """events: what the leg has told its call. ears: what its caller was to hear. session: of the server, once there."""

    def __init__(self, server: RealtimeServer) -> None:
        self.server, self.events, self.ears = server, list[MediaEvent](), Ears()
        self.leg: RealtimeAgentLeg
        self.session: Session

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def told(self, kind: type[Any], count: int = 1) -> Any:
        await until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    def hears(self, size_bytes: int | None = None) -> None:
        """Let the caller hear so much of what was played; None: all of it."""
        due = [name for name, end in self.ears.marks if size_bytes is None or end <= size_bytes]
        self.ears.marks = self.ears.marks[len(due) :]
        self.leg.marks_played(due)

    @property
    def said(self) -> list[tuple[str, str]]:
        """Who said what, as the record would have it."""
        told: TranscriptTold = self.of(TranscriptTold)[-1]
        return [(utterance.role, utterance.content) for utterance in told.update.transcript]

    @property
    def items(self) -> list[Mapping[str, Any]]:
        told: TranscriptTold = self.of(TranscriptTold)[-1]
        return [item.as_json() for item in told.items or ()]


def prompt(**settings: Any) -> RetellLlm:
    given = {"s2s_model": "gpt-realtime", "general_prompt": "Help {{customer}}.", **settings}
    return RetellLlm.made(LlmCreate.model_validate(given), "llm_1", now_ms=NOW_MS)


@asynccontextmanager
async def spoken_call(
    server: RealtimeServer,
    *,
    url: str | None = None,
    audio: RealtimeAudio = "pcmu",
    answer_s: float = 20.0,
    connect_timeout_s: float = 20.0,
    agent: Mapping[str, Any] | None = None,
    waits: bool = True,
    tells_messages: bool = False,
    **settings: Any,
) -> AsyncIterator[SpokenCall]:
    """A call whose caller is connected. waits: until the session is set up. settings: of the prompt."""
    about = {"response_engine": ENGINE.model_dump(), "voice_id": "openai-Marin", **(agent or {})}
    made = Agent.model_validate({**about, "agent_id": "agent_1", "version": 0, "last_modification_timestamp": NOW_MS})

    async def find(_id: str, _version: int | None) -> RetellLlm | None:
        return None

    async with http_client() as http:
        functions = CustomFunctions(http, "key", lambda: NOW_MS)
        shared = RealtimeAgents(
            url or server.url,
            KEY,
            functions,
            find,
            audio=audio,
            transcription_model="gpt-transcribe",
            answer_s=answer_s,
        )
        call = SpokenCall(server)
        spec = MediaSpec(
            call_id="call_1",
            from_number="+14155550100",
            to_number="+14155550101",
            direction="inbound",
            engine=ENGINE,
            dynamic_variables={},
            metadata=None,
            end_call_after_silence_ms=600_000,
            allow_user_dtmf=True,
            connect_timeout_s=connect_timeout_s,
            agent=made,
            variables={"customer": "Ann"},
            realtime=prompt(**settings),
            tells_messages=tells_messages,
        )
        call.leg = RealtimeAgentLeg(shared, spec, call.ears, call.events.append)
        try:
            call.leg.dial()
            call.leg.start()
            if waits:
                call.session = await server.session()
                await call.told(AgentReady)
            yield call
        finally:
            await call.leg.close()
