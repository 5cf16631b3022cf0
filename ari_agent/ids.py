"""Ids of what the controller makes: random, so that nobody guesses one and no two controllers make the same."""

from __future__ import annotations

import secrets


def new_call_id() -> str:
    """Make `call_` and 32 random hexadecimal digits: whoever knows the id of a call may open its audio websocket."""
    return f"call_{secrets.token_hex(16)}"


def new_batch_id() -> str:
    """Make `batch_call_` and 32 random hexadecimal digits."""
    return f"batch_call_{secrets.token_hex(16)}"


def new_chat_id() -> str:
    """Make `chat_` and 32 random hexadecimal digits."""
    return f"chat_{secrets.token_hex(16)}"


def new_message_id() -> str:
    """Make `message_` and 24 random hexadecimal digits."""
    return f"message_{secrets.token_hex(12)}"
