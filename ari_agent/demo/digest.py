"""Digest answers to 401 and 407 (RFC 7616, with RFC 2617's MD5, which SIP still uses). Pure."""

from __future__ import annotations

import hashlib
import re

# hashlib's names by the challenge's `algorithm`.
ALGORITHMS = {"md5": "md5", "sha-256": "sha256"}


class UnknownChallenge(ValueError):
    """A challenge that is no digest, or asks for an algorithm or quality of protection that is not known here."""


def _parameters(challenge: str) -> dict[str, str]:
    scheme, _, rest = challenge.strip().partition(" ")
    if scheme.lower() != "digest":
        raise UnknownChallenge(f"scheme {scheme!r}, expected Digest")
    pairs = re.findall(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', rest)
    return {name.lower(): quoted or plain for name, quoted, plain in pairs}


def answer(challenge: str, *, username: str, password: str, method: str, uri: str, client_nonce: str) -> str:
    """Return the value of Authorization or Proxy-Authorization for one challenge.

    client_nonce: fresh randomness, used when the server asks for qop=auth.

    Raises:
        UnknownChallenge: this challenge cannot be answered here.
    """
    given = _parameters(challenge)
    algorithm = given.get("algorithm", "MD5")
    if algorithm.lower() not in ALGORITHMS or "nonce" not in given:
        raise UnknownChallenge(f"algorithm {algorithm!r}, expected one of {', '.join(ALGORITHMS)}, and a nonce")

    def hexdigest(text: str) -> str:
        return hashlib.new(ALGORITHMS[algorithm.lower()], text.encode(), usedforsecurity=False).hexdigest()

    realm, nonce = given.get("realm", ""), given["nonce"]
    identity, request = hexdigest(f"{username}:{realm}:{password}"), hexdigest(f"{method}:{uri}")
    fields = [f'username="{username}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
    offered = [option.strip() for option in given.get("qop", "").split(",") if option.strip()]
    if not offered:
        proof = hexdigest(f"{identity}:{nonce}:{request}")
    elif "auth" in offered:
        proof = hexdigest(f"{identity}:{nonce}:00000001:{client_nonce}:auth:{request}")
        fields += ["qop=auth", "nc=00000001", f'cnonce="{client_nonce}"']
    else:
        raise UnknownChallenge(f"qop {given['qop']!r}, expected auth")
    fields += [f'response="{proof}"', f"algorithm={algorithm}"]
    if "opaque" in given:
        fields.append(f'opaque="{given["opaque"]}"')
    return "Digest " + ", ".join(fields)
