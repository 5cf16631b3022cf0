"""A number's trunk in Asterisk: in which order its objects come and go, and that nothing leaks."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest

from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.trunk_objects import trunks as trunks_of
from ari_agent.asterisk.trunks import Trunks
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.contract.trunk_settings import TrunkRegistration
from tests.asterisk.fake_asterisk import APP, PASSWORD, FakeAsterisk, Noted

NUMBER = "+14155550100"
NAME = f"{APP}-trunk-14155550100"
SECRET = "sesame open"
REMOVED = ("registration", "identify", "endpoint", "aor", "auth")
"""The kinds of objects of a trunk, in the order in which they are removed: nobody may call before the rest is gone."""
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


async def test_the_endpoint_comes_last(asterisk: FakeAsterisk, trunks: Trunks) -> None:
    await trunks.put(NUMBER, LOGIN)
    assert objects(asterisk, "PUT") == [("auth", NAME), ("aor", NAME), ("endpoint", NAME)]
    auth, *_, endpoint = (noted for noted in asterisk.requests if noted.method == "PUT")
    assert put_fields(auth) == {"auth_type": "digest", "username": "bob", "password": SECRET}
    assert put_fields(endpoint)["outbound_auth"] == NAME


async def test_credentials_that_are_gone_are_removed_after_the_endpoint_let_go(
    asterisk: FakeAsterisk, trunks: Trunks
) -> None:
    await trunks.put(NUMBER, TrunkConfig(termination_uri="sip.example.com"))
    assert objects(asterisk, "PUT") == [("aor", NAME), ("endpoint", NAME)]
    assert objects(asterisk, "DELETE") == [(kind, NAME) for kind in ("registration", "identify", "aor", "auth")]
    assert asterisk.requests[-1].method == "DELETE"


@pytest.mark.parametrize("config", [None, TrunkConfig()])
async def test_without_a_configuration_the_trunk_goes(
    asterisk: FakeAsterisk, trunks: Trunks, config: TrunkConfig | None
) -> None:
    await trunks.put(NUMBER, config)
    assert objects(asterisk, "DELETE") == [(kind, NAME) for kind in REMOVED]


async def test_only_our_own_trunks_are_swept(asterisk: FakeAsterisk, trunks: Trunks) -> None:
    listed = [{"resource": name} for name in (NAME, f"{APP}-trunk-1999", "carrier", "other-trunk-1999")]
    asterisk.answer = lambda noted: (200, listed) if noted.method == "GET" else None
    await trunks.remove_others(frozenset({NUMBER}))
    assert objects(asterisk, "DELETE") == [(kind, f"{APP}-trunk-1999") for kind in REMOVED]


async def test_the_password_is_in_no_log_and_no_repr(
    asterisk: FakeAsterisk, trunks: Trunks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await trunks.put(NUMBER, LOGIN)
    assert caplog.records
    assert SECRET not in caplog.text
    assert not any(SECRET in str(vars(record)) for record in caplog.records)
    assert SECRET not in repr(trunks_of(APP, NUMBER, LOGIN))


REGISTERED = LOGIN.model_copy(update={"registration": TrunkRegistration()})


async def test_the_registration_comes_after_the_endpoint_that_takes_its_calls(
    asterisk: FakeAsterisk, trunks: Trunks
) -> None:
    await trunks.put(NUMBER, REGISTERED)
    assert objects(asterisk, "PUT") == [(kind, NAME) for kind in ("auth", "aor", "endpoint", "registration")]
    assert objects(asterisk, "DELETE") == [("identify", NAME), ("aor", NAME)]


async def test_a_new_password_registers_at_once_and_the_same_again_does_not(
    asterisk: FakeAsterisk, trunks: Trunks
) -> None:
    await trunks.put(NUMBER, REGISTERED)
    asterisk.requests.clear()
    await trunks.put(NUMBER, REGISTERED)
    assert ("registration", NAME) not in objects(asterisk, "DELETE")
    await trunks.put(NUMBER, REGISTERED.model_copy(update={"auth_password": "other"}))
    assert ("registration", NAME) in objects(asterisk, "DELETE")


async def test_each_destination_is_an_endpoint_of_its_own_until_it_is_taken_away(
    asterisk: FakeAsterisk, trunks: Trunks
) -> None:
    await trunks.put(NUMBER, LOGIN.model_copy(update={"termination_uris": ("b.example.com", "c.example.com")}))
    assert objects(asterisk, "PUT")[1:] == [
        (kind, f"{NAME}{suffix}") for suffix in ("", "-2", "-3") for kind in ("aor", "endpoint")
    ]
    asterisk.requests.clear()
    await trunks.put(NUMBER, LOGIN.model_copy(update={"termination_uris": ("b.example.com",)}))
    assert objects(asterisk, "DELETE")[-2:] == [("endpoint", f"{NAME}-3"), ("aor", f"{NAME}-3")]
    asterisk.requests.clear()
    listed = [{"resource": name} for name in (NAME, f"{NAME}-2", f"{NAME}-3")]
    asterisk.answer = lambda noted: (200, listed) if noted.method == "GET" else None
    await trunks.remove_others(frozenset({NUMBER}))
    assert {name for _, name in objects(asterisk, "DELETE")} == {f"{NAME}-3"}
    asterisk.requests.clear()
    await trunks.remove(NUMBER)
    assert {name for _, name in objects(asterisk, "DELETE")} == {NAME, f"{NAME}-2"}
