"""The parts of a SIP URI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.contract.parsing.sip_uri import SipUri


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("sip:bob@Example.COM.", SipUri("bob", "example.com", "")),
        ("SIPS:%2B1555@host:5061;transport=tls", SipUri("%2B1555", "host", ":5061;transport=tls")),
        ("sip:host;transport=tcp", SipUri("", "host", ";transport=tcp")),
        ("sip:a@host?Replaces=1", SipUri("a", "host", "?Replaces=1")),
        ("sip:a@[2001:DB8::1]:5060", SipUri("a", "[2001:db8::1]", ":5060")),
        ("sip:", SipUri("", "", "")),
        ("+15551234567", None),
        ("bob@host", None),
        ("tel:+15551234567", None),
        ("", None),
    ],
)
def test_a_uri_is_taken_apart(text: str, parts: SipUri | None) -> None:
    assert SipUri.of(text) == parts


@given(st.text(max_size=60))
def test_whatever_follows_the_scheme_has_a_host_without_what_comes_after_it(text: str) -> None:
    uri = SipUri.of(f"sip:{text}")
    assert uri is not None
    assert text.endswith(uri.more)
    assert uri.host.startswith("[") or not set(uri.host) & set(":;?")
