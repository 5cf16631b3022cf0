"""Audio codecs that a trunk may offer, by the names that SDP has for them (RFC 3551, RFC 7587)."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, Field

CODECS: Final = ("PCMU", "PCMA", "G722", "opus")
"""The codecs that a trunk can be set to use, by their names in SDP."""

_OTHER_NAMES: Final = {"ulaw": "PCMU", "g711u": "PCMU", "alaw": "PCMA", "g711a": "PCMA", "g.722": "G722"}
_BY_NAME: Final = {name.lower(): name for name in CODECS} | _OTHER_NAMES


def codec_of(name: str) -> str | None:
    """The one of CODECS that is meant by `name`, in any case or by another usual name; None for any other codec."""
    return _BY_NAME.get(name.lower())


def _known(name: str) -> str:
    if codec_of(name) is None:
        raise ValueError(f"must be one of {', '.join(CODECS)}, not {name!r}")
    return name


Codec = Annotated[str, Field(max_length=32, json_schema_extra={"examples": list(CODECS)}), AfterValidator(_known)]
"""The name of one of CODECS, kept as the client wrote it."""
