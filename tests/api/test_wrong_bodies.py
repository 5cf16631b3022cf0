"""Bodies that are no JSON object or too large, and requests that are hardly HTTP."""

from __future__ import annotations

import gzip
import json
import logging
import socket
from collections.abc import Iterator, Sequence
from typing import Final

import pytest

from ari_agent.api.errors import MAX_BODY_BYTES
from tests.api.conftest import API_KEY
from tests.api.wire import DOCUMENT, ENGINE, Answer, Server, named, wired, with_bodies

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with wired(tmp_path_factory.mktemp("served")) as made:
        yield made


# What is no JSON object.

NO_OBJECTS: Final[Sequence[tuple[bytes, str]]] = (
    (b"{", "not valid JSON"),
    (b'{"a": 1,}', "not valid JSON"),
    (b"{'a': 1}", "not valid JSON"),
    (b"{} {}", "not valid JSON: trailing characters"),
    (b"\xff\xfe", "not valid UTF-8: byte 0 is 0xff"),
    (b'{"a": "\xe4"}', "not valid UTF-8: byte 7 is 0xe4"),
    (b'\xef\xbb\xbf{"a": 1}', "not valid JSON"),
    (b'{"a": "\\ud800"}', "not valid JSON"),
    (b'{"a": NaN}', "not valid JSON"),
    (b'{"a": -Infinity}', "not valid JSON"),
    (b'{"a": 1' + b"0" * 5000 + b"}", "not valid JSON"),
    (b'{"a":' * 100_000, "not valid JSON: recursion limit"),
    (b"[]", "body: must be an object"),
    (b"[{}]", "body: must be an object"),
    (b'"{}"', "body: must be an object"),
    (b"null", "body: must be an object"),
    (b"7", "body: must be an object"),
    (b"true", "body: must be an object"),
)
WITH_BODIES: Final = tuple((method, path) for method, path, _ in with_bodies())


@pytest.mark.parametrize(("method", "path"), WITH_BODIES, ids=named)
def test_a_body_that_is_no_json_object_is_refused_with_a_reason(server: Server, method: str, path: str) -> None:
    for raw, said in NO_OBJECTS:
        answer = server.send(method, path, raw=raw)
        assert answer.status == 400, (raw[:50], answer)
        assert said in answer.message


@pytest.mark.parametrize(("method", "path"), WITH_BODIES, ids=named)
def test_an_empty_body_is_an_empty_object_or_refused(server: Server, method: str, path: str) -> None:
    required = DOCUMENT["paths"][path][method.lower()]["requestBody"]["required"]
    for raw in (b"", b" \r\n"):
        answer = server.send(method, path, raw=raw)
        if required:
            assert (answer.status, answer.message) == (400, "the body is empty; expected a JSON object")
        else:
            assert answer.status == server.send(method, path, {}).status


@pytest.mark.parametrize(("method", "path"), WITH_BODIES, ids=named)
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_over_the_limit_is_413(server: Server, method: str, path: str, chunked: bool) -> None:
    answer = server.send(method, path, in_one=not chunked, raw=b'{"a": "' + b"x" * MAX_BODY_BYTES + b'"}')
    assert (answer.status, answer.message) == (413, f"the body is larger than {MAX_BODY_BYTES} bytes")


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "nonsense"]
)
def test_the_content_type_is_not_looked_at(server: Server, content_type: str) -> None:
    body = json.dumps({"response_engine": ENGINE}).encode()
    assert server.send("POST", "/create-agent", raw=body, headers={"Content-Type": content_type}).status == 201


def test_of_keys_that_stand_twice_the_last_counts(server: Server) -> None:
    """As in JSON.parse and Python's json."""
    raw = b'{"agent_name": 7, "agent_name": "Ada", "response_engine": ' + json.dumps(ENGINE).encode() + b"}"
    assert server.send("POST", "/create-agent", raw=raw).status == 201
    raw = raw.replace(b'"agent_name": 7, "agent_name": "Ada"', b'"agent_name": "Ada", "agent_name": 7')
    assert "agent_name: must be a string, not 7" in server.send("POST", "/create-agent", raw=raw).message


# What is hardly HTTP.

HEAD: Final = f"POST /create-agent HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {API_KEY}\r\n".encode()


def _raw(server: Server, request: bytes, *, hang_up: bool = False) -> bytes:
    """The answer as it came; empty where there is none."""
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"Content-Length: 99999999999\r\n\r\n{}", 413),
        (HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    ],
)
def test_a_length_or_a_packing_that_lies_is_an_error_like_any(server: Server, request_: bytes, status: int) -> None:
    head, _, body = _raw(server, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert Answer(status, body).message


@pytest.mark.parametrize("path", [b"/create-agent", b"/healthz", b"/no-such-path"])
@pytest.mark.parametrize(
    "encoding", [b"gzip", b"deflate", b"br", b"zstd", b"identity, gzip", b"\r\nContent-Encoding: gzip"]
)
def test_a_packed_body_is_415_whoever_sends_it(server: Server, path: bytes, encoding: bytes) -> None:
    packed = gzip.compress(b" " * 8_000_000)
    head = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    answer = _raw(server, head % (path, encoding, len(packed)) + packed)
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"without Content-Encoding" in answer


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Content-Length: -1\r\n\r\n{}",
        HEAD + b"Content-Length: 1\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n",
        HEAD.replace(b"\r\nAuth", b"\0\r\nAuth") + b"\r\n",
        HEAD.replace(b"Bearer ", b"Bearer \0") + b"\r\n",
        b"GET http://[ HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
    ],
)
def test_what_is_no_http_is_400_without_a_traceback(
    server: Server, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert _raw(server, request_).startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
        assert server.send("GET", "/healthz").status == 200
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []
    assert API_KEY not in caplog.text


@pytest.mark.parametrize(
    "request_",
    [
        HEAD + b"Content-Length: 100\r\n\r\n{",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n10\r\n{",
        HEAD[:30],
    ],
)
def test_a_client_that_leaves_in_the_middle_leaves_no_traceback(
    server: Server, request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert _raw(server, request_, hang_up=True) == b""
        assert server.send("GET", "/healthz").status == 200
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []
