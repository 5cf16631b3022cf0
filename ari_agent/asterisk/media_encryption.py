"""SRTP on a trunk: what a number's setting means to Asterisk, and what a refusal of it looks like. Pure.

| setting   | the offer of Asterisk (RFC 4568)  | without keys in the answer   |
|-----------|-----------------------------------|------------------------------|
| `require` | RTP/SAVP with `a=crypto`          | the call is refused          |
| `allow`   | RTP/AVP with `a=crypto`           | the audio is not encrypted   |
| `disable` | RTP/AVP                           | the audio is not encrypted   |

Without a setting a trunk over TLS requires it; others do without, as anybody on the way could read the keys in their
SDP. Asterisk itself takes a plain answer to RTP/SAVP, and has then a call without audio.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ari_agent.contract.phone_number import TrunkConfig
from ari_agent.contract.trunk_settings import MediaEncryption

ENDPOINT_FIELDS: Final[Mapping[MediaEncryption, Mapping[str, str]]] = {
    "require": {"media_encryption": "sdes", "media_encryption_optimistic": "no"},
    "allow": {"media_encryption": "sdes", "media_encryption_optimistic": "yes"},
    "disable": {"media_encryption": "no", "media_encryption_optimistic": "no"},
}
"""The fields of the trunk's endpoint."""

NOT_ACCEPTABLE: Final = frozenset({488, 606})
"""The SIP statuses that refuse an offer of media (RFC 3261 sections 21.4.26 and 21.6.4)."""

_REMEDY: Final = "set media_encryption of the number to"


def media_encryption(config: TrunkConfig, transport: str) -> MediaEncryption:
    """Return the setting in force. transport: that of the trunk's calls, `udp`, `tcp` or `tls`."""
    return config.media_encryption or ("require" if transport == "tls" else "disable")


def why_refused(encryption: MediaEncryption) -> str:
    """Return what a refusal with NOT_ACCEPTABLE means, and what to do, as half a sentence."""
    if encryption == "require":
        return f"the trunk does not take SRTP (RTP/SAVP), or none of the codecs: {_REMEDY} allow or disable"
    return f"the trunk takes none of the codecs, or nothing but SRTP: for the latter {_REMEDY} require"


WITHOUT_KEYS: Final = f"the trunk answered RTP/SAVP without keys for SRTP: {_REMEDY} allow or disable"
"""What an answer without keys to a required encryption means, and what to do, as half a sentence."""
