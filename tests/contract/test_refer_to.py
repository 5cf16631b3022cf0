"""The host at which a REFER writes a bare number."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.refer_to import ReferToHost

HOST: TypeAdapter[str] = TypeAdapter(ReferToHost)


@pytest.mark.parametrize("host", ["pstn.example.com", "192.0.2.1:5080", "[2001:db8::1]:5060", "pbx"])
def test_a_host_may_have_a_port(host: str) -> None:
    assert HOST.validate_python(f" {host}\n") == host


@pytest.mark.parametrize(
    "host", ["", "a b", "sip:a.b", "a.b;transport=tcp", "a.b>", "a.b:0", "a.b:65536", "-a", "a@b", "${x}", "a" * 201]
)
def test_whatever_could_end_the_uri_is_refused(host: str) -> None:
    with pytest.raises(ValidationError):
        HOST.validate_python(host)
