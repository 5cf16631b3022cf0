"""What is said of a trunk, by what Asterisk told."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.asterisk.trunk_status import TrunkFacts, trunk_status
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.contract.trunk_settings import TrunkRegistration
from ari_agent.contract.trunk_status import TrunkStatus

APP, NUMBER, NAME = "ari_agent", "+14155550100", "ari_agent-trunk-14155550100"
CONFIG = TrunkConfig(
    termination_uri="a.example.com",
    termination_uris=("b.example.com",),
    transport="UDP",
    auth_username="bob",
    qualify_frequency_s=60,
    registration=TrunkRegistration(),
)
URIS = ("sip:a.example.com", "sip:bob@a.example.com")
ONLINE = {NAME: "online", f"{NAME}-2": "online"}


def status_of(config: TrunkConfig = CONFIG, **facts: Any) -> TrunkStatus:
    told = TrunkFacts(**{"endpoints": ONLINE, "registrations": {URIS: "registered"}, **facts})
    status = trunk_status(APP, NUMBER, config, told, now_ms=1_000)
    assert status is not None
    return status


def test_a_trunk_that_works_has_no_error() -> None:
    status = status_of()
    assert (status.state, status.registration, status.last_error) == ("reachable", "registered", None)
    assert [(way.uri, way.endpoint, way.state) for way in status.destinations] == [
        ("sip:a.example.com", NAME, "reachable"),
        ("sip:b.example.com", f"{NAME}-2", "reachable"),
    ]
    assert status.checked_at == 1_000


@pytest.mark.parametrize(
    ("endpoints", "state", "error"),
    [
        ({NAME: "offline", f"{NAME}-2": "online"}, "reachable", "no answer to OPTIONS from sip:a.example.com"),
        ({NAME: "offline", f"{NAME}-2": "unknown"}, "unknown", "no answer to OPTIONS from sip:a.example.com"),
        (
            {NAME: "offline", f"{NAME}-2": "offline"},
            "unreachable",
            "no answer to OPTIONS from sip:a.example.com, sip:b.example.com",
        ),
        ({}, "unknown", "Asterisk has no such trunk"),
    ],
)
def test_a_trunk_is_reachable_where_one_of_its_destinations_is(
    endpoints: dict[str, str], state: str, error: str
) -> None:
    status = status_of(endpoints=endpoints)
    assert status.state == state
    assert (status.last_error or "").startswith(error)


@pytest.mark.parametrize(
    ("registrations", "state", "error"),
    [
        ({URIS: "rejected"}, "rejected", "the registrar refuses"),
        ({URIS: "trying"}, "trying", "not registered"),
        ({}, "trying", "not registered"),
        (None, "unknown", "load res_prometheus.so"),
    ],
)
def test_a_registration_that_does_not_stand_is_an_error(
    registrations: dict[tuple[str, str], str] | None, state: str, error: str
) -> None:
    status = status_of(registrations=registrations)
    assert status.registration == state
    assert error in (status.last_error or "")


def test_a_trunk_that_asks_nobody_knows_nothing() -> None:
    silent = CONFIG.model_copy(update={"registration": None, "qualify_frequency_s": 0})
    status = status_of(silent, registrations=None)
    assert (status.state, status.registration, status.last_error) == ("unknown", "none", None)


def test_a_trunk_that_is_new_is_not_yet_known_to_be_away() -> None:
    status = status_of(endpoints={NAME: "offline", f"{NAME}-2": "offline"}, unsettled=frozenset({NUMBER}))
    assert (status.state, status.last_error) == ("unknown", None)


def test_an_asterisk_out_of_reach_is_the_error() -> None:
    status = status_of(endpoints={}, registrations=None, fault="Asterisk is unreachable")
    assert (status.state, status.registration, status.last_error) == ("unknown", "unknown", "Asterisk is unreachable")


def test_a_number_without_a_trunk_has_no_state() -> None:
    assert trunk_status(APP, NUMBER, None, TrunkFacts({}, {}), now_ms=0) is None
