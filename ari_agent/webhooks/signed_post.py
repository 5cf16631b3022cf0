"""One signed POST of JSON to a webhook receiver, and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from ari_agent.webhooks import signature

ANSWER_LIMIT_BYTES: Final = 1024 * 1024
IGNORED_BYTES: Final = 64 * 1024
IGNORED_FOR_S: Final = 1.0
"""As much of an answer that nobody reads is awaited, so that its connection can be used again."""
_NO_OTHER_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


class PostFailed(Exception):
    """No 2xx came back. why: one line for people. hopeless: the same again cannot succeed.

    not_reached: no connection, or one that broke before the answer; whoever comes next will find the same.
    """

    def __init__(self, why: str, *, hopeless: bool = False, not_reached: bool = False) -> None:
        super().__init__(why)
        self.why, self.hopeless, self.not_reached = why, hopeless, not_reached


def check_url(url: str) -> None:
    """Raise PostFailed unless the URL is http or https and names a host."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "{" not in parts.netloc:
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
        with _failures(timeout_s):
            async with asyncio.timeout(timeout_s), await self._accepted(url, body) as response:
                return await _read(response.content, answer_limit_bytes)

    async def tell(self, url: str, body: bytes, *, timeout_s: float) -> None:
        """The same for a receiver whose answer is its status alone: any 2xx is success, whatever follows it.

        timeout_s: until the status. Raises PostFailed.
        """
        with _failures(timeout_s):
            async with asyncio.timeout(timeout_s):
                response = await self._accepted(url, body)
        async with response:  # closes the connection unless all of the answer has been read
            with suppress(PostFailed, aiohttp.ClientError, OSError, TimeoutError):
                async with asyncio.timeout(min(timeout_s, IGNORED_FOR_S)):
                    await _read(response.content, IGNORED_BYTES)

    async def _accepted(self, url: str, body: bytes) -> aiohttp.ClientResponse:
        """The beginning of a 2xx answer."""
        check_url(url)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "ari-agent",
            signature.HEADER: signature.sign(body, self.api_key, self.now_ms()),
        }
        response = await self.session.post(
            url, data=body, headers=headers, allow_redirects=False, timeout=_NO_OTHER_TIMEOUT
        )
        if 200 <= response.status < 300:
            return response
        response.close()
        if 300 <= response.status < 400:
            raise PostFailed(f"answered {response.status}; redirects are not followed: set the final URL")
        raise PostFailed(f"answered {response.status}, expected 2xx")


@contextmanager
def _failures(timeout_s: float) -> Iterator[None]:
    """Every failure is a PostFailed whose text holds neither the URL, which may hold secrets, nor more than a line."""
    try:
        yield
    except TimeoutError:
        raise PostFailed(f"no answer within {timeout_s:g} s") from None
    except aiohttp.InvalidURL:
        raise PostFailed("not a URL that a request can be sent to", hopeless=True) from None
    except aiohttp.ClientResponseError as error:
        raise PostFailed(f"the answer is no HTTP: {_first_line(error.message, error)}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # ValueError: host names that IDNA cannot encode, headers that HTTP does not allow
        raise PostFailed(
            _first_line(str(error), error),
            not_reached=isinstance(error, aiohttp.ClientConnectionError | OSError),
        ) from None


def _first_line(text: str, error: Exception) -> str:
    return text.strip().splitlines()[0] if text.strip() else type(error).__name__


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
