from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.model import ContractModel
from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberCreate, PhoneNumberImport, PhoneNumberUpdate
from tests.contract.samples import PHONE_NUMBER, TRUNK

IMPORT = {"phone_number": "+14157774444", "termination_uri": "trunk.example.com"}


def complaint(document: dict[str, Any], model: type[ContractModel] = PhoneNumberUpdate) -> str:
    with pytest.raises(ValidationError) as refused:
        model.model_validate(document)
    return explain(refused.value, document)


def weights(*shares: float) -> list[dict[str, Any]]:
    return [{"agent_id": f"agent_{number}", "weight": share} for number, share in enumerate(shares)]


@pytest.mark.parametrize("shares", [(1,), (0.5, 0.5), (0.1,) * 10, (1 / 3, 1 / 3, 1 / 3), (0.9999999, 0.0000005)])
def test_weights_that_add_up_to_one_are_taken(shares: tuple[float, ...]) -> None:
    bound = PhoneNumberUpdate.model_validate({"inbound_agents": weights(*shares)}).inbound_agents
    assert bound is not None
    assert tuple(agent.weight for agent in bound) == shares


@pytest.mark.parametrize("shares", [(0.5,), (0.5, 0.6), (0.5, 0.49), (0.99999,)])
def test_weights_that_do_not_are_refused(shares: tuple[float, ...]) -> None:
    assert "inbound_agents: weights must add up to 1, not " in complaint({"inbound_agents": weights(*shares)})


@pytest.mark.parametrize("weight", [0, -1, 1.5, "1", None, True])
def test_a_weight_is_a_number_over_0_up_to_1(weight: Any) -> None:
    assert complaint({"inbound_agents": weights(weight)}).startswith("inbound_agents[0].weight: must be ")


def test_a_weight_cannot_be_left_out() -> None:
    assert complaint({"outbound_agents": [{"agent_id": "a"}]}) == "outbound_agents[0].weight: required"


@given(shares=st.lists(st.integers(min_value=1, max_value=10_000), min_size=1, max_size=100))
def test_any_division_of_one_is_taken(shares: list[int]) -> None:
    PhoneNumberUpdate.model_validate({"inbound_agents": weights(*(share / sum(shares) for share in shares))})


@pytest.mark.parametrize("nobody", [None, []])
def test_no_agents_disable_a_direction(nobody: Any) -> None:
    assert not PhoneNumberUpdate.model_validate({"inbound_agents": nobody}).inbound_agents


@pytest.mark.parametrize("version", [0, 17, "prod", "latest", "latest_published"])
def test_an_agents_version_is_a_number_or_a_name(version: Any) -> None:
    bound = [{"agent_id": "a", "agent_version": version, "weight": 1}]
    assert PhoneNumberUpdate.model_validate({"inbound_agents": bound}).changes()["inbound_agents"] == bound


@pytest.mark.parametrize("version", [-1, 1.5, "Prod", "a" * 21, "", True])
def test_what_is_no_version_is_refused(version: Any) -> None:
    bound = [{"agent_id": "a", "agent_version": version, "weight": 1}]
    assert complaint({"inbound_agents": bound}).startswith("inbound_agents[0].agent_version: ")


# Older keys.


def test_one_agent_of_an_older_client_becomes_a_list() -> None:
    older = {"inbound_agent_id": "agent_1", "inbound_agent_version": 2, "outbound_agent_id": None}
    assert PhoneNumberUpdate.model_validate(older).changes() == {
        "inbound_agents": [{"agent_id": "agent_1", "agent_version": 2, "weight": 1.0}],
        "outbound_agents": None,
    }
    both = {"inbound_agent_id": "agent_1", "inbound_agents": None}
    assert PhoneNumberUpdate.model_validate(both).changes() == {"inbound_agents": None}


# The trunk.


@pytest.mark.parametrize(
    "uri",
    [
        "mytrunk.pstn.twilio.com",
        " mytrunk.pstn.twilio.com\n",
        "10.0.0.1:5060",
        "[2001:db8::1]:5061",
        "sip:trunk.example.com",
        "sips:trunk.example.com:5061;transport=TLS",
        "pbx",
    ],
)
def test_a_trunk_is_named_by_host_or_uri(uri: str) -> None:
    assert PhoneNumberUpdate.model_validate({"termination_uri": uri}).termination_uri == uri.strip()


