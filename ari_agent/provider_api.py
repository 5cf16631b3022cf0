"""A request to the HTTP API of a provider: its time, its size, and one line without a secret about what went wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import aiohttp
from tenacity import RetryCallState

from ari_agent.endpoint import Endpoint, may_pass, reason, refuses_key

Body: TypeAlias = bytes | aiohttp.FormData | None
"""What a request holds: JSON as bytes, a form, or nothing."""
MAX_ANSWER_BYTES: Final = 1024 * 1024
_REASON_BYTES: Final = 64 * 1024
"""How much of the body of an error is read; one of more bytes is no reason that anybody wrote."""
_JSON: Final[Mapping[str, str]] = {"Content-Type": "application/json"}


class RequestFailed(Exception):
    """Raised when a request to a provider got no answer that can be used. The message is one line without a secret.

    may_pass: the same request may succeed in a moment. status: of the HTTP answer, None where there was none.
    retry_after: the header of this name as it came, "" where there was none.
    """

    def __init__(self, why: str, *, may_pass: bool, status: int | None = None, retry_after: str = "") -> None:
        super().__init__(why)
        self.may_pass, self.status, self.retry_after = may_pass, status, retry_after


def is_passing(error: BaseException) -> bool:
    """Return whether a request that failed with this error may succeed in a moment, as tenacity wants to know."""
    return isinstance(error, RequestFailed) and error.may_pass


def failure_of(state: RetryCallState) -> RequestFailed:
    """Return why the last attempt at a request has failed."""
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, RequestFailed) else RequestFailed("no answer", may_pass=True)


@dataclass(frozen=True, slots=True)
class ProviderApi:
    """The API of a provider, and the key to it.

    key: "" for a server that asks for none. key_setting: the setting that holds it, for whoever has to mend it.
    session: returns what requests are sent by, which is the caller's, and carries the key already.
    """

    endpoint: Endpoint
    key: str = field(repr=False)
    key_setting: str
    session: Callable[[], aiohttp.ClientSession] = field(repr=False)

    async def request(self, method: str, path: str, body: Body = None, *, timeout_s: float) -> bytes:
        """Send a request and return the body of its answer, which has the status 200 and at most MAX_ANSWER_BYTES.

        method: GET or POST. path: of the endpoint's resource, with a slash in front. timeout_s: from the look-up of the
        host's name to the last byte of the answer.

        Raises:
            RequestFailed: no connection, no end in time, another status, or more bytes than that.
        """
        answer = bytearray()
        async with self.answer(method, path, body, timeout_s=timeout_s) as response:
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    why = f"the answer of {self.endpoint.host} has more than {MAX_ANSWER_BYTES} bytes"
                    raise RequestFailed(why, may_pass=False)
        return bytes(answer)

    @asynccontextmanager
    async def answer(
        self, method: str, path: str, body: Body = None, *, timeout_s: float
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, see `request`, and give its answer with the status 200, to be read as far as one wants.

        Redirects are not followed: they would carry the key to where nobody configured it to go.

        Raises:
            RequestFailed: as `request` does, and where the answer breaks off or runs out of time while it is read.
        """
        host = self.endpoint.host
        try:
            async with self.session().request(
                method,
                self.endpoint.url(path),
                data=body,
                headers=_JSON if isinstance(body, bytes) else None,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                allow_redirects=False,
            ) as response:
                if response.status != 200:
                    raise await self._refusal(response)
                yield response
        except TimeoutError:
            raise RequestFailed(f"{host} gave no answer within {timeout_s:g} s", may_pass=True) from None
        except (aiohttp.ClientError, OSError) as error:
            raise RequestFailed(f"the connection to {host} failed: {type(error).__name__}", may_pass=True) from None

    async def _refusal(self, response: aiohttp.ClientResponse) -> RequestFailed:
        status, host = response.status, self.endpoint.host
        if refuses_key(status):
            return RequestFailed(
                f"{host} refuses the key ({status}): check {self.key_setting}", may_pass=False, status=status
            )
        said = reason(await _first_bytes(response.content), secret=self.key)
        return RequestFailed(
            f"{host} answered {status}{f': {said}' if said else ''}",
            may_pass=may_pass(status),
            status=status,
            retry_after=response.headers.get("Retry-After", ""),
        )


async def _first_bytes(content: aiohttp.StreamReader) -> bytes:
    begun = bytearray()
    async for chunk in content.iter_any():
        begun += chunk
        if len(begun) > _REASON_BYTES:
            break
    return bytes(begun[:_REASON_BYTES])
