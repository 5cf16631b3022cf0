"""A number's trunk as SIP objects: what they say, in which order they come and go, and that nothing leaks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.trunks import DEFAULT_CODECS, Trunks, codecs, trunk, trunk_encryption, trunk_id
from ari_agent.contract.phone_number import MediaEncryption, Transport, TrunkConfig
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted

NUMBER = "+14155550100"
NAME = f"{APP}-trunk-14155550100"
SECRET = "sesame open"
LOGIN = TrunkConfig(termination_uri="sip.example.com", auth_username="bob", auth_password=SECRET)


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    async with FakeAsterisk() as made:
        yield made


@pytest.fixture
async def trunks(asterisk: FakeAsterisk) -> AsyncIterator[Trunks]:
    ari = Ari(url=asterisk.url, username="ari", password=PASSWORD, app=APP)
    yield Trunks(ari, app=APP)
    await ari.close()


def objects(asterisk: FakeAsterisk, method: str) -> list[tuple[str, str]]:
    """Kind and name of what was put or deleted, in order."""
    paths = [noted.path.split("/") for noted in asterisk.requests if noted.method == method]
    return [(path[-2], path[-1]) for path in paths]


def put_fields(noted: Noted) -> dict[str, str]:
    return {field["attribute"]: field["value"] for field in noted.body["fields"]}


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
    made = trunk(APP, NUMBER, config)
    assert made is not None
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
    made = trunk(APP, NUMBER, config)
    assert made is not None
    assert (made.endpoint["media_encryption"], made.endpoint["media_encryption_optimistic"]) == fields
    assert trunk_encryption(config) == wanted


def test_a_number_without_a_trunk_encrypts_nothing() -> None:
    assert trunk_encryption(None) == "disable"


@pytest.mark.parametrize("user", [None, "bob"])
def test_a_trunk_without_a_password_has_no_auth(user: str | None) -> None:
    made = trunk(APP, NUMBER, TrunkConfig(termination_uri="sip.example.com", auth_username=user))
    assert made is not None
    assert made.auth is None
    assert made.endpoint["from_user"] == NUMBER
    assert made.endpoint["outbound_auth"] == ""


def test_a_number_without_a_termination_uri_has_no_trunk() -> None:
    assert trunk(APP, NUMBER, TrunkConfig()) is None


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


_numbers = st.from_regex(r"\+?[0-9A-Za-z*#._-]{1,20}", fullmatch=True)


@given(one=_numbers, other=_numbers)
def test_two_numbers_never_share_a_trunk(one: str, other: str) -> None:
    assert (trunk_id(APP, one) == trunk_id(APP, other)) == (one == other)


async def test_the_endpoint_comes_last(asterisk: FakeAsterisk, trunks: Trunks) -> None:
    await trunks.put(NUMBER, LOGIN)
    assert objects(asterisk, "PUT") == [("auth", NAME), ("aor", NAME), ("endpoint", NAME)]
    auth, *_, endpoint = asterisk.requests
    assert put_fields(auth) == {"auth_type": "digest", "username": "bob", "password": SECRET}
    assert put_fields(endpoint)["outbound_auth"] == NAME


async def test_credentials_that_are_gone_are_removed_after_the_endpoint_let_go(
    asterisk: FakeAsterisk, trunks: Trunks
) -> None:
    await trunks.put(NUMBER, TrunkConfig(termination_uri="sip.example.com"))
    assert objects(asterisk, "PUT") == [("aor", NAME), ("endpoint", NAME)]
    assert objects(asterisk, "DELETE") == [("aor", NAME), ("auth", NAME)]
    assert asterisk.requests[-1].method == "DELETE"


@pytest.mark.parametrize("config", [None, TrunkConfig()])
async def test_without_a_configuration_the_trunk_goes(
    asterisk: FakeAsterisk, trunks: Trunks, config: TrunkConfig | None
) -> None:
    await trunks.put(NUMBER, config)
    assert objects(asterisk, "DELETE") == [("endpoint", NAME), ("aor", NAME), ("auth", NAME)]


async def test_only_our_own_trunks_are_swept(asterisk: FakeAsterisk, trunks: Trunks) -> None:
    listed = [{"resource": name} for name in (NAME, f"{APP}-trunk-1999", "carrier", "other-trunk-1999")]
    asterisk.answer = lambda noted: (200, listed) if noted.method == "GET" else None
    await trunks.remove_others(frozenset({NUMBER}))
    assert objects(asterisk, "DELETE") == [(kind, f"{APP}-trunk-1999") for kind in ("endpoint", "aor", "auth")]


async def test_the_password_is_in_no_log_and_no_repr(
    asterisk: FakeAsterisk, trunks: Trunks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await trunks.put(NUMBER, LOGIN)
    assert caplog.records
    assert SECRET not in caplog.text
    assert not any(SECRET in str(vars(record)) for record in caplog.records)
    assert SECRET not in repr(trunk(APP, NUMBER, LOGIN))
