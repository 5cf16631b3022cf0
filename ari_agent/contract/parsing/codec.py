"""Audio codecs that a trunk may offer, by the names that SDP has for them (RFC 3551, RFC 7587)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

CODECS: Final = ("PCMU", "PCMA", "G722", "opus")
"""What an Asterisk as shipped can turn into the agents' audio."""
_OTHER_NAMES: Final = {"ulaw": "PCMU", "g711u": "PCMU", "alaw": "PCMA", "g711a": "PCMA", "g.722": "G722"}
_BY_NAME: Final = {name.lower(): name for name in CODECS} | _OTHER_NAMES


def codec_of(name: str) -> str | None:
    """One of CODECS, whatever case or name it is called by; None for every other codec."""
    return _BY_NAME.get(name.lower())


def _known(name: str) -> str:
    if codec_of(name) is None:
        raise ValueError(f"must be one of {', '.join(CODECS)}, not {name!r}")
    return name


Codec = Annotated[str, Field(max_length=32, json_schema_extra={"examples": list(CODECS)}), AfterValidator(_known)]
"""Kept as it was written."""
