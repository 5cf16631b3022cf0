"""Whether a call is recorded, and what may be asked of a recording while the call goes on.

None of it is Retell's: there every call is recorded unless the agent's data_storage_setting says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from ari_agent.contract.parsing.model import INTEGRAL

Recording = Literal["off", "on", "agent_only"]
"""`on`: both sides. `agent_only`: the caller's channel is silent. `off`: nothing."""

BeepInterval = Annotated[int, Field(strict=True, ge=0, le=3600), INTEGRAL]
"""Seconds from one tone to the next that tells both sides that they are recorded; 0: there is none."""


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What is recorded of one call, and how often a tone says so. beep_s: seconds from one to the next, 0 for none."""

    sides: Recording = "off"
    beep_s: int = 0


NOT_RECORDED: Final = RecordingPlan()
PAUSE: Final = "pause"
"""The action of a RecordingRequest that has silence recorded; the other one ends that."""
NOTHING_TO_PAUSE: Final = "the call is not recorded; set `recording` of its agent or number to on or agent_only"
"""What is answered to a RecordingRequest that changes nothing."""


class RecordingRequest(BaseModel):
    """Record silence from now on (`pause`), as while a caller says the number of a card, or end that (`resume`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["pause", "resume"]
