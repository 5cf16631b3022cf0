"""Versions of an agent: drafts, what is published, and tags that stand for one of them (Retell, Agent, 2026-08)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.paging import Page
from ari_agent.contract.parsing.model import AgentVersionNumber, ContractModel, Flag, Many, Timestamp

TAG_PATTERN = r"^[a-z0-9_-]{1,20}$"
Tag = Annotated[str, Field(pattern=TAG_PATTERN)]
_Text = Annotated[str, Field(max_length=10_000)]


class VersionCreate(ContractModel):
    """Body of POST /create-agent-version. base_version: the version that the new draft is a copy of."""

    base_version: AgentVersionNumber


class VersionPublish(ContractModel):
    """Body of POST /publish-agent-version, which publishes one version."""

    version: AgentVersionNumber
    version_title: _Text | None = None
    version_description: _Text | None = None


class LatestPublish(ContractModel):
    """Body of POST /publish-agent, which may be empty. version: which one to publish; the latest if left out."""

    version: AgentVersionNumber | None = None
    version_title: _Text | None = None
    version_description: _Text | None = None


class TagAssign(ContractModel):
    """Body of POST /assign-agent-tag. version: what the tag stands for from now on; null removes the tag."""

    tag: Tag
    version: AgentVersionNumber | None


class VersionSummary(ContractModel):
    """A version of an agent as an item of a list."""

    version: AgentVersionNumber
    is_published: Flag
    last_modification_timestamp: Timestamp
    base_version: AgentVersionNumber | None = None
    version_title: str | None = None
    version_description: str | None = None

    @classmethod
    def of(cls, agent: AnyAgent) -> VersionSummary:
        """Make the list item of the version that `agent` is."""
        return cls(
            version=agent.version,
            is_published=agent.is_published,
            last_modification_timestamp=agent.last_modification_timestamp,
            base_version=agent.base_version,
            version_title=agent.version_title,
            version_description=agent.version_description,
        )


class VersionPage(Page):
    """Answer of GET /list-agent-versions."""

    items: Many[VersionSummary]
