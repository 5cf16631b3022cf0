"""`agent_override`: settings for one call only (webhooks, register-phone-call, create-phone-call, batch tasks).

Every value is checked as at the creation of an agent, whoever would use it; one wrong value makes the whole override
wrong, and with it the webhook's answer or the request. What it changes in a call:

    applied here          agent: response_engine, end_call_after_silence_ms, max_call_duration_ms, ring_duration_ms,
                          allow_user_dtmf, voicemail_option, webhook_url, webhook_events, webhook_timeout_ms, timezone,
                          agent_name, data_storage_setting, opt_in_signed_url, signed_url_expiration_ms, recording,
                          recording_beep_s, recording_consent
    of a text agent       voice, speech recognition and turns
    of a prompt's agent   retell_llm: begin_message, start_speaker, begin_after_user_silence_ms, model,
                          model_temperature, model_config, backup_model
    of a flow's agent     conversation_flow: the same, with model_choice for model
    checked, no effect    agent: dial_policy, which nobody widens for one call; those of an audio agent, which brings
                          its own; analysis

Nothing of it is handed to the agent's server: what a webhook wants an agent to know are dynamic variables and metadata.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ari_agent.contract.agent import Agent, AgentUpdate
from ari_agent.contract.parsing.model import ContractModel, Count, Flag, Identifier, JsonObject, Strings
from ari_agent.contract.response_engine import PromptEngine

Temperature = Annotated[float, Field(strict=True, ge=0, le=1)]


class KnowledgeBaseConfig(ContractModel):
    """Retrieval from knowledge bases: at most `top_k` chunks, of a similarity of at least `filter_score` (0 to 1)."""

    top_k: Annotated[int, Field(strict=True, ge=1, le=10)] | None = None
    filter_score: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None


class _ModelOverride(ContractModel):
    knowledge_base_ids: Strings | None = None
    kb_config: KnowledgeBaseConfig | None = None
    start_speaker: Literal["user", "agent"] | None = None
    begin_after_user_silence_ms: Count | None = None
    begin_message: str | None = None
    llm_model_config: JsonObject | None = Field(default=None, alias="model_config")
    backup_model: JsonObject | None = None
    tool_call_strict_mode: Flag | None = None
    model_temperature: Temperature | None = None


class RetellLlmOverride(_ModelOverride):
    """Overrides of a retell-llm engine's settings. A begin_message of "" makes the user speak first."""

    model: Identifier | None = None
    s2s_model: Identifier | None = None
    model_high_priority: Flag | None = None
    model_ultrafast: Flag | None = None


class ConversationFlowOverride(_ModelOverride):
    """Overrides of a conversation-flow engine's settings."""

    model_choice: JsonObject | None = None


class AgentOverride(ContractModel):
    """Settings that replace those of the saved agent for one call or chat; what a part leaves out stays as saved."""

    agent: AgentUpdate | None = None
    retell_llm: RetellLlmOverride | None = None
    conversation_flow: ConversationFlowOverride | None = None

    def apply(self, agent: Agent) -> Agent:
        """Return the agent as it is for this call; its last_modification_timestamp and dial_policy stay.

        Raises:
            pydantic.ValidationError: with the override, the settings contradict one another.
        """
        overridden = agent
        if self.agent is not None:
            overridden = self.agent.apply(agent, now_ms=agent.last_modification_timestamp)
            overridden = overridden.model_copy(update={"dial_policy": agent.dial_policy})
        engine = overridden.response_engine
        parts = {"retell-llm": self.retell_llm, "conversation-flow": self.conversation_flow}
        if not isinstance(engine, PromptEngine) or (changes := parts[engine.type]) is None:
            return overridden
        changed = engine.model_copy(update={"override": changes.changes()})
        return overridden.model_copy(update={"response_engine": changed})
