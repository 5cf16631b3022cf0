"""How a number's trunk is, as Asterisk knows it: an extension of ours, with the words of SIP."""

from __future__ import annotations

from typing import Literal

from ari_agent.contract.parsing.e164 import DialledNumber
from ari_agent.contract.parsing.model import ContractModel, Many, Timestamp

Reachability = Literal["reachable", "unreachable", "unknown"]
"""Whether something answers OPTIONS, with whatever status; unknown where no OPTIONS are sent."""
RegistrationState = Literal["registered", "rejected", "trying", "unknown", "none"]
"""Whether we are registered; `rejected` also where the registrar does not answer, `none` where we are not to be."""


class TrunkDestinationStatus(ContractModel):
    """One of a trunk's destinations. uri: where its calls go. endpoint: its name in Asterisk."""

    uri: str
    endpoint: str
    state: Reachability


class TrunkStatus(ContractModel):
    """How the trunk of a number is.

    state: reachable where one of its destinations is, unreachable where none is. last_error: what does not work and
    what to do, for people; null where nothing is known to be wrong. checked_at: when Asterisk was asked.
    """

    phone_number: DialledNumber
    state: Reachability
    registration: RegistrationState
    destinations: Many[TrunkDestinationStatus]
    last_error: str | None = None
    checked_at: Timestamp
