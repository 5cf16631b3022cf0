"""A request to a provider: what comes back, and what is said where nothing does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from tenacity import RetryCallState

from ari_agent.endpoint import Endpoint, http_session
from ari_agent.provider_api import MAX_ANSWER_BYTES, ProviderApi, RequestFailed, failure_of, is_passing
from tests.fakes.model_server import ModelServer, Says, model_server

KEY = "s3cret"
BODY = b'{"model": "small", "messages": []}'
PATH = "/chat/completions"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with model_server() as started:
        yield started


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with http_session({"Authorization": f"Bearer {KEY}"}) as session:
        yield session


def api_of(server: ModelServer, http: aiohttp.ClientSession) -> ProviderApi:
    return ProviderApi(Endpoint.of(server.url, setting="ARI_AGENT_X_URL"), KEY, "ARI_AGENT_X_KEY", lambda: http)


async def test_an_answer_comes_back_as_it_is_up_to_a_size(server: ModelServer, http: aiohttp.ClientSession) -> None:
    server.key, server.always = KEY, Says(body=b" " * MAX_ANSWER_BYTES)
    assert await api_of(server, http).request("POST", PATH, BODY, timeout_s=30) == b" " * MAX_ANSWER_BYTES
    assert server.asked == [{"model": "small", "messages": []}]


@pytest.mark.parametrize(
    ("says", "told", "passes"),
    [
        (Says(drop=True), "the connection to 127.0.0.1 failed: ServerDisconnectedError", True),
        (Says(status=500), "127.0.0.1 answered 500: not now", True),
        (Says(status=418, body=b'{"error": {"message": "no s3cret"}}'), "127.0.0.1 answered 418: no ***", False),
        (Says(status=404, body=b"<html>"), "127.0.0.1 answered 404", False),
        (Says(status=400, body=b'{"detail": "' + b"x" * 100_000 + b'"}'), "127.0.0.1 answered 400", False),
        (Says(status=307, headers={"Location": "/"}), "127.0.0.1 answered 307: not now", False),
        (Says(status=403), "127.0.0.1 refuses the key (403): check ARI_AGENT_X_KEY", False),
        (Says(body=b" " * (MAX_ANSWER_BYTES + 1)), "the answer of 127.0.0.1 has more than 1048576 bytes", False),
        (Says(delay_s=60), "127.0.0.1 gave no answer within 1 s", True),
    ],
    ids=["cut off", "500", "the key in words", "no reason", "endless reason", "redirect", "403", "long", "slow"],
)
async def test_what_fails_is_one_line_without_the_key(
    server: ModelServer, http: aiohttp.ClientSession, says: Says, told: str, passes: bool
) -> None:
    server.always = says
    with pytest.raises(RequestFailed) as failed:
        await api_of(server, http).request("POST", PATH, BODY, timeout_s=1 if says.delay_s else 30)
    assert (str(failed.value), failed.value.may_pass) == (told, passes)
    assert is_passing(failed.value) is passes
    assert failed.value.status == (says.status if says.status != 200 else None)
    assert len(server.asked) == 1


async def test_a_request_may_have_no_body(server: ModelServer, http: aiohttp.ClientSession) -> None:
    with pytest.raises(RequestFailed, match=r"127\.0\.0\.1 answered 405") as failed:
        await api_of(server, http).request("GET", PATH, timeout_s=30)
    assert failed.value.status == 405


async def test_it_says_what_the_server_wants_before_the_next_request(
    server: ModelServer, http: aiohttp.ClientSession
) -> None:
    server.always = Says(status=429, headers={"Retry-After": "7"})
    with pytest.raises(RequestFailed) as failed:
        await api_of(server, http).request("POST", PATH, BODY, timeout_s=30)
    assert (failed.value.status, failed.value.retry_after) == (429, "7")


async def test_an_answer_is_read_while_it_comes(server: ModelServer, http: aiohttp.ClientSession) -> None:
    server.always = Says(body=b"data: 1\n\ndata: 2\n\n")
    async with api_of(server, http).answer("POST", PATH, BODY, timeout_s=30) as response:
        assert await response.content.readline() == b"data: 1\n"
    with pytest.raises(RequestFailed, match=r"127\.0\.0\.1 gave no answer within 0\.5 s"):
        async with api_of(server, http).answer("POST", PATH, BODY, timeout_s=0.5):
            raise TimeoutError  # as aiohttp does where the rest does not come in time


async def test_it_shows_no_key(server: ModelServer, http: aiohttp.ClientSession) -> None:
    assert KEY not in repr(api_of(server, http))


def test_nobody_is_asked_again_for_another_error() -> None:
    assert not is_passing(ValueError())


async def test_the_last_failure_is_told_to_whoever_waits() -> None:
    state = RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
    assert str(failure_of(state)) == "no answer"
    failure = RequestFailed("busy", may_pass=True)
    state.set_exception((RequestFailed, failure, None))
    assert failure_of(state) is failure
