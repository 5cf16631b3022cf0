"""The keys that webhooks about transfers have beside `call`.

Source: Retell, "Retell webhooks overview" (2026-08): `transfer_destination` and `transfer_option` stand at top level,
beside `call`; the option is that of the transfer tool, with its keys in camel case.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.parsing.model import ContractModel
from ari_agent.contract.transfer_option import AgenticTransferConfig, Handoff

_TYPES: Final[Mapping[str, str]] = {"warm": "warm_transfer", "agentic_warm": "agentic_warm_transfer"}


class TransferDestination(ContractModel):
    """Where a transfer goes. number: a number, an extension or a SIP URI, as it was requested."""

    number: str
    extension: str | None = None


class HoldMusicOption(ContractModel):
    """What the caller hears meanwhile."""

    type: str


class TransferOption(ContractModel):
    """How a caller is transferred: cold (by REFER, or by dialling and bridging) or warm; None: not asked for."""

    model_config = ConfigDict(alias_generator=to_camel)

    type: Literal["cold_transfer", "warm_transfer", "agentic_warm_transfer"]
    cold_transfer_mode: Literal["sip_refer", "sip_invite"] | None = None
    show_transferee_as_caller: bool | None = None
    transfer_ring_duration_ms: int | None = None
    on_hold_music: HoldMusicOption | None = None
    agent_detection_timeout_ms: int | None = None
    opt_out_human_detection: bool | None = None
    private_handoff_option: Handoff | None = None
    public_handoff_option: Handoff | None = None
    enable_bridge_audio_cue: bool | None = None
    agentic_transfer_config: AgenticTransferConfig | None = None

    @classmethod
    def of(cls, request: TransferRequest) -> TransferOption:
        """The options that a request asks for."""
        asked: dict[str, Any] = {
            name: getattr(request, name) for name in request.model_fields_set & cls.model_fields.keys()
        }
        if "on_hold_music" in asked:
            asked["on_hold_music"] = HoldMusicOption(type=request.on_hold_music)
        kind = _TYPES.get(request.mode)
        how = {"type": kind} if kind else {"type": "cold_transfer", "cold_transfer_mode": request.mode}
        return cls.model_validate({**asked, **how})


class TransferFacts(ContractModel):
    """The top-level keys of transfer_started, transfer_bridged and transfer_cancelled."""

    transfer_destination: TransferDestination
    transfer_option: TransferOption

    @classmethod
    def of(cls, request: TransferRequest) -> TransferFacts:
        """The keys for a transfer as it was requested."""
        return cls(
            transfer_destination=TransferDestination(number=request.to, extension=request.extension),
            transfer_option=TransferOption.of(request),
        )
