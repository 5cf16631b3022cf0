"""A number's trunk as SIP objects: what their fields say."""

from __future__ import annotations

import pytest

from ari_agent.asterisk.trunk_objects import (
    DEFAULT_CODECS,
    Trunk,
    codecs,
    registered_user,
    registration_uris,
    trunk_encryption,
    trunks,
)
from ari_agent.contract.phone_number import Transport, TrunkConfig
from ari_agent.contract.trunk_settings import MediaEncryption, TrunkRegistration
from tests.asterisk.fake_asterisk import APP

NUMBER = "+14155550100"
NAME = f"{APP}-trunk-14155550100"


def only(config: TrunkConfig) -> Trunk:
    """The objects of a trunk that has one destination."""
    [made] = trunks(APP, NUMBER, config)
    return made


@pytest.mark.parametrize(
    ("uri", "transport", "contact"),
    [
        ("sip.example.com", "TCP", "sip:sip.example.com;transport=tcp"),
        ("sip.example.com", "UDP", "sip:sip.example.com"),
        ("sip:sip.example.com:5070", "UDP", "sip:sip.example.com:5070"),
        ("sip.example.com:5061", "TLS", "sip:sip.example.com:5061;transport=tls"),
        ("sip.example.com;transport=udp", "TCP", "sip:sip.example.com"),
        ("SIPS:sip.example.com", "TCP", "sip:sip.example.com;transport=tls"),
        ("sips:sip.example.com;transport=udp", "UDP", "sip:sip.example.com;transport=tls"),
        ("[2001:db8::1]:5060", "TCP", "sip:[2001:db8::1]:5060;transport=tcp"),
    ],
)
def test_the_contact_names_host_port_and_transport(uri: str, transport: str, contact: str) -> None:
    config = TrunkConfig.model_validate({"termination_uri": uri, "transport": transport})
    made = only(config)
    assert made.aor["contact"] == contact
    assert made.endpoint["media_encryption"] == ("sdes" if "tls" in contact else "no")
    assert made.endpoint["media_encryption_optimistic"] == "no"


@pytest.mark.parametrize(
    ("wanted", "fields"), [("require", ("sdes", "no")), ("allow", ("sdes", "yes")), ("disable", ("no", "no"))]
)
@pytest.mark.parametrize("transport", ["TLS", "UDP"])
def test_encryption_that_is_set_does_not_depend_on_the_transport(
    wanted: MediaEncryption, transport: Transport, fields: tuple[str, str]
) -> None:
    config = TrunkConfig(termination_uri="sip.example.com", transport=transport, media_encryption=wanted)
    made = only(config)
    assert (made.endpoint["media_encryption"], made.endpoint["media_encryption_optimistic"]) == fields
    assert trunk_encryption(config) == wanted


def test_a_number_without_a_trunk_encrypts_nothing() -> None:
    assert trunk_encryption(None) == "disable"


@pytest.mark.parametrize("user", [None, "bob"])
def test_a_trunk_without_a_password_has_no_auth(user: str | None) -> None:
    made = only(TrunkConfig(termination_uri="sip.example.com", auth_username=user))
    assert made.auth is None
    assert made.endpoint["from_user"] == NUMBER
    assert made.endpoint["outbound_auth"] == ""


def test_a_number_without_a_termination_uri_has_no_trunk() -> None:
    assert trunks(APP, NUMBER, TrunkConfig()) == ()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, DEFAULT_CODECS),
        ((), DEFAULT_CODECS),
        (("PCMA", "PCMU"), ("alaw", "ulaw")),
        (("G722", "g722", "EVS"), ("g722",)),
        (("EVS",), DEFAULT_CODECS),
    ],
)
def test_codecs_keep_their_order(names: tuple[str, ...] | None, expected: tuple[str, ...]) -> None:
    assert codecs(names) == expected


LOGIN = TrunkConfig(termination_uri="sip.example.com:5070", auth_username="acct 77", auth_password="sesame open")


def test_a_trunk_takes_no_calls_unless_it_is_told_from_where() -> None:
    made = only(LOGIN)
    assert (made.identify, made.registration) == (None, None)
    assert made.endpoint["context"] == f"{APP}-trunk-takes-no-calls"
    assert made.endpoint["identify_by"] == "ip"


def test_the_addresses_of_the_carrier_let_its_calls_in_and_nobody_elses() -> None:
    made = only(LOGIN.model_copy(update={"inbound_addresses": ("192.0.2.0/28", "198.51.100.7/32")}))
    assert [kind for kind, _ in made.objects()] == ["auth", "aor", "endpoint", "identify"]
    assert made.identify == {"endpoint": NAME, "match": "192.0.2.0/28,198.51.100.7/32"}
    assert made.endpoint["context"] == "from-trunk"
    assert made.endpoint["identify_by"] == "ip"
    assert made.endpoint["allow_transfer"] == "no"


@pytest.mark.parametrize(
    ("registration", "server_uri", "client_uri", "contact_user"),
    [
        ({}, "sip:sip.example.com:5070;transport=tcp", "sip:acct%2077@sip.example.com:5070", "acct%2077"),
        (
            {"registrar_uri": "reg.example.com;transport=udp", "contact_user": "+14155550100"},
            "sip:reg.example.com",
            "sip:acct%2077@reg.example.com",
            "+14155550100",
        ),
    ],
)
def test_a_registration_names_registrar_and_account(
    registration: dict[str, object], server_uri: str, client_uri: str, contact_user: str
) -> None:
    wanted = TrunkRegistration.model_validate(registration)
    made = only(LOGIN.model_copy(update={"registration": wanted}))
    assert made.registration is not None
    assert made.registration["server_uri"] == server_uri
    assert made.registration["client_uri"] == client_uri
    assert made.registration["contact_user"] == contact_user
    assert (made.registration["line"], made.registration["endpoint"]) == ("yes", NAME)
    assert made.endpoint["context"] == "from-trunk"


def test_without_a_login_the_number_is_registered() -> None:
    config = TrunkConfig(termination_uri="sip.example.com", registration=TrunkRegistration())
    assert registration_uris(NUMBER, config) == (
        "sip:sip.example.com;transport=tcp",
        f"sip:{NUMBER}@sip.example.com",
    )
    made = only(config)
    assert made.registration is not None
    assert made.registration["outbound_auth"] == ""
    assert registration_uris(NUMBER, LOGIN) is None
    assert registered_user(NUMBER, config) == NUMBER
    assert registered_user(NUMBER, LOGIN) is None
    assert registration_uris(NUMBER, TrunkConfig(registration=TrunkRegistration())) is None


def test_every_destination_has_the_login_and_the_codecs_of_the_trunk() -> None:
    more = {"termination_uris": ("sip:b.example.com;transport=tls", "sip.example.com:5070"), "qualify_frequency_s": 60}
    first, second = trunks(APP, NUMBER, LOGIN.model_copy(update=more))
    assert (first.id, second.id) == (NAME, f"{NAME}-2")
    assert second.aor == {"contact": "sip:b.example.com;transport=tls", "qualify_frequency": "60"}
    assert second.auth is None
    assert second.endpoint == {**first.endpoint, "aors": second.id}
