"""Chat agents: create, get, update, delete and list (Retell, Chat Agent, 2026-08).

Versions, tags and /v2/list-agents are those of all agents.
"""

from __future__ import annotations

from typing import Final

from ari_agent.api.agent_resource import AgentResource
from ari_agent.contract.chat_agent import ChatAgent, ChatAgentCreate, ChatAgentUpdate

CHAT_AGENTS: Final = AgentResource("chat agent", ChatAgent, ChatAgentCreate, ChatAgentUpdate)

ROUTES: Final = CHAT_AGENTS.routes()
"""/create-chat-agent, /get-chat-agent, /update-chat-agent, /delete-chat-agent and /list-chat-agents."""
