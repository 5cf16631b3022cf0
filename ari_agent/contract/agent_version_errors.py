"""The errors of requests that an agent's versions cannot fulfil. Pure.

AgentVersionError               an AriAgentError; knows its HTTP status
├── StaleDraft                  412: an update of a version that is not the latest
├── VersionUnknown              404: the agent has no such version
├── VersionFrozen               a published version cannot be changed
└── VersionInUse                the only version of an agent cannot be deleted
"""

from __future__ import annotations

from typing import ClassVar

from ari_agent.errors import AriAgentError


class AgentVersionError(AriAgentError):
    """Base class of requests that an agent's versions cannot fulfil; the API answers `http_status`, 400 by default."""

    http_status: ClassVar[int] = 400


class StaleDraft(AgentVersionError):
    """Raised by an update of a version that is not the agent's latest, since somebody made another one: 412."""

    http_status = 412

    def __init__(self, agent_id: str, version: int, latest: int) -> None:
        super().__init__(f"version {version} of agent {agent_id} is stale: update version {latest}, the latest")
        self.agent_id, self.version, self.latest = agent_id, version, latest


class VersionUnknown(AgentVersionError):
    """Raised when the agent exists and the version does not: 404, as Retell's OpenAPI has it (2026-08)."""

    http_status = 404

    def __init__(self, agent_id: str, version: object) -> None:
        super().__init__(f"agent {agent_id} has no version {version}; GET /list-agent-versions/{agent_id} lists them")


class VersionFrozen(AgentVersionError):
    """Raised by a request to change a published version, which never changes: 400."""

    def __init__(self, agent_id: str, version: int) -> None:
        super().__init__(f"version {version} of agent {agent_id} is published and never changes; name a draft")


class VersionInUse(AgentVersionError):
    """Raised by a request to delete the only version of an agent: 400."""

    def __init__(self, agent_id: str, version: int) -> None:
        super().__init__(f"version {version} is the only one of agent {agent_id}: delete the agent instead")
