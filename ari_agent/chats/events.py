"""The events of a chat, beside what its agent says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ari_agent.asterisk.messages import MessageDestination
from ari_agent.contract.chat import ChatItem

Answer = asyncio.Future[tuple[ChatItem, ...]]
"""A future that gets what the agent wrote and did, or ChatNotOngoing if the chat ended before."""


@dataclass(frozen=True, slots=True)
class UserWrote:
    """The user has written.

    answer_to: where answers go; None in a chat over the API, which has `answered` instead.
    """

    text: str
    answer_to: MessageDestination | None = None
    answered: Answer | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The agent is to write first. answered: in a chat over the API, where somebody waits for it."""

    answered: Answer | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """The chat is resumed after a restart: an agent that still owes an answer is asked again."""


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The API has asked to end the chat."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Another controller leads the chat from now on."""


@dataclass(frozen=True, slots=True)
class FellSilent:
    """Nobody has written for as long as the agent waits, so the chat is to end."""
