"""Makes the agents with a model of all conversations, by the kind of their engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ari_agent.agents.llm_connection import LlmEvent
from ari_agent.agents.text_agent import TextAgent
from ari_agent.contract.response_engine import RetellLlmEngine
from ari_agent.prompt_agents.chat_model import ChatModel
from ari_agent.prompt_agents.conversation import Conversation
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.model_answers import ModelAccess
from ari_agent.prompt_agents.prompt_agent import FindLlm, PromptAgent


@dataclass(frozen=True, slots=True)
class PromptAgents:
    """What the prompt agents of all conversations share. find: returns a stored prompt, by its id and version."""

    model: ChatModel
    functions: CustomFunctions
    find: FindLlm

    def agent(
        self, engine: RetellLlmEngine, conversation: Conversation, on_event: Callable[[LlmEvent], None]
    ) -> TextAgent:
        """Make the agent of one conversation. on_event: called with what it says and does, and with its end."""
        return PromptAgent(ModelAccess(self.model, self.functions), self.find, engine, conversation, on_event)
