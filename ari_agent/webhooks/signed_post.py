"""One signed POST of JSON to a webhook receiver, and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from ari_agent.webhooks import signature

ANSWER_LIMIT_BYTES: Final = 1024 * 1024
_NO_OTHER_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


class PostFailed(Exception):
    """No 2xx came back. why: one line for people. hopeless: the same again cannot succeed.

    not_reached: no connection, or one that broke before the answer; whoever comes next will find the same.
    """

    def __init__(self, why: str, *, hopeless: bool = False, not_reached: bool = False) -> None:
        super().__init__(why)
        self.why, self.hopeless, self.not_reached = why, hopeless, not_reached


def shown(url: str) -> str:
    """The URL for logs: scheme, host and path; credentials and the query, which may hold a token, left out."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "(malformed URL)"


def check_url(url: str) -> None:
    """Raise PostFailed unless the URL is http or https and names a host."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return
    except ValueError:
        pass  # a port or an IPv6 address that is none
    raise PostFailed("not a URL that begins with http:// or https:// and names a host", hopeless=True)


@dataclass(frozen=True, slots=True)
class SignedPost:
    """Posts bodies signed with `api_key`. now_ms: milliseconds since the epoch, for the signature.

    Redirects are not followed: the signed body, with what was said in the call, would go where nobody configured it
    to go, and most clients turn a redirected POST into a GET. Proxies and `.netrc` are the session's business.
    """

    session: aiohttp.ClientSession
    api_key: str
    now_ms: Callable[[], int]

    async def send(self, url: str, body: bytes, *, timeout_s: float, answer_limit_bytes: int) -> bytes:
        """The body of the 2xx answer.

        timeout_s: for all of it, from the look-up of the name to the last byte of the answer.

        Raises:
            PostFailed: no connection, no 2xx, no end in time, or an answer beyond the limit.
        """
        check_url(url)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ari-agent",
            signature.HEADER: signature.sign(body, self.api_key, self.now_ms()),
        }
        try:
            async with asyncio.timeout(timeout_s):
                async with self.session.post(
                    url, data=body, headers=headers, allow_redirects=False, timeout=_NO_OTHER_TIMEOUT
                ) as response:
                    if 300 <= response.status < 400:
                        raise PostFailed(f"answered {response.status}; redirects are not followed: set the final URL")
                    if not 200 <= response.status < 300:
                        raise PostFailed(f"answered {response.status}, expected 2xx")
                    return await _read(response.content, answer_limit_bytes)
        except TimeoutError:
            raise PostFailed(f"no answer within {timeout_s:g} s") from None
        except aiohttp.InvalidURL:
            raise PostFailed("not a URL that a request can be sent to", hopeless=True) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # ValueError: host names that IDNA cannot encode, headers that HTTP does not allow
            raise PostFailed(
                str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__,
                not_reached=isinstance(error, aiohttp.ClientConnectionError | OSError),
            ) from None


async def _read(content: aiohttp.StreamReader, limit_bytes: int) -> bytes:
    """The whole answer, so that its connection can be used again."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in content.iter_any():
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise PostFailed(f"the answer is longer than {limit_bytes} bytes")
        parts.append(part)
    return b"".join(parts)
