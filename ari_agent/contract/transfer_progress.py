"""What an agent is told of a transfer on its way, and what it may say to it. Pure.

Success and failure are told by a TransferOutcome; these come before it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TransferProgress(_Message):
    """Tells an agent what a transfer has come to.

    status: `dialling` and `ringing` while the target is called, `answered` once it has picked up, `private_handoff`
    when the target is to be told what the call is about, `public_handoff` when caller and target are to hear the
    handover.
    hears: who hears the agent from now on.
    message: what is said, word for word. prompt: what the agent is to speak about. Neither stands with a status at
    which nothing is to be said.
    spoken_by: who says it: the agent itself, or the text to speech that is set up, which the agent does not hear.
    """

    status: Literal["dialling", "ringing", "answered", "private_handoff", "public_handoff"]
    hears: Literal["nobody", "caller", "target", "both"]
    message: str | None = None
    prompt: str | None = None
    spoken_by: Literal["agent", "text_to_speech"] | None = None


class TransferDecision(_Message):
    """What an agent decides about a warm transfer: `bridge` ends its present phase, `cancel` brings the caller back."""

    action: Literal["bridge", "cancel"]
