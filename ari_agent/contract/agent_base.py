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

    agent_name: AgentName | None = None
    version_title: str | None = None
    version_description: str | None = None
    language: Locale | Annotated[Many[Locale], Field(min_length=1)] = "en-US"
    timezone: TimeZone | None = "America/Los_Angeles"

    webhook_url: WebhookUrl | None = None
    webhook_timeout_ms: Annotated[int, Field(strict=True, ge=1, le=600_000), INTEGRAL] = 10_000

    data_storage_retention_days: Annotated[int, Field(strict=True, ge=1, le=730), INTEGRAL] | None = None
    opt_in_signed_url: Flag = False
    signed_url_expiration_ms: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1), INTEGRAL] | None = 86_400_000
    pii_config: PiiConfig | None = None
    guardrail_config: GuardrailConfig | None = None
    handbook_config: HandbookConfig | None = None
    contact_memory_config: ContactMemoryConfig | None = None
    pre_session_tools: Many[SessionTool] | None = None
    post_session_tools: Many[SessionTool] | None = None
    dial_policy: DialPolicy | None = None

    @property
    def pii_categories(self) -> frozenset[PiiCategory] | None:
        """The personal data that is removed from what was said; None where the agent names none."""
        return frozenset(self.pii_config.categories) or None if self.pii_config else None


class AgentIdentity(ContractModel):
    """The keys of an agent that the API sets itself: its id, its version and when it was last modified."""

    agent_id: Identifier
    version: AgentVersionNumber = 0
    base_version: AgentVersionNumber | None = None
    is_published: Flag = False
    assigned_tags: Strings | None = None
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
