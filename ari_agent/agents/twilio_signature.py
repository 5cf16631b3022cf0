"""How Twilio signs the websockets that it opens. Pure.

Source: Twilio documentation, "Security": `X-Twilio-Signature` is the HMAC-SHA1 of the full URL, query included, under
the account's auth token, in base64. A websocket's handshake is a GET, so that nothing else is signed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

SIGNATURE_HEADER: Final = "X-Twilio-Signature"


def signature(url: str, auth_token: str) -> str:
    """Return the value of SIGNATURE_HEADER. url: as it is dialled, from `ws:` or `wss:` to the end of the query."""
    return base64.b64encode(hmac.digest(auth_token.encode(), url.encode(), hashlib.sha1)).decode()
