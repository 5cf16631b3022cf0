"""What agents find on this controller: who listens and speaks for them, and which models answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ari_agent.contract.agent import Agent
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.conversation_flow import ConversationFlow
from ari_agent.contract.response_engine import AudioWebsocketEngine, CustomLlmEngine, PromptEngine
from ari_agent.contract.retell_llm import RetellLlm
from ari_agent.errors import UnservedAgent
from ari_agent.routing.agent_choice import AUDIO_AGENTS, Serves, engine_for_call
from ari_agent.speech.voice_name import VoiceRefused
from ari_agent.speech.voices import Voices


@dataclass(frozen=True, slots=True)
class Fact:
    """Something about an agent that depends on where it runs. is_problem: its calls or chats suffer from it."""

    name: str
    text: str
    is_problem: bool = False


@dataclass(frozen=True, slots=True)
class Installation:
    """What is set up here for agents.

    serves: the kinds of agents that can take calls. listens, speaks: the providers of speech; "" where there are none.
    voices: those of who speaks. llm_model: answers for prompts that name no model; "" where no model is set up.
    speaking_model: there is a server of models that hear and speak. webhook_url: for agents without their own; "".
    """

    serves: Serves = AUDIO_AGENTS
    listens: str = ""
    speaks: str = ""
    voices: Voices = field(default_factory=Voices)
    llm_model: str = ""
    speaking_model: bool = False
    webhook_url: str = ""

    def unserved(self, agent: AnyAgent) -> str:
        """Return why an agent takes no calls here, with what would be right; "" where it takes them."""
        if not isinstance(agent, Agent):
            return f"{agent.agent_id} is a chat agent: it answers texts, and takes no calls"
        try:
            engine_for_call(agent, serves=self.serves)
        except UnservedAgent as error:
            return str(error)
        return ""

    def facts(self, agent: AnyAgent, engine: RetellLlm | ConversationFlow | None) -> Sequence[Fact]:
        """Return what an agent's settings come to here. engine: its prompt or flow; None where it has none."""
        return tuple(self._facts(agent, engine))

    def _facts(self, agent: AnyAgent, engine: RetellLlm | ConversationFlow | None) -> Iterator[Fact]:
        answers = agent.response_engine
        if isinstance(agent, Agent) and (why := self.unserved(agent)):
            yield Fact("Calls", why, is_problem=True)
        if isinstance(answers, AudioWebsocketEngine):
            audio = f"{answers.audio_encoding} at {answers.sample_rate} Hz"
            yield Fact(
                "Hears and speaks", f"by itself, {audio}, with messages as {answers.audio_websocket_protocol} has them"
            )
        elif isinstance(engine, RetellLlm) and engine.s2s_model and self.speaking_model and isinstance(agent, Agent):
            yield Fact("Hears and speaks", f"by its model {engine.s2s_model}; voice_id is for that model's server")
        elif isinstance(agent, Agent):
            yield from self._speech(agent)
        if isinstance(answers, PromptEngine):
            yield self._model(answers, engine)
        if isinstance(answers, CustomLlmEngine):
            yield Fact("Answers", "by its own server, in text")
        if agent.webhook_url is None:
            yield Fact("Webhooks", f"to the account's URL, {self.webhook_url}" if self.webhook_url else "are not sent")

    def _speech(self, agent: Agent) -> Iterator[Fact]:
        yield (
            Fact("Hears", f"by {self.listens}") if self.listens else Fact("Hears", "nobody is set up", is_problem=True)
        )
        if not self.speaks:
            yield Fact("Speaks", "nobody is set up", is_problem=True)
            return
        first = agent.voice_id
        for voice_id in (first, *(agent.fallback_voice_ids or ()), self.voices.fallback):
            if voice_id is None:
                continue
            try:
                name = self.voices.name_of(voice_id)
            except VoiceRefused as refused:
                why = str(refused)
                continue
            instead = "" if voice_id == first else f", in place of {first}, which is not {self.speaks}'s"
            yield Fact("Speaks", f"by {self.speaks}, with its voice {name or voice_id}{instead}")
            return
        yield Fact("Speaks", why if first else "no voice is set", is_problem=True)

    def _model(self, answers: PromptEngine, engine: RetellLlm | ConversationFlow | None) -> Fact:
        if engine is None:
            version = "" if answers.version is None else f" in version {answers.version}"
            return Fact("Answers", f"{answers.engine_id}{version} is not there", is_problem=True)
        if isinstance(engine, RetellLlm) and engine.s2s_model and not self.speaking_model:
            return self._written(engine.model, f"; its s2s_model {engine.s2s_model} needs ARI_AGENT_REALTIME_API_KEY")
        if isinstance(engine, RetellLlm) and engine.s2s_model:
            return Fact("Answers", f"by {engine.s2s_model}, in calls")
        return self._written(engine.model, "")

    def _written(self, model: str | None, more: str) -> Fact:
        if not self.llm_model:
            return Fact("Answers", f"no model is set up: set ARI_AGENT_LLM_MODEL{more}", is_problem=True)
        by = model or f"{self.llm_model}, as ARI_AGENT_LLM_MODEL says"
        return Fact("Answers", f"by {by}{more}", is_problem=bool(more))
