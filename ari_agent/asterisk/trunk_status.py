"""Says how a trunk is, from what Asterisk told of its endpoints and registrations, and what is to be done. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ari_agent.asterisk.trunk_destinations import Destination, destinations
from ari_agent.asterisk.trunk_objects import registration_uris
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.contract.trunk_status import Reachability, RegistrationState, TrunkDestinationStatus, TrunkStatus

_STATES: Final[Mapping[str, Reachability]] = {"online": "reachable", "offline": "unreachable"}
_REGISTRATION_FAULTS: Final[Mapping[RegistrationState, str]] = {
    "rejected": (
        "the registrar refuses the registration, or does not answer: Asterisk's log says which (look for "
        "res_pjsip_outbound_registration); check the trunk's user name and password"
    ),
    "trying": "not registered: the registrar has not answered yet",
    "unknown": (
        "Asterisk does not tell whether it is registered: load res_prometheus.so, and copy prometheus.conf from "
        "asterisk-conf/ with the ARI user's name and password in it"
    ),
}


@dataclass(frozen=True, slots=True)
class TrunkFacts:
    """What Asterisk told. fault: why it told nothing, None where it did.

    endpoints: the state of each endpoint by its name, `online`, `offline` or `unknown`. registrations: their states by
    server_uri and client_uri; None where Asterisk does not tell of them. unsettled: the numbers whose trunk is so new
    that no answer to OPTIONS is due yet; Asterisk calls such an endpoint offline.
    """

    endpoints: Mapping[str, str]
    registrations: Mapping[tuple[str, str], RegistrationState] | None
    fault: str | None = None
    unsettled: frozenset[str] = frozenset()


def trunk_status(
    app: str, phone_number: str, config: TrunkConfig | None, facts: TrunkFacts, *, now_ms: int
) -> TrunkStatus | None:
    """Return how a number's trunk is; None where it has none. now_ms: when Asterisk was asked."""
    if config is None or not (ways := destinations(app, phone_number, config)):
        return None
    is_asked = bool(config.qualify_frequency_s) and phone_number not in facts.unsettled
    # To Asterisk every endpoint is online whose contact it does not ask.
    states: Sequence[Reachability] = [
        _STATES.get(facts.endpoints.get(way.endpoint, ""), "unknown") if is_asked else "unknown" for way in ways
    ]
    registration = _registration(phone_number, config, facts)
    return TrunkStatus(
        phone_number=phone_number,
        state=_best(states),
        registration=registration,
        destinations=tuple(
            TrunkDestinationStatus(uri=way.uri, endpoint=way.endpoint, state=state)
            for way, state in zip(ways, states, strict=True)
        ),
        last_error=facts.fault or _fault(ways, states, registration, facts),
        checked_at=now_ms,
    )


def _best(states: Sequence[Reachability]) -> Reachability:
    order: Sequence[Reachability] = ("reachable", "unknown", "unreachable")
    return min(states, key=order.index)


def _registration(phone_number: str, config: TrunkConfig, facts: TrunkFacts) -> RegistrationState:
    uris = registration_uris(phone_number, config)
    if uris is None:
        return "none"
    return "unknown" if facts.registrations is None else facts.registrations.get(uris, "trying")


def _fault(
    ways: Sequence[Destination], states: Sequence[Reachability], registration: RegistrationState, facts: TrunkFacts
) -> str | None:
    if ways[0].endpoint not in facts.endpoints:
        return (
            "Asterisk has no such trunk: it is made when the controller connects; sorcery.conf must map trunks to "
            "memory, as the shipped one does"
        )
    silent = [way.uri for way, state in zip(ways, states, strict=True) if state == "unreachable"]
    faults = [f"no answer to OPTIONS from {', '.join(silent)}"] if silent else []
    if fault := _REGISTRATION_FAULTS.get(registration):
        faults.append(fault)
    return "; ".join(faults) or None
