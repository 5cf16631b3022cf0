"""Links to artefacts: signed, so that nobody can guess one; those of calls with `opt_in_signed_url` expire. Pure.

    {base}/artefacts/{call_id}/{file}?expires={s since 1970}&signature={43 characters}

Source: Retell, "Create Agent" (2026-08): `opt_in_signed_url`, "public urls will be signed and expire after a period",
and `signed_url_expiration_ms`, which the call object keeps. The signature is HMAC-SHA256 (RFC 2104) over path and
expiry, in base64url (RFC 4648 section 5). Whoever has a link may fetch that one file; there is no link that lists any.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from ari_agent.artefacts.artefact_name import ArtefactName

PATH: Final = "/artefacts/{call_id}/{file}"
URL_FIELDS: Final = (
    "recording_url",
    "recording_multi_channel_url",
    "scrubbed_recording_url",
    "scrubbed_recording_multi_channel_url",
    "public_log_url",
)
"""The fields of a call object that hold links to artefacts."""

_PREFIX: Final = "/artefacts/"
_PURPOSE: Final = b"ari-agent links to artefacts"


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links to artefacts, and checks those that come back.

    base_url: what the world reaches the API under, without a slash at its end. key: secret; see `key_of`.
    lifetime_s: how long a link that expires is good, in seconds, where its agent does not say.
    """

    base_url: str
    key: bytes = field(repr=False)
    lifetime_s: int

    @staticmethod
    def key_of(api_key: str) -> bytes:
        """Return the key for links that belongs to an API key: a signature of one is of no use for the other."""
        return hmac.digest(api_key.encode(), _PURPOSE, "sha256")

    def url(self, name: ArtefactName, *, expires: bool, lifetime_ms: int | None = None, now_ms: int) -> str:
        """Return a link to the artefact; one that does not expire is good for as long as the artefact is there.

        lifetime_ms: how long this one is good if it expires, to the end of the second; None: as all others.
        """
        good_ms = self.lifetime_s * 1000 if lifetime_ms is None else lifetime_ms
        until = str(-(-(now_ms + good_ms) // 1000)) if expires else ""
        query = f"expires={until}&" if expires else ""
        return f"{self.base_url}{_PREFIX}{name.path}?{query}signature={self._signature(name, until)}"

    def refusal(self, name: ArtefactName, query: Mapping[str, str], *, now_ms: int) -> str | None:
        """Return why a link with this query string is not good for the artefact; None where it is."""
        until = query.get("expires", "")
        given = query.get("signature", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(given, self._signature(name, until).encode()):
            return "the signature of this link is wrong: take the link as the call's record has it, whole"
        if until and int(until) * 1000 < now_ms:
            return "this link has expired: GET /v2/get-call answers a new one"
        return None

    def renewed(self, call: Mapping[str, Any], *, now_ms: int) -> dict[str, Any]:
        """Return a call object, as JSON, whose links are made anew where they are ours and expire."""
        if not call.get("opt_in_signed_url"):
            return dict(call)
        return {**call, **{name: self._renewed(call, name, now_ms) for name in URL_FIELDS if name in call}}

    def _renewed(self, call: Mapping[str, Any], field_name: str, now_ms: int) -> object:
        url, lifetime_ms = call[field_name], call.get("signed_url_expiration_ms")
        try:
            name = ArtefactName.of_path(urlsplit(url).path.rpartition(_PREFIX)[2])
        except (ValueError, TypeError, AttributeError):
            return url
        if name.call_id != call.get("call_id"):
            return url
        return self.url(name, expires=True, lifetime_ms=lifetime_ms, now_ms=now_ms)

    def _signature(self, name: ArtefactName, until: str) -> str:
        # surrogateescape: what a stranger's query holds may be no text
        signed = f"{name.path}\n{until}".encode("utf-8", "surrogateescape")
        return base64.urlsafe_b64encode(hmac.digest(self.key, signed, "sha256")).decode().rstrip("=")
