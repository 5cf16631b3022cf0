"""Makes the agents with a model of all conversations, by the kind of their engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ari_agent.agents.llm_connection import LlmEvent
from ari_agent.agents.text_agent import TextAgent
from ari_agent.contract.response_engine import ConversationFlowEngine, RetellLlmEngine
from ari_agent.prompt_agents.chat_model import ChatModel
from ari_agent.prompt_agents.conversation import Conversation
from ari_agent.prompt_agents.custom_function import CustomFunctions
from ari_agent.prompt_agents.flow_agent import FindFlow, FlowAgent
from ari_agent.prompt_agents.model_answers import ModelAccess
from ari_agent.prompt_agents.prompt_agent import FindLlm, PromptAgent


@dataclass(frozen=True, slots=True)
class PromptAgents:
    """What the agents with a model share. find, find_flow: return a stored prompt or flow, by its id and version."""

    model: ChatModel
    functions: CustomFunctions
    find: FindLlm
    find_flow: FindFlow

    def agent(
        self,
        engine: RetellLlmEngine | ConversationFlowEngine,
        conversation: Conversation,
        on_event: Callable[[LlmEvent], None],
    ) -> TextAgent:
        """Make the agent of one conversation. on_event: called with what it says and does, and with its end."""
        access = ModelAccess(self.model, self.functions)
        if isinstance(engine, ConversationFlowEngine):
            return FlowAgent(access, self.find_flow, engine, conversation, on_event)
        return PromptAgent(access, self.find, engine, conversation, on_event)
