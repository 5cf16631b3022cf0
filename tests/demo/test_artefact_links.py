"""The links of a call against a server that is right, and against each thing wrong."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from ari_agent.demo.artefact_links import CONTENT_TYPES, check_artefacts, tell_links
from ari_agent.demo.report import Report
from tests.demo.test_logged_call import CALL, LOG
from tests.demo.test_recorded_call import DIALOGUE, LEFT, MIXED, RIGHT, wav

LINKS, RECORDING, PUBLIC_LOG = STEPS = ("links", "recording", "public_log")
SIGNATURE = "good"


class Server:
    """Serves the three files of a call, and has the report that looks at them. hidden_lines: not in the log yet."""

    def __init__(self) -> None:
        self.files = {
            "recording_multi_channel_url": wav(LEFT, RIGHT),
            "recording_url": MIXED,
            "public_log_url": LOG.encode(),
        }
        self.types = dict(CONTENT_TYPES)
        self.knows_ranges = self.checks_signatures = True
        self.hidden_lines = 0
        self.asked_with: list[str] = []
        self.report = Report(Console(file=io.StringIO()))
        self.call: dict[str, Any] = {"call_id": CALL["call_id"]}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked_with += request.headers
        if self.checks_signatures and request.query["signature"] != SIGNATURE:
            return web.json_response({"status": "error"}, status=403)
        field = request.match_info["field"]
        body = self.files[field]
        if field == "public_log_url" and self.hidden_lines:
            body = b"".join(body.splitlines(keepends=True)[: -self.hidden_lines])
            self.hidden_lines -= 1
        headers = {"Content-Type": self.types[field]}
        wanted = request.http_range
        if wanted.stop and self.knows_ranges:
            return web.Response(status=206, body=body[wanted], headers=headers)
        return web.Response(body=body, headers=headers)

    async def check(self) -> dict[str, bool]:
        number, name = CALL["number"], CALL["customer_name"]
        await check_artefacts(self.report, self.call, DIALOGUE, number=number, customer_name=name)
        steps = self.report.as_json({})["steps"]
        return {step: steps[step] for step in STEPS}

    def seen(self, step: str) -> str:
        return str(self.report.as_json({})["seen"][step])


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    application = web.Application()
    application.router.add_get("/artefacts/{field}", made.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/artefacts"
    made.call |= {field: f"{base}/{field}?signature={SIGNATURE}" for field in CONTENT_TYPES}
    yield made
    await runner.cleanup()


async def test_links_that_lead_to_the_whole_call_are_seen(server: Server) -> None:
    assert await server.check() == dict.fromkeys(STEPS, True)
    assert "Authorization" not in server.asked_with


async def test_the_end_of_the_log_is_waited_for(server: Server) -> None:
    server.hidden_lines = 4
    assert (await server.check())[PUBLIC_LOG]


async def test_a_wrong_recording_does_not_keep_the_log_from_being_looked_at(server: Server) -> None:
    server.files["recording_multi_channel_url"] = wav(RIGHT, LEFT)
    assert await server.check() == {LINKS: True, RECORDING: False, PUBLIC_LOG: True}
    assert "the greeting is not in the right channel" in server.seen(RECORDING)


async def test_a_wrong_log_fails_alone(server: Server) -> None:
    lines = [json.loads(line) for line in LOG.splitlines()]
    lines[-1]["lines"] += 1
    server.files["public_log_url"] = "".join(json.dumps(line) + "\n" for line in lines).encode()
    assert await server.check() == {LINKS: True, RECORDING: True, PUBLIC_LOG: False}


@pytest.mark.parametrize("field", CONTENT_TYPES)
async def test_a_link_that_is_missing_is_told_with_its_name(server: Server, field: str) -> None:
    server.call[field] = None
    assert await server.check() == dict.fromkeys(STEPS, False)
    assert server.seen(LINKS) == f"{field} of the call object is None"
    assert (server.seen(RECORDING), server.seen(PUBLIC_LOG)) == ("not reached", "not reached")


async def test_a_wrong_content_type_fails(server: Server) -> None:
    server.types["public_log_url"] = "text/html"
    assert not (await server.check())[LINKS]
    assert "answered [200, 'text/html'], expected was (200, 'application/x-ndjson')" in server.seen(LINKS)


async def test_a_server_without_ranges_fails(server: Server) -> None:
    server.knows_ranges = False
    assert not (await server.check())[LINKS]
    assert "expected was (206, 'audio/wav')" in server.seen(LINKS)


async def test_a_link_that_anybody_can_make_up_fails(server: Server) -> None:
    server.checks_signatures = False
    assert not (await server.check())[LINKS]
    assert "a link that was changed is answered with 200, expected was 403" in server.seen(LINKS)


async def test_nobody_there_fails(server: Server, unused_tcp_port: int) -> None:
    server.call["recording_url"] = f"http://127.0.0.1:{unused_tcp_port}/x?signature=none"
    assert not (await server.check())[LINKS]
    assert f"127.0.0.1:{unused_tcp_port}/x?signature=none failed: " in server.seen(LINKS)


def test_a_link_is_told_whole_in_a_line_of_its_own() -> None:
    out, link = io.StringIO(), f"http://127.0.0.1:8080/artefacts/call_{'1' * 32}/public.log.jsonl?signature={'s' * 43}"
    tell_links(Report(Console(file=out, width=80)), {"recording_url": None, "public_log_url": link})
    told = ["  stereo recording: there is none", "  recording: there is none", f"  public log: {link}", ""]
    assert out.getvalue().split("\n") == told
