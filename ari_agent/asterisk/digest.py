"""Digest answers to 401 and 407 (RFC 7616, with RFC 2617's MD5, which SIP still uses). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

# hashlib's names by the challenge's `algorithm`.
ALGORITHMS = {"md5": "md5", "sha-256": "sha256"}
_AUTHORIZATION = re.compile(r"(?im)^(Authorization[ \t]*:[ \t]*)(.*?)(?=\r?$)")
_RESPONSE = re.compile(r'(?i)\bresponse\s*=\s*"[^"]*"')


class UnknownChallenge(ValueError):
    """A challenge that is no digest, or asks for an algorithm or quality of protection that is not known here."""


def _parameters(challenge: str) -> dict[str, str]:
    scheme, _, rest = challenge.strip().partition(" ")
    if scheme.lower() != "digest":
        raise UnknownChallenge(f"scheme {scheme!r}, expected Digest")
    pairs = re.findall(r'(?<!\w)(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', rest)
    given = {name.lower(): quoted or plain for name, quoted, plain in pairs}
    algorithm = given.setdefault("algorithm", "MD5")
    if algorithm.lower() not in ALGORITHMS or "nonce" not in given:
        raise UnknownChallenge(f"algorithm {algorithm!r}, expected one of {', '.join(ALGORITHMS)}, and a nonce")
    return given


def _proof(given: Mapping[str, str], *, username: str, password: str, method: str) -> str:
    """Return the response to a challenge. given: its parameters and the client's; with a cnonce, for qop=auth."""

    def hexdigest(text: str) -> str:
        hashed = text.encode("utf-8", "surrogatepass")
        return hashlib.new(ALGORITHMS[given["algorithm"].lower()], hashed, usedforsecurity=False).hexdigest()

    identity = hexdigest(f"{username}:{given.get('realm', '')}:{password}")
    request = hexdigest(f"{method}:{given.get('uri', '')}")
    quality = f"{given.get('nc', '')}:{given['cnonce']}:auth:" if "cnonce" in given else ""
    return hexdigest(f"{identity}:{given['nonce']}:{quality}{request}")


def answer(challenge: str, *, username: str, password: str, method: str, uri: str, client_nonce: str) -> str:
    """Return the value of Authorization or Proxy-Authorization for one challenge.

    client_nonce: fresh randomness, used when the server asks for qop=auth.

    Raises:
        UnknownChallenge: this challenge cannot be answered here.
    """
    asked = _parameters(challenge)
    given = {name: value for name, value in asked.items() if name not in ("nc", "cnonce")} | {"uri": uri}
    realm, nonce = given.get("realm", ""), given["nonce"]
    fields = [f'username="{username}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
    offered = [option.strip() for option in given.get("qop", "").split(",") if option.strip()]
    if offered and "auth" not in offered:
        raise UnknownChallenge(f"qop {given['qop']!r}, expected auth")
    if offered:
        given |= {"nc": "00000001", "cnonce": client_nonce}
        fields += ["qop=auth", "nc=00000001", f'cnonce="{client_nonce}"']
    proof = _proof(given, username=username, password=password, method=method)
    fields += [f'response="{proof}"', f"algorithm={given['algorithm']}"]
    if "opaque" in given:
        fields.append(f'opaque="{given["opaque"]}"')
    return "Digest " + ", ".join(fields)


def with_password(message: str, *, username: str, password: str) -> str:
    """Return a SIP message of a phone that does not know its password, with the response that the password makes.

    The phone answers the challenge with any password at all; only `response` of its Authorization is replaced, so that
    nonce, counter and URI are the phone's. A message without one, or of another user, comes back as it is.
    """
    head, blank, body = message.partition("\r\n\r\n")
    method = head.partition(" ")[0]

    def proven(header: re.Match[str]) -> str:
        try:
            given = _parameters(header[2])
        except UnknownChallenge:
            return header[0]
        if given.get("username") != username:
            return header[0]
        proof = _proof(given, username=username, password=password, method=method)
        return header[1] + _RESPONSE.sub(f'response="{proof}"', header[2])

    return _AUTHORIZATION.sub(proven, head) + blank + body
