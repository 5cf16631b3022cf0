"""How a caller is transferred to somebody whom we dial: what the caller hears, and what is said to whom before.

Source: Retell, "Transfer call tool" (2026-08): the keys of its `transfer_option`, under their names. Pure.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from ari_agent.contract.parsing.model import INTEGRAL, AgentVersionReference, ContractModel, Identifier

DEFAULT_DETECTION_TIMEOUT_MS: Final = 30_000
"""How long a human may take to be heard before a warm transfer fails, where the request says nothing."""
DEFAULT_TRANSFER_AGENT_TIMEOUT_MS: Final = 30_000
"""How long the second agent of an agentic warm transfer may take to decide, where the request says nothing."""

HoldMusic = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]
"""What the caller hears meanwhile: `ringtone`, `none`, `relaxing_sound`, `uplifting_beats`, or a music class's name."""
ExtensionDigits = Annotated[str, Field(pattern=r"^[0-9*#wW]{1,64}$")]
"""DTMF digits sent once the target has answered; `w` pauses for half a second, `W` for a second."""
RingDuration = Annotated[int, Field(strict=True, ge=5_000, le=90_000), INTEGRAL]
"""How long the target may ring, in milliseconds."""
DetectionTimeout = Annotated[int, Field(strict=True, ge=1_000, le=120_000), INTEGRAL]


class HandoffPrompt(ContractModel):
    """Have the agent say something of its own, as this prompt tells it."""

    type: Literal["prompt"]
    prompt: Annotated[str, Field(min_length=1, max_length=10_000)]


class HandoffMessage(ContractModel):
    """Say exactly this; it may hold `{{dynamic_variables}}`."""

    type: Literal["static_message"]
    message: Annotated[str, Field(min_length=1, max_length=2_000)]


Handoff = Annotated[HandoffPrompt | HandoffMessage, Field(discriminator="type")]
"""What is said before the two are left alone."""


class TransferAgent(ContractModel):
    """The second agent, which talks with the target of an agentic warm transfer."""

    agent_id: Identifier
    agent_version: AgentVersionReference | None = None


class AgenticTransferConfig(ContractModel):
    """Who talks with the target of an agentic warm transfer, and what happens if that takes too long.

    transfer_timeout_ms: from the target's answer to the second agent's decision.
    """

    transfer_agent: TransferAgent
    transfer_timeout_ms: DetectionTimeout = DEFAULT_TRANSFER_AGENT_TIMEOUT_MS
    action_on_timeout: Literal["cancel_transfer", "bridge_transfer"] = "cancel_transfer"
