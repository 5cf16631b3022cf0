"""What happens in a chat, beside what its agent says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ari_agent.asterisk.messages import MessageDestination
from ari_agent.contract.chat import ChatItem

Answer = asyncio.Future[tuple[ChatItem, ...]]
"""Gets what the agent wrote and did; ChatNotOngoing if the chat ended before."""


@dataclass(frozen=True, slots=True)
class UserWrote:
    """answer_to: where answers to it go; None in a chat over the API, which has `answered` instead."""

    text: str
    answer_to: MessageDestination | None = None
    answered: Answer | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The agent is to write first."""

    answered: Answer | None = None


@dataclass(frozen=True, slots=True)
class TakenUp:
    """An earlier run of this process left somebody waiting: the agent is asked again."""


@dataclass(frozen=True, slots=True)
class EndAsked:
    """The API ends the chat."""


@dataclass(frozen=True, slots=True)
class FellSilent:
    """Nobody wrote for as long as the agent waits."""
