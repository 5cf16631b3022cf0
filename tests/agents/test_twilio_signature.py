from __future__ import annotations

from ari_agent.agents.twilio_signature import signature


def test_a_url_is_signed_as_a_twilio_request_validator_expects() -> None:
    """Made with openssl: printf %s URL | openssl dgst -sha1 -hmac 12345 -binary | base64."""
    assert signature("wss://example.com/stream?a=b", "12345") == "MR9lQ/naHdYYWLxBL9qsrcplbxo="
