"""What is said of a request that an agent's versions cannot fulfil, and its HTTP status."""

from __future__ import annotations

import pytest

from ari_agent.contract.agent_version_errors import (
    AgentVersionError,
    StaleDraft,
    VersionFrozen,
    VersionInUse,
    VersionUnknown,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (VersionUnknown("agent_1", 3), "agent agent_1 has no version 3; GET /list-agent-versions/agent_1 lists them"),
        (VersionFrozen("agent_1", 3), "version 3 of agent agent_1 is published and never changes; name a draft"),
        (VersionInUse("agent_1", 0), "version 0 is the only one of agent agent_1: delete the agent instead"),
        (StaleDraft("agent_1", 2, 3), "version 2 of agent agent_1 is stale: update version 3, the latest"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_says_what_happened_and_what_would_be_right(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AgentVersionError, 400),
        (StaleDraft, 412),
        (VersionUnknown, 404),
        (VersionFrozen, 400),
        (VersionInUse, 400),
    ],
)
def test_a_request_that_cannot_be_fulfilled_has_its_http_status(error: type[AgentVersionError], status: int) -> None:
    assert error.http_status == status
