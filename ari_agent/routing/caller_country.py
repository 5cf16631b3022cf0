"""From which countries a number takes calls and text messages: its `allowed_inbound_country_list`. Pure."""

from __future__ import annotations

from ari_agent.contract.parsing.e164 import country_of, country_of_caller
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.q850 import CALL_REJECTED
from ari_agent.routing.inbound_decision import Refuse


def refused_country(caller: str, number: PhoneNumber) -> Refuse | None:
    """Turn away whoever calls or writes from a country that is not on the number's list; None lets them in.

    Where there is a list, callers from an unknown country and those who withhold their number are turned away.
    """
    allowed = number.allowed_inbound_country_list
    if not allowed:
        return None
    country = country_of_caller(caller, home=country_of(number.phone_number))
    if country in allowed:
        return None
    whence = country or "an unknown country"
    return Refuse(CALL_REJECTED, f"calls and texts from {whence} are not allowed, only from {', '.join(allowed)}")
