"""The API as a client sees it that minds nothing: any bytes go out, and whatever comes back is looked at."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final
from urllib.parse import urlsplit

from ari_agent.api.openapi import describe
from tests.api.conftest import API_KEY, Json
from tests.api.served import ENDED, LIVE, NUMBER, served

DOCUMENT: Final = describe()
AGENT_ID: Final = "AGENT_ID"  # stands for the one that the server has

ENGINE: Final = {"type": "audio-websocket", "audio_websocket_url": "wss://agent.example.com/audio"}
CALL: Final = {"from_number": NUMBER, "to_number": "+14157775555"}
AUDIO: Final = {"audio_websocket_protocol": "web", "audio_encoding": "s16le", "sample_rate": 16000}
BODIES: Final[dict[str, Json]] = {
    "/create-agent": {"response_engine": ENGINE},
    "/create-agent-version/{agent_id}": {"base_version": 0},
    "/publish-agent-version/{agent_id}": {"version": 0},
    "/assign-agent-tag/{agent_id}": {"tag": "prod", "version": 0},
    "/create-phone-number": {"phone_number": "+14157776666"},
    "/import-phone-number": {"phone_number": "+14157776666", "termination_uri": "sip.example.com"},
    "/v2/create-phone-call": {**CALL, "override_agent_id": AGENT_ID},
    "/create-phone-call": {**CALL, "override_agent_id": AGENT_ID},
    "/create-batch-call": {"from_number": NUMBER, "tasks": [{"to_number": "+14157775555"}]},
    "/register-call": {"agent_id": AGENT_ID, **AUDIO},
    "/v2/register-phone-call": {"agent_id": AGENT_ID},
    "/v2/create-web-call": {"agent_id": AGENT_ID},
    "/v3/create-web-call": {"agent_id": AGENT_ID},
    "/v2/transfer-call/{call_id}": {"to": "+14157775555"},
    "/v2/send-dtmf/{call_id}": {"digits": "1"},
    "/v2/take-over-live-call/{call_id}": {"participant_id": "p"},
    "/create-sms-chat": {**CALL, "override_agent_id": AGENT_ID},
    "/create-chat": {"agent_id": AGENT_ID},
    "/create-chat-completion": {"chat_id": "chat_1", "content": "Hello."},
}
"""A good body for each path that needs one; `{}` for the others."""


class Server:
    """The API, over one connection that stays open while the server lets it."""

    def __init__(self, url: str, agent_id: str) -> None:
        self._agent_id = agent_id
        self.address = urlsplit(url).netloc
        self._socket: socket.socket | None = None
        self._answers: BinaryIO | None = None

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None and self._answers is not None:
            self._answers.close()
            self._socket.close()
            self._socket = None

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        in_one: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; `{agent_id}` and the like in the path are what the server has. raw: the body's very bytes.

        in_one: False for a body in chunks. Written and read by hand: `http.client` takes a quarter as long as the
        server, twenty thousand times.
        """
        call_id = LIVE.call_id if "live" in path or "stop" in path or "transfer" in path else ENDED.call_id
        ids = {
            "agent_id": self._agent_id,
            "call_id": call_id,
            "phone_number": NUMBER,
            "chat_id": "c",
            "llm_id": "l",
            "conversation_flow_id": "f",
            "webhook_id": "1",
        }
        content = raw if raw is not None else b"" if body is None else self._as_json(body)
        sent = {"Host": self.address, "Authorization": f"Bearer {API_KEY}", **(headers or {})}
        if in_one:
            sent["Content-Length"] = str(len(content))
        else:
            sent["Transfer-Encoding"] = "chunked"
            pieces = [content[at : at + 65536] for at in range(0, len(content), 65536)]
            content = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])
        lines = [f"{method} {path.format(**ids)} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return self._exchange("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    def _as_json(self, body: object) -> bytes:
        return json.dumps(body).replace(AGENT_ID, self._agent_id).encode()

    def _exchange(self, request: bytes) -> Answer:
        if self._socket is None:
            host, _, port = self.address.partition(":")
            self._socket = socket.create_connection((host, int(port)))
            self._answers = self._socket.makefile("rb")
        assert self._answers is not None
        self._socket.sendall(request)
        status = int(self._answers.readline().split()[1])
        told = {}
        while line := self._answers.readline().strip():
            name, _, value = line.partition(b":")
            told[name.lower()] = value.strip()
        content = self._answers.read(int(told.get(b"content-length", 0)))
        if told.get(b"connection") == b"close":
            self.close()
        return Answer(status, content)


class Answer:
    """What came back."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self._body = body

    def __repr__(self) -> str:
        return f"{self.status} {self._body[:300]!r}"

    @property
    def message(self) -> str:
        """Of an error, as all errors are."""
        read = json.loads(self._body)
        assert set(read) == {"status", "message", "error_message"}, read
        assert read["status"] == "error"
        assert read["message"] == read["error_message"]
        assert API_KEY not in read["message"]
        assert "Traceback" not in read["message"]
        return str(read["message"])


@contextmanager
def wired(folder: Path, database_url: str | None = None) -> Iterator[Server]:
    """A server of its own, in a thread; see `served`."""
    with served(folder, database_url) as (url, agent_id):
        server = Server(url, agent_id)
        try:
            yield server
        finally:
            server.close()


def with_bodies() -> Iterator[tuple[str, str, Any]]:
    """Method, path and schema of each operation that takes a body."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            if body := operation.get("requestBody"):
                yield method.upper(), path, body["content"]["application/json"]["schema"]


def named(part: object) -> str:
    """Ids of parametrized tests: the method and the path, without the rest."""
    return part if isinstance(part, str) else ""