@pytest.mark.parametrize(
    "uri", ["", "two words", "http://x", "a:0", "a:65536", "a:b", "sip:user@host", "a;x=1", "a\r\nb", "-", "a,b", "ä"]
)
def test_what_is_no_trunk_is_refused(uri: str) -> None:
    assert complaint({"termination_uri": uri}).startswith("termination_uri: ")


def test_an_imported_number_has_a_trunk_under_the_names_of_the_update() -> None:
    wanted = PhoneNumberImport.model_validate(
        {**IMPORT, "sip_trunk_auth_username": "ada", "sip_trunk_auth_password": "correct horse", "transport": None}
    )
    trunk = wanted.number(now_ms=5).sip_outbound_trunk_config
    assert trunk is not None
    assert (trunk.auth_username, trunk.auth_password, trunk.transport) == ("ada", "correct horse", "TCP")


def test_an_update_keeps_what_it_does_not_name_of_the_trunk() -> None:
    number = PhoneNumber.model_validate(PHONE_NUMBER)
    changed = PhoneNumberUpdate.model_validate({"auth_username": "bob", "transport": None}).apply(number, now_ms=2)
    assert changed.as_record()["sip_outbound_trunk_config"] == {**TRUNK, "auth_username": "bob", "transport": "TCP"}
    untouched = PhoneNumberUpdate.model_validate({"nickname": "x"}).apply(number, now_ms=2)
    assert untouched.sip_outbound_trunk_config == number.sip_outbound_trunk_config


def test_the_password_is_in_the_record_and_nowhere_else() -> None:
    number = PhoneNumber.model_validate(PHONE_NUMBER)
    assert number.as_record()["sip_outbound_trunk_config"]["auth_password"] == TRUNK["auth_password"]
    wanted = PhoneNumberImport.model_validate({**IMPORT, "sip_trunk_auth_password": TRUNK["auth_password"]})
    change = PhoneNumberUpdate.model_validate({"auth_password": TRUNK["auth_password"]})
    for shown in (str(number.as_json()), str(number.model_dump()), repr(number), repr(wanted), repr(change)):
        assert TRUNK["auth_password"] not in shown
    assert "horse" not in complaint({"auth_password": "correct\nhorse"})


def test_a_number_is_no_fallback_of_itself() -> None:
    number = PhoneNumber.model_validate(PHONE_NUMBER)
    with pytest.raises(ValidationError, match="must be another number"):
        PhoneNumberUpdate.model_validate({"fallback_number": number.phone_number}).apply(number, now_ms=2)


def test_pretty_and_area_code_are_derived() -> None:
    american = PhoneNumber.model_validate({"phone_number": "+14157774444", "last_modification_timestamp": 1})
    assert (american.phone_number_pretty, american.area_code) == ("+1 (415) 777-4444", 415)
    german = PhoneNumber.model_validate({"phone_number": "+4915112345678", "last_modification_timestamp": 1})
    assert (german.phone_number_pretty, german.area_code) == ("+49 1511 2345678", None)
    inside = PhoneNumber.model_validate({"phone_number": "reception", "last_modification_timestamp": 1})
    assert (inside.phone_number_pretty, inside.area_code) == ("reception", None)


def test_a_number_that_would_be_bought_is_told_apart_and_has_retells_transport() -> None:
    number = PhoneNumberCreate.model_validate({"phone_number": "+14157774444", "nickname": "Office"}).number(now_ms=7)
    assert (number.phone_number, number.nickname, number.last_modification_timestamp) == ("+14157774444", "Office", 7)
    assert number.sip_outbound_trunk_config is not None and number.sip_outbound_trunk_config.transport == "TCP"


@pytest.mark.parametrize("password", [None, "hunter2"])
def test_a_store_keeps_the_password_of_a_trunk_and_nobody_else_sees_it(password: str | None) -> None:
    document: dict[str, Any] = {**IMPORT, "sip_trunk_auth_username": "user", "sip_trunk_auth_password": password}
    number = PhoneNumberImport.model_validate(document).number(now_ms=7)
    assert number.as_record()["sip_outbound_trunk_config"].get("auth_password") == password
    assert "hunter2" not in str(number.as_json()) + repr(number)
