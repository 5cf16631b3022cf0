"""Sends a signed POST of JSON to a webhook receiver and reads what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from ari_agent.contract.parsing.retry_after import parse_retry_after
from ari_agent.webhooks import signature

ANSWER_LIMIT_BYTES: Final = 1024 * 1024
DELIVERY_HEADER: Final = "X-Ari-Agent-Delivery"
"""Names what is delivered, the same in every attempt, so that a receiver recognises what it has got already."""
IGNORED_BYTES: Final = 64 * 1024
IGNORED_FOR_S: Final = 1.0
"""How much of an answer that is not needed is read, and for how long, so that its connection can be used again."""
NO_HEADERS: Final[Mapping[str, str]] = {}
_MAY_SAY_WHEN: Final = frozenset({429, 503})  # RFC 6585 section 4, RFC 9110 section 15.6.4
_NO_OTHER_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)


@dataclass(frozen=True, slots=True)
class PostAnswer:
    """What a receiver has answered. at_ms: when the status came, in milliseconds since 1970. start: how the body
    begins, little more than IGNORED_BYTES at most; it may hold anything.
    """

    status: int
    at_ms: int
    start: bytes = field(repr=False)


class PostFailed(Exception):
    """Raised when a POST is not answered with a 2xx, or with one that cannot be used.

    why: the cause in one line, for people. hopeless: the same request can never succeed. not_reached: there was no
    connection, or it broke before the answer, so that the next request to this receiver will most likely fail too.
    retry_after_s: how long the receiver wants to be left alone, in seconds, if it said so. answer: what it answered
    to `notify`; None where it did not.
    """

    def __init__(
        self,
        why: str,
        *,
        hopeless: bool = False,
        not_reached: bool = False,
        retry_after_s: float | None = None,
        answer: PostAnswer | None = None,
    ) -> None:
        super().__init__(why)
        self.why, self.hopeless, self.not_reached, self.retry_after_s = why, hopeless, not_reached, retry_after_s
        self.answer = answer


def check_url(url: str) -> None:
    """Raise PostFailed (hopeless) unless the URL is http or https and names a host."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0 and "{" not in parts.netloc:
            return
    except ValueError:
        pass  # the port or the IPv6 address is not valid
    raise PostFailed("not a URL that begins with http:// or https:// and names a host", hopeless=True)


@dataclass(frozen=True, slots=True)
class SignedPost:
    """Sends bodies that are signed with `api_key`. now_ms: returns milliseconds since 1970, for the signature.

    Redirects are not followed: the signed body, with what was said in the call, would go to a place that nobody
    configured, and most clients turn a redirected POST into a GET. Proxies and `.netrc` are up to the session.
    """

    session: aiohttp.ClientSession
    api_key: str
    now_ms: Callable[[], int]

    async def send(
        self,
        url: str,
        body: bytes,
        *,
        delivery_id: str,
        timeout_s: float,
        answer_limit_bytes: int,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> bytes:
        """Send a body and return the body of the 2xx answer.

        delivery_id: see DELIVERY_HEADER. timeout_s: for the whole exchange, from the look-up of the name to the last
        byte of the answer. headers: beside those that every webhook has.

        Raises:
            PostFailed: no connection, no 2xx, no end in time, or an answer beyond the limit.
        """
        with _failures(timeout_s):
            async with asyncio.timeout(timeout_s), await self._accepted(url, body, delivery_id, headers) as response:
                if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise PostFailed("answered with a packed body, although the request accepts none: send it as it is")
                return await _read(response.content, answer_limit_bytes)

    async def notify(
        self, url: str, body: bytes, *, delivery_id: str, timeout_s: float, headers: Mapping[str, str] = NO_HEADERS
    ) -> PostAnswer:
        """Send a body to a receiver that answers with its status alone: any 2xx is success, whatever its body is.

        Returns the answer, of whose body the beginning is noted for people. delivery_id: see DELIVERY_HEADER.
        timeout_s: until the status has come. headers: as in `send`.

        Raises:
            PostFailed: no connection, or no 2xx in time.
        """
        with _failures(timeout_s):
            async with asyncio.timeout(timeout_s):
                response = await self._answered(url, body, delivery_id, headers)
        at_ms = self.now_ms()
        async with response:  # closes the connection unless all of the answer has been read
            start = await _start(response.content, min(timeout_s, IGNORED_FOR_S))
        answer = PostAnswer(response.status, at_ms, start)
        if not _is_accepted(response):
            raise _refused(response, at_ms, answer)
        return answer

    async def _accepted(
        self, url: str, body: bytes, delivery_id: str, more: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """Send the request and return its answer once the status and headers are there; PostFailed if it is no 2xx."""
        response = await self._answered(url, body, delivery_id, more)
        if _is_accepted(response):
            return response
        response.close()
        raise _refused(response, self.now_ms())

    async def _answered(
        self, url: str, body: bytes, delivery_id: str, more: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """Send the request and return its answer once the status and headers are there."""
        check_url(url)
        headers = {
            **more,
            "Content-Type": "application/json",
            "User-Agent": "ari-agent",
            DELIVERY_HEADER: delivery_id,
            signature.HEADER: signature.sign(body, self.api_key, self.now_ms()),
        }
        return await self.session.post(
            url, data=body, headers=headers, allow_redirects=False, timeout=_NO_OTHER_TIMEOUT
        )


def _is_accepted(response: aiohttp.ClientResponse) -> bool:
    return 200 <= response.status < 300


def _refused(response: aiohttp.ClientResponse, now_ms: int, answer: PostAnswer | None = None) -> PostFailed:
    if 300 <= response.status < 400:
        return PostFailed(f"answered {response.status}; redirects are not followed: set the final URL", answer=answer)
    wanted = response.headers.get("Retry-After") if response.status in _MAY_SAY_WHEN else None
    retry_after_s = None if wanted is None else parse_retry_after(wanted, now_ms)
    return PostFailed(f"answered {response.status}, expected 2xx", retry_after_s=retry_after_s, answer=answer)


@contextmanager
def _failures(timeout_s: float) -> Iterator[None]:
    """Turn every failure into a PostFailed of one line, without the URL, which may hold secrets."""
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


async def _start(content: aiohttp.StreamReader, within_s: float) -> bytes:
    """Return the body of an answer, or as much of it as is read so that its connection can be used again."""
    start = bytearray()
    with suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with asyncio.timeout(within_s):
            async for part in content.iter_any():
                start += part
                if len(start) > IGNORED_BYTES:
                    break
    return bytes(start)


async def _read(content: aiohttp.StreamReader, limit_bytes: int) -> bytes:
    """Read the answer to its end, so that its connection can be used again; PostFailed beyond the limit."""
    parts: list[bytes] = []
    size_bytes = 0
    async for part in content.iter_any():
        size_bytes += len(part)
        if size_bytes > limit_bytes:
            raise PostFailed(f"the answer is longer than {limit_bytes} bytes")
        parts.append(part)
    return b"".join(parts)
