"""The settings of a trunk as people write them: what is taken, what is refused and in which words."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberImport, PhoneNumberUpdate

IMPORT = {"phone_number": "+14155550100", "termination_uri": "sip.example.com"}
TRUNK: dict[str, Any] = {
    "termination_uris": ["sip2.example.com", "192.0.2.7:5070;transport=udp"],
    "registration": {"registrar_uri": "reg.example.com", "expires_s": 600},
    "inbound_addresses": ["192.0.2.0/28", "198.51.100.7"],
    "qualify_frequency_s": 60,
    "sip_trunk_auth_password": "sesame open",
    "sip_trunk_auth_username": "acct77",
}


def imported(**fields: Any) -> PhoneNumber:
    return PhoneNumberImport.model_validate(IMPORT | fields).number(now_ms=1)


def test_import_and_update_take_the_same_settings_and_the_answer_shows_all_but_the_password() -> None:
    answered = imported(**TRUNK).as_json()["sip_outbound_trunk_config"]
    assert answered["termination_uris"] == TRUNK["termination_uris"]
    assert answered["registration"] == TRUNK["registration"]
    assert answered["inbound_addresses"] == ["192.0.2.0/28", "198.51.100.7/32"]
    assert answered["qualify_frequency_s"] == 60
    assert "sesame" not in str(answered)
    changes = {key: value for key, value in TRUNK.items() if not key.startswith("sip_trunk_auth")}
    changed = PhoneNumberUpdate.model_validate(changes).apply(imported(), now_ms=2)
    shown = changed.as_json()["sip_outbound_trunk_config"]
    assert {key: shown[key] for key in changes} == {key: answered[key] for key in changes}
    gone = PhoneNumberUpdate.model_validate({"registration": None}).apply(changed, now_ms=3)
    assert gone.sip_outbound_trunk_config and gone.sip_outbound_trunk_config.registration is None


def test_what_is_stored_is_read_back() -> None:
    number = imported(**TRUNK)
    assert PhoneNumber.model_validate(number.as_record()) == number


@pytest.mark.parametrize(
    ("given", "kept"),
    [("required", "require"), ("optional", "allow"), ("none", "disable"), ("require", "require")],
)
def test_encryption_is_understood_in_both_ways_of_saying_it(given: str, kept: str) -> None:
    config = imported(media_encryption=given).sip_outbound_trunk_config
    assert config and config.media_encryption == kept


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"termination_uris": ["sip.example.com", "not a host"]}, "must be host, host:port or sip:host"),
        ({"termination_uris": ["a"] * 9}, "at most 8"),
        ({"inbound_addresses": ["carrier.example.com"]}, "must be an address or a network"),
        ({"inbound_addresses": ["0.0.0.0/0"]}, "is too wide: name the addresses"),
        ({"inbound_addresses": ["::/0"]}, "is too wide: name the addresses"),
        ({"registration": {"registrar_uri": "sip:me@host"}}, "must be host, host:port or sip:host"),
        ({"registration": {"expires_s": 1}}, "greater than or equal to 60"),
        ({"registration": {"contact_user": "a;line=b"}}, "should match pattern"),
        ({"qualify_frequency_s": -1}, "greater than or equal to 0"),
        ({"media_encryption": "maybe"}, "'require', 'allow' or 'disable'"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        imported(**fields)
    assert words in str(caught.value)
