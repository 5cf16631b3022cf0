"""The body of a webhook that waits, without what the record of its call or chat holds no longer. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from ari_agent.contract.call_list import ARTEFACT_URLS, TRANSCRIPTS
from ari_agent.contract.chat_list import MESSAGES
from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.storage_setting import FOUND, STRUCTURED

_CONTENT: Final = TRANSCRIPTS | MESSAGES | ARTEFACT_URLS | {*STRUCTURED, *FOUND}
"""The keys of calls and chats that a data_storage_setting is about."""
_SUBJECTS: Final = ("call", "chat")
_GOES_ON: Final = frozenset({"registered", "ongoing"})
_HANDOFFS: Final = frozenset({"privateHandoffOption", "publicHandoffOption"})
"""The keys of a transfer's options that hold what the agent has said to the target, or wanted it to be told."""


def no_more_than(body: bytes, known: Mapping[str, Any]) -> bytes | None:
    """Return the body of a webhook with the content that the record holds now; None where that changes nothing.

    known: the record as JSON. What the body does not tell is not added.
    """
    told = json.loads(body)
    wanted = {
        key: _as_known(value, known) if key in _SUBJECTS and isinstance(value, dict) else value
        for key, value in told.items()
    }
    for key in TRANSCRIPTS.intersection(told):  # some events tell a transcript beside the call as well
        wanted[key] = known.get(key, [])
    if known.get("call_status") not in _GOES_ON and isinstance(options := told.get("transfer_option"), dict):
        wanted["transfer_option"] = {key: value for key, value in options.items() if key not in _HANDOFFS}
    return None if wanted == told else compact_json(wanted)


def _as_known(subject: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        key: known[key] if key in _CONTENT else value
        for key, value in subject.items()
        if key not in _CONTENT or key in known
    }
