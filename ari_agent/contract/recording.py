"""Whether a call is recorded, and what may be asked of a recording while the call goes on.

None of it is Retell's: there every call is recorded unless the agent's data_storage_setting says otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ari_agent.contract.parsing.model import INTEGRAL, ContractModel

Recording = Literal["off", "on", "agent_only"]
"""`on`: both sides. `agent_only`: the caller's channel is silent. `off`: nothing."""

BeepInterval = Annotated[int, Field(strict=True, ge=0, le=3600), INTEGRAL]
"""Seconds from one tone to the next that tells both sides that they are recorded; 0: there is none."""

LONGEST_CONSENT_S: Final = 30
"""How long a sentence may be that tells callers that they are recorded."""
_FILE_NAME: Final = re.compile(r"(?!.*(^|/)\.)[\w. -]+(/[\w. -]+)*\.wav", re.ASCII | re.IGNORECASE)


def _require_sentence(text: str) -> str:
    if not any(character.isalpha() for character in text):
        raise ValueError("must have words to be spoken")
    if "{{" in text:
        raise ValueError("must be the same in all calls, without variables such as {{name}}")
    return text


def _require_file_name(name: str) -> str:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(
            "must name a .wav file below the folder ARI_AGENT_SOUNDS_DIR, such as consent.wav or en/consent.wav"
        )
    return name


class RecordingConsent(ContractModel):
    """What callers hear once, before all else, where their call is recorded: a text that is spoken, or a sound file.

    text: the same for all calls. file: of WAV, below the folder of the setting ARI_AGENT_SOUNDS_DIR.
    """

    text: Annotated[str, Field(max_length=1000), AfterValidator(_require_sentence)] | None = None
    file: Annotated[str, Field(max_length=200), AfterValidator(_require_file_name)] | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.text is None) == (self.file is None):
            raise ValueError("must have either text or file")
        return self


@dataclass(frozen=True, slots=True)
class RecordingPlan:
    """What is recorded of one call, and how its caller is told so.

    beep_s: seconds from one tone to the next, 0 for none. consent: what is said before all else; None: nothing.
    """

    sides: Recording = "off"
    beep_s: int = 0
    consent: RecordingConsent | None = None


NOT_RECORDED: Final = RecordingPlan()
PAUSE: Final = "pause"
"""The action of a RecordingRequest that has silence recorded; the other one ends that."""
NOTHING_TO_PAUSE: Final = "the call is not recorded; set `recording` of its agent or number to on or agent_only"
"""What is answered to a RecordingRequest that changes nothing."""


class RecordingRequest(BaseModel):
    """Record silence from now on (`pause`), as while a caller says the number of a card, or end that (`resume`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["pause", "resume"]
