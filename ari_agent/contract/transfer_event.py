"""The keys that webhooks about transfers have beside `call`.

Source: Retell, "Retell webhooks overview" (2026-08): `transfer_destination` and `transfer_option` stand at top level,
beside `call`; the option is that of the transfer tool, with its keys in camel case.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.parsing.model import ContractModel


class TransferDestination(ContractModel):
    """Where a transfer goes. number: a number, an extension or a SIP URI, as it was requested."""

    number: str
    extension: str | None = None


class TransferOption(ContractModel):
    """How a caller is transferred: cold (by REFER, or by dialling and bridging) or warm."""

    type: Literal["cold_transfer", "warm_transfer", "agentic_warm_transfer"]
    cold_transfer_mode: Literal["sip_refer", "sip_invite"] | None = Field(default=None, alias="coldTransferMode")


class TransferFacts(ContractModel):
    """The top-level keys of transfer_started, transfer_bridged and transfer_cancelled."""

    transfer_destination: TransferDestination
    transfer_option: TransferOption

    @classmethod
    def of(cls, request: TransferRequest) -> TransferFacts:
        """The keys for a transfer as it was requested."""
        if request.mode == "agentic_warm":
            option = TransferOption(type="agentic_warm_transfer")
        elif request.mode == "warm":
            option = TransferOption(type="warm_transfer")
        else:
            option = TransferOption(type="cold_transfer", cold_transfer_mode=request.mode)
        return cls(transfer_destination=TransferDestination(number=request.to), transfer_option=option)
