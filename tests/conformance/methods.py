"""Every method of Retell's clients that touches the phone side, and whether this server serves it.

The tests call each as this list says, and the table of docs/http-api.md is written from it:

    python -m tests.conformance.methods docs/http-api.md

writes it there, or prints it where no file is named.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.made_part import renewed, write


class Client(StrEnum):
    """A client, unmodified."""

    NEWEST_PYTHON = "retell-sdk 6.x (Python), strict"
    OLD_PYTHON = "retell-sdk 3.14.0 (Python)"
    NPM = "retell-sdk 5.66.1 (npm)"


NEEDS_WEBRTC: Final = "501: needs WebRTC"
NEWER_PATH: Final = "404: the list is at /v2"


@dataclass(frozen=True, slots=True)
class Method:
    """One method. sends: what it puts on the wire. refusal: why it is not served; None where it is."""

    name: str
    sends: str
    refusal: str | None = None


_NEWEST: Final = (
    Method("agent.create", "POST /create-agent"),
    Method("agent.retrieve", "GET /get-agent/{agent_id}"),
    Method("agent.update", "PATCH /update-agent/{agent_id}"),
    Method("agent.list", "POST /v2/list-agents"),
    Method("agent.create_version", "POST /create-agent-version/{agent_id}"),
    Method("agent.list_versions", "GET /list-agent-versions/{agent_id}"),
    Method("agent.publish", "POST /publish-agent-version/{agent_id}"),
    Method("agent.delete_version", "DELETE /delete-agent-version/{agent_id}"),
    Method("agent.repair", "POST /repair-agent/{agent_id}"),
    Method("agent.delete", "DELETE /delete-agent/{agent_id}"),
    Method("phone_number.import_", "POST /import-phone-number"),
    Method("phone_number.create", "POST /create-phone-number"),
    Method("phone_number.retrieve", "GET /get-phone-number/{phone_number}"),
    Method("phone_number.update", "PATCH /update-phone-number/{phone_number}"),
    Method("phone_number.list", "GET /v2/list-phone-numbers"),
    Method("phone_number.delete", "DELETE /delete-phone-number/{phone_number}"),
    Method("call.create_phone_call", "POST /v2/create-phone-call"),
    Method("call.register_phone_call", "POST /v2/register-phone-call"),
    Method("call.create_web_call", "POST /v3/create-web-call"),
    Method("call.retrieve", "GET /v2/get-call/{call_id}"),
    Method("call.list", "POST /v3/list-calls"),
    Method("call.update", "PATCH /v2/update-call/{call_id}"),
    Method("call.update_live", "PATCH /v2/update-live-call/{call_id}"),
    Method("call.listen_live", "POST /v2/listen-live-call/{call_id}", NEEDS_WEBRTC),
    Method("call.take_over_live", "POST /v2/take-over-live-call/{call_id}", NEEDS_WEBRTC),
    Method("call.stop", "POST /v2/stop-call/{call_id}"),
    Method("call.rerun_analysis", "PUT /rerun-call-analysis/{call_id}"),
    Method("call.delete", "DELETE /v2/delete-call/{call_id}"),
    Method("batch_call.create_batch_call", "POST /create-batch-call"),
    Method("concurrency.retrieve", "GET /get-concurrency"),
    Method("identity.retrieve", "GET /get-api-key-info"),
    Method("chat.create_sms_chat", "POST /create-sms-chat"),
    Method("chat.create", "POST /create-chat"),
    Method("chat.create_chat_completion", "POST /create-chat-completion"),
    Method("chat.retrieve", "GET /get-chat/{chat_id}"),
    Method("chat.update", "PATCH /update-chat/{chat_id}"),
    Method("chat.list", "POST /v3/list-chats"),
    Method("chat.end", "PATCH /end-chat/{chat_id}"),
    Method("chat.rerun_analysis", "PUT /rerun-chat-analysis/{chat_id}"),
    Method("chat.delete", "DELETE /delete-chat/{chat_id}"),
    Method("chat_agent.create", "POST /create-chat-agent"),
    Method("chat_agent.retrieve", "GET /get-chat-agent/{agent_id}"),
    Method("chat_agent.update", "PATCH /update-chat-agent/{agent_id}"),
    Method("chat_agent.list", "POST /v2/list-agents"),
    Method("chat_agent.create_version", "POST /create-agent-version/{agent_id}"),
    Method("chat_agent.publish", "POST /publish-agent-version/{agent_id}"),
    Method("chat_agent.delete_version", "DELETE /delete-agent-version/{agent_id}"),
    Method("chat_agent.delete", "DELETE /delete-chat-agent/{agent_id}"),
    Method("llm.create", "POST /create-retell-llm"),
    Method("llm.retrieve", "GET /get-retell-llm/{llm_id}"),
    Method("llm.update", "PATCH /update-retell-llm/{llm_id}"),
    Method("llm.list", "GET /v2/list-retell-llms"),
    Method("llm.delete", "DELETE /delete-retell-llm/{llm_id}"),
    Method("conversation_flow.create", "POST /create-conversation-flow"),
    Method("conversation_flow.retrieve", "GET /get-conversation-flow/{conversation_flow_id}"),
    Method("conversation_flow.update", "PATCH /update-conversation-flow/{conversation_flow_id}"),
    Method("conversation_flow.list", "GET /v2/list-conversation-flows"),
    Method("conversation_flow.delete", "DELETE /delete-conversation-flow/{conversation_flow_id}"),
)
_OLD: Final = (
    Method("agent.create", "POST /create-agent"),
    Method("agent.retrieve", "GET /get-agent/{agent_id}"),
    Method("agent.update", "PATCH /update-agent/{agent_id}"),
    Method("agent.list", "GET /list-agents"),
    Method("phone_number.create", "POST /create-phone-number"),
    Method("phone_number.retrieve", "GET /get-phone-number/{phone_number}"),
    Method("phone_number.update", "PATCH /update-phone-number/{phone_number}"),
    Method("phone_number.list", "GET /list-phone-numbers"),
    Method("phone_number.delete", "DELETE /delete-phone-number/{phone_number}"),
    Method("call.create", "POST /create-phone-call"),
    Method("call.register", "POST /register-call"),
    Method("call.retrieve", "GET /get-call/{call_id}"),
    Method("call.list", "GET /list-calls"),
    Method("agent.delete", "DELETE /delete-agent/{agent_id}"),
    Method("llm.create", "POST /create-retell-llm"),
    Method("llm.retrieve", "GET /get-retell-llm/{llm_id}"),
    Method("llm.update", "PATCH /update-retell-llm/{llm_id}"),
    Method("llm.list", "GET /list-retell-llms", NEWER_PATH),
    Method("llm.delete", "DELETE /delete-retell-llm/{llm_id}"),
)
_NPM_ONLY: Final = (
    Method("agent.get_versions", "GET /get-agent-versions/{agent_id}"),
    Method("chat_agent.get_versions", "GET /get-chat-agent-versions/{agent_id}"),
)
METHODS: Final = {Client.NEWEST_PYTHON: _NEWEST, Client.OLD_PYTHON: _OLD, Client.NPM: (*_NEWEST, *_NPM_ONLY)}

_EDITED: Final = ("create", "delete", "list", "retrieve", "update")
_PLATFORM: Final[Mapping[str, Sequence[str]]] = {
    "conversation_flow_component": _EDITED,
    "knowledge_base": ("add_sources", "create", "delete", "delete_source", "list", "retrieve"),
    "voice": ("add_resource", "clone", "list", "retrieve", "search"),
    "asset": ("create",),
    "contact": (
        "backfill_analysis_data",
        "create",
        "create_import",
        "delete",
        "get",
        "get_backfill_job_status",
        "get_by_phone",
        "get_import",
        "list",
        "list_conversations",
        "update",
        "upload_import_file",
    ),
    "app": ("create", "delete", "get", "list", "list_usages", "test_auth", "update"),
    "crm": ("get_config", "get_schema", "get_sync_job_status", "run_sync_job", "update_config"),
    "export_request": ("list",),
    "mcp_tool": ("get_mcp_tools",),
    "playground": ("completion",),
    "tests": (
        "create_batch_test",
        "create_test_case_definition",
        "delete_test_case_definition",
        "get_batch_test",
        "get_test_case_definition",
        "get_test_run",
        "list_batch_tests",
        "list_test_case_definitions",
        "list_test_runs",
        "update_test_case_definition",
    ),
}
BEYOND: Final[Mapping[Client, Mapping[str, Sequence[str]]]] = {
    Client.NEWEST_PYTHON: {**_PLATFORM, "app": tuple(sorted((*_PLATFORM["app"], "get_tool_schema")))},
    Client.OLD_PYTHON: {},
    Client.NPM: _PLATFORM,
}
"""The rest of the platform, none of which is served: its nouns and their methods."""


def all_of(client: Client) -> set[str]:
    """Every method that a client has."""
    beyond = {f"{noun}.{name}" for noun, names in BEYOND[client].items() for name in names}
    return beyond | {method.name for method in METHODS[client]}


BEGIN: Final = "<!-- made by python -m tests.conformance.methods docs/http-api.md -->"


def table() -> str:
    """As docs/http-api.md shows it."""
    sends: dict[str, dict[Client, str]] = {}
    names: dict[str, str] = {}
    for client, methods in METHODS.items():
        for method in methods:
            sends.setdefault(method.sends, {})[client] = method.refusal or "passes"
            names.setdefault(method.sends, method.name)
    lines = [
        f"| method | sends | {' | '.join(METHODS)} |",
        f"|---|---|{'---|' * len(METHODS)}",
    ]
    for line, verdicts in sends.items():
        cells = " | ".join(verdicts.get(client, "") for client in METHODS)
        lines.append(f"| `{names[line]}` | `{line}` | {cells} |")
    for noun, verbs in BEYOND[Client.NEWEST_PYTHON].items():
        cells = " | ".join("404" if noun in BEYOND[client] else "" for client in METHODS)
        lines.append(f"| `{noun}`: {', '.join(f'`{name}`' for name in verbs)} | | {cells} |")
    return "\n".join(lines)


def renew(text: str) -> str:
    """The text with the table of today in the place of its table."""
    return renewed(text, BEGIN, table())


if __name__ == "__main__":
    write(sys.argv[1:], BEGIN, table)
