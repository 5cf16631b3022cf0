"""The messages of all protocols between the product and agents, in both directions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ari_agent.agents.schema import llm_messages, twilio_messages, web_messages
from ari_agent.agents.schema.message_model import MessageTable

TABLES: Final[Mapping[str, MessageTable]] = {
    "twilio-from-agent": twilio_messages.FROM_AGENT,
    "twilio-to-agent": twilio_messages.TO_AGENT,
    "web-from-agent": web_messages.FROM_AGENT,
    "web-to-agent": web_messages.TO_AGENT,
    "llm-from-agent": llm_messages.FROM_AGENT,
    "llm-to-agent": llm_messages.TO_AGENT,
}
"""The messages of each protocol and direction, by the name of their file without `.json`."""
