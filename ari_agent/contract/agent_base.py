"""What agents for calls and chat agents have in common (Retell, Create Agent and Create Chat Agent, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from ari_agent.contract.agent_options import (
    ContactMemoryConfig,
    GuardrailConfig,
    HandbookConfig,
    PiiCategory,
    PiiConfig,
    SessionTool,
)
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.parsing.language import Locale, TimeZone
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    AgentVersionNumber,
    ContractModel,
    Flag,
    Identifier,
    Many,
    Strings,
    Timestamp,
    without_defaults,
)
from ari_agent.contract.parsing.url import WebhookUrl
from ari_agent.contract.response_engine import ResponseEngine

AgentName = Annotated[str, Field(max_length=1000)]


class CommonSettings(ContractModel):
    """The settings that agents for calls and chat agents have in common, with defaults; times in milliseconds."""

    agent_name: AgentName | None = Field(
        default=None, description="What people call the agent; callers do not hear it."
    )
    version_title: str | None = Field(default=None, description="What people call this version.")
    version_description: str | None = Field(default=None, description="What is new in this version, for people.")
    language: Locale | Annotated[Many[Locale], Field(min_length=1)] = Field(
        default="en-US", description="The language that is heard and spoken, or several; multi: any."
    )
    timezone: TimeZone | None = Field(
        default="America/Los_Angeles",
        description="The time zone of the times that the agent is told; null: America/Los_Angeles.",
    )

    webhook_url: WebhookUrl | None = Field(
        default=None,
        description="Where the events of its calls or chats are sent; null: as ARI_AGENT_WEBHOOK_URL says.",
    )
    webhook_timeout_ms: Annotated[int, Field(strict=True, ge=1, le=600_000), INTEGRAL] = Field(
        default=10_000, description="How long one delivery of a webhook may take."
    )

    data_storage_retention_days: Annotated[int, Field(strict=True, ge=1, le=730), INTEGRAL] | None = Field(
        default=None,
        description="Days after which its calls and chats are deleted; null: as ARI_AGENT_RECORD_RETENTION_DAYS says.",
    )
    opt_in_signed_url: Flag = Field(default=False, description="Links to recordings and logs expire.")
    signed_url_expiration_ms: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), INTEGRAL] | None = Field(
        default=86_400_000, description="How long such links are good; null: as ARI_AGENT_LINK_LIFETIME_S says."
    )
    pii_config: PiiConfig | None = Field(default=None, description="Which personal data is removed from what is kept.")
    guardrail_config: GuardrailConfig | None = Field(
        default=None, description="Topics that the agent is to keep out of."
    )
    handbook_config: HandbookConfig | None = Field(
        default=None, description="Habits of the agent, such as repeating what it has understood."
    )
    contact_memory_config: ContactMemoryConfig | None = Field(
        default=None, description="What is remembered of a caller from one call to the next."
    )
    pre_session_tools: Many[SessionTool] | None = Field(
        default=None, description="Tools that run before a conversation."
    )
    post_session_tools: Many[SessionTool] | None = Field(
        default=None, description="Tools that run after a conversation."
    )
    dial_policy: DialPolicy | None = Field(
        default=None, description="Whom the agent may dial, within what ARI_AGENT_DIAL_POLICY allows."
    )

    @property
    def pii_categories(self) -> frozenset[PiiCategory] | None:
        """The personal data that is removed from what was said; None where the agent names none."""
        return frozenset(self.pii_config.categories) or None if self.pii_config else None


class AgentIdentity(ContractModel):
    """The keys of an agent that the API sets itself: its id, its version and when it was last modified."""

    agent_id: Identifier = Field(description="The id of the agent.")
    version: AgentVersionNumber = Field(default=0, description="The number of the version, from 0.")
    base_version: AgentVersionNumber | None = Field(default=None, description="The version that it began as.")
    is_published: Flag = Field(default=False, description="A published version never changes.")
    assigned_tags: Strings | None = Field(default=None, description="Names that stand for this version.")
    last_modification_timestamp: Timestamp


class EngineUpdate(ContractModel):
    """Base class of updates of an agent: response_engine may be left out or replaced, but not be null."""

    model_config = ConfigDict(json_schema_extra=without_defaults)

    response_engine: ResponseEngine | None = None

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        if self.response_engine is None and "response_engine" in self.model_fields_set:
            raise ValueError("response_engine must be an object, not null")
        return self
