"""Reads from Asterisk's metrics which of its registrations stand: ARI does not tell of them. Pure.

    asterisk_pjsip_outbound_registration_status{eid="02:..",username="sip:me@carrier",domain="sip:carrier",...} 1

username is the client_uri of a registration, domain its server_uri. Source: Asterisk 22, res_prometheus, whose help
text says `0=Unregistered; 1=Registered; 2=Rejected`. A registration that never had an answer is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from ari_agent.contract.trunk_status import RegistrationState

_LINE: Final = re.compile(r"asterisk_pjsip_outbound_registration_status\{(?P<labels>[^}\n]*)\} (?P<value>[0-2])")
_LABEL: Final = re.compile(r'(\w+)="([^"]*)"')
_STATES: Final[Mapping[str, RegistrationState]] = {"0": "trying", "1": "registered", "2": "rejected"}


def registration_states(metrics: str) -> Mapping[tuple[str, str], RegistrationState]:
    """Return the state of every registration that the metrics tell of, by its server_uri and client_uri."""
    found: dict[tuple[str, str], RegistrationState] = {}
    for line in _LINE.finditer(metrics):
        labels = dict(_LABEL.findall(line["labels"]))
        found[labels.get("domain", ""), labels.get("username", "")] = _STATES[line["value"]]
    return found
