from __future__ import annotations

import pytest

from ari_agent.asterisk.media_encryption import media_encryption, why_refused
from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.contract.trunk_settings import MediaEncryption


@pytest.mark.parametrize(("transport", "encryption"), [("tls", "require"), ("tcp", "disable"), ("udp", "disable")])
def test_without_a_setting_the_transport_decides(transport: str, encryption: MediaEncryption) -> None:
    assert media_encryption(TrunkConfig(), transport) == encryption


@pytest.mark.parametrize("wanted", ["require", "allow", "disable"])
def test_a_setting_wins(wanted: MediaEncryption) -> None:
    assert media_encryption(TrunkConfig(media_encryption=wanted), "tls") == wanted


@pytest.mark.parametrize(
    ("encryption", "remedy"),
    [("require", "to allow or disable"), ("allow", "to require"), ("disable", "to require")],
)
def test_a_refusal_says_what_to_set(encryption: MediaEncryption, remedy: str) -> None:
    assert why_refused(encryption).endswith(f"set media_encryption of the number {remedy}")
