"""Trial calls with agents on loopback: good ones, and some that are wrong in each way that can be."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from ari_agent.__main__ import main
from ari_agent.demo.agent import serve_agent
from ari_agent.errors import ConfigurationError
from ari_agent.try_agent.options import Pace, TrialOptions
from ari_agent.try_agent.report import STEPS
from ari_agent.try_agent.run import try_agent
from tests.examples.running import example
from tests.fakes.agent_server import AgentCall, AgentServer, Refusal, listen
from tests.fakes.certificate import self_signed
from tests.fakes.llm_server import LlmServer, LlmTalk, Message
from tests.fakes.raw_agent import RawAgent
from tests.fakes.sound import tone

pytestmark = pytest.mark.slow

QUICK: Final = Pace(
    greeting_s=1.0, key_s=0.3, hold_s=0.3, quiet_s=0.4, longest_answer_s=6.0, speaks_for_s=0.3, stops_s=0.6
)
WITH_KEYS: Final = replace(QUICK, key_s=5.0)
"""Keys that are pressed in a row are one entry: a text agent is told of one when no other follows."""
QUESTION_S: Final = 1.7
"""How long the caller speaks when asking."""
OPENING: Final[Message] = {"response_id": 0, "content": "Hello there.", "content_complete": True}


class Trial:
    """What came of a trial call."""

    def __init__(self, status: int, lines: list[str]) -> None:
        self.status = status
        (line,) = lines
        self.result: dict[str, Any] = json.loads(line)
        self.steps: dict[str, Any] = {step["step"]: step for step in self.result["steps"]}
        self.findings: dict[str, str] = {finding["what"]: finding["severity"] for finding in self.result["findings"]}

    def seen(self, step: str) -> str:
        return "; ".join(self.steps[step]["seen"])

    def wrong(self) -> str:
        return "\n".join(what for what, severity in self.findings.items() if severity == "wrong")

    def rights(self) -> str:
        return "\n".join(finding.get("right", "") for finding in self.result["findings"])

    def tried(self) -> list[str]:
        return [name for name, step in self.steps.items() if step["tried"]]


Try = Callable[..., Awaitable[Trial]]


@pytest.fixture
def trial(tmp_path: Path) -> Try:
    async def play(url: str, protocol: Any = "twilio", **more: Any) -> Trial:
        lines: list[str] = []
        options = TrialOptions(url, protocol, **{"pace": QUICK, "patience_s": 2.0, "connect_timeout_s": 5.0, **more})
        status = await try_agent(options, wav=tmp_path / "heard.wav", as_json=True, show=lines.append)
        return Trial(status, lines)

    return play


@pytest.fixture
async def agents() -> AsyncIterator[AgentServer]:
    async with AgentServer() as server:
        yield server
        assert server.take_script_errors() == []


@pytest.fixture
async def llms() -> AsyncIterator[LlmServer]:
    async with LlmServer() as server:
        yield server


def saying(*messages: Message | str | bytes) -> Callable[[AgentCall], Awaitable[None]]:
    """An agent that greets with a tone, and says these things at once."""

    async def script(call: AgentCall) -> None:
        await call.say(tone(500, 0.3, rate_hz=call.rate_hz))
        for message in messages:
            await call.send(message)

    return script


async def test_the_demos_agent_does_everything_right(trial: Try, tmp_path: Path) -> None:
    async with serve_agent("127.0.0.1", 0, transfer_to="100") as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tried = await trial(f"ws://127.0.0.1:{port}/web", "web")
    assert (tried.status, tried.result["ok"], tried.wrong()) == (0, True, "")
    assert tried.tried() == list(STEPS)
    assert tried.steps["start"]["ms"]["first_sound"] >= 0
    assert "it sends mark" in tried.seen("key")
    assert tried.result["messages"]["to_agent"]["dtmf"] == 1
    with wave.open(str(tmp_path / "heard.wav")) as file:
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert np.abs(heard).max() > 3000
    assert tried.result["heard"]["wav"] == str(tmp_path / "heard.wav")


async def test_an_agent_that_is_interrupted_and_clears_is_told_how_soon(trial: Try, agents: AgentServer) -> None:
    async def script(call: AgentCall) -> None:
        await call.hears(seconds=1.0)
        await call.say(tone(500, 0.3))
        await call.event("dtmf")
        await call.hears(seconds=QUESTION_S + 1.0)
        await call.say(tone(500, 8.0))
        await call.hears(seconds=2 * QUESTION_S + 0.5)
        await call.clear()

    tried = await trial(agents.agent(script).url)
    assert (tried.status, tried.wrong()) == (0, "")
    assert "lets the caller begin" in tried.seen("start")
    assert "the agent sends clear" in tried.seen("interruption")
    assert "it is silent after" in tried.seen("interruption")


async def test_an_agent_that_speaks_on_when_it_is_interrupted_is_told_of_clear(trial: Try, agents: AgentServer) -> None:
    async def script(call: AgentCall) -> None:
        await call.hears(seconds=1.0)
        await call.say(tone(500, 0.3))
        await call.event("dtmf")
        await call.hears(seconds=QUESTION_S + 1.0)
        await call.say(tone(500, 8.0))

    tried = await trial(agents.agent(script).url)
    assert tried.status == 0
    assert "it speaks on over the caller" in tried.seen("interruption")
    assert "send clear when the caller begins to speak" in tried.rights()


async def test_an_agent_that_speaks_without_an_end_is_not_said_to_answer(trial: Try, agents: AgentServer) -> None:
    async def script(call: AgentCall) -> None:
        await call.say(tone(500, 60.0))

    tried = await trial(agents.agent(script).url, pace=replace(QUICK, longest_answer_s=0.5))
    assert "it still speaks after the 0.5 s that are waited" in tried.seen("start")
    assert "an answer cannot be told from it" in tried.seen("speech")
    assert "goes on with what it said before" in tried.seen("key")
    assert (tried.steps["speech"]["ms"], tried.steps["key"]["ms"]) == ({}, {})


async def test_bad_messages_are_shown_with_what_would_be_right(trial: Try, agents: AgentServer) -> None:
    script = saying(
        {"event": "mark"},
        "hello",
        {"event": "claer"},
        {"event": "dtmf", "dtmf": {"digits": "x"}},
        {"event": "media", "media": {"payload": "_____w"}},
        b"\x00\x01\x02\x03",
    )
    tried = await trial(agents.agent(script).url)
    assert tried.status == 1
    wrong = tried.wrong()
    assert "a mark needs mark.name" in wrong
    assert "a text message is" in wrong
    assert "dtmf: dtmf.digits" in wrong or "dtmf: digits" in wrong
    assert "a binary message of 4 bytes" in wrong
    remarks = [what for what, severity in tried.findings.items() if severity == "remark"]
    assert any(what.startswith("claer: no such message") for what in remarks)
    assert any(what.startswith("media: it was understood, but") for what in remarks)
    assert '{"event": "mark", "mark": {"name": "greeting"}}' in tried.rights()
    assert tried.tried() == list(STEPS)


async def test_what_the_agent_asks_for_is_told_and_a_transfer_fails(trial: Try, agents: AgentServer) -> None:
    agent = agents.agent(
        saying({"event": "transfer", "transfer": {"to": "100"}}, {"event": "dtmf", "dtmf": {"digits": "5"}})
    )
    tried = await trial(agent.url)
    assert tried.status == 0
    seen = " ".join(tried.seen(step) for step in STEPS)
    assert "asked for a transfer to 100 by sip_refer" in seen
    assert "asked for the keys 5" in seen
    assert agent.calls[0].events("transfer")[0]["transfer"]["status"] == "failed"


async def test_an_agent_that_hangs_up_is_all_right_and_the_rest_is_left_out(trial: Try, agents: AgentServer) -> None:
    async def script(call: AgentCall) -> None:
        await call.say(tone(500, 0.3))
        await call.event("dtmf")
        await call.hang_up(q850_cause=17)

    tried = await trial(agents.agent(script).url)
    assert tried.status == 0
    assert "the agent hangs up (Q.850 cause 17)" in tried.seen("key")
    assert tried.tried() == ["connect", "start", "speech", "key"]


async def test_an_agent_that_is_lost_is_wrong_and_the_record_would_say_why(trial: Try, agents: AgentServer) -> None:
    async def script(call: AgentCall) -> None:
        await call.say(tone(500, 0.3))
        await call.event("dtmf")
        await call.close(1011)

    tried = await trial(agents.agent(script).url)
    assert tried.status == 1
    assert "error_llm_websocket_lost_connection" in tried.wrong()
    assert "close code 1011" in tried.wrong()


async def test_audio_that_no_queue_holds_and_gaps_in_it_are_told(trial: Try, agents: AgentServer) -> None:
    async def too_much(call: AgentCall) -> None:
        for _ in range(2):
            await call.say(np.tile(tone(500, 1.0), 400))

    async def too_late(call: AgentCall) -> None:
        for _ in range(40):
            await call.say(tone(500, 0.1))
            await asyncio.sleep(0.16)

    pace = replace(QUICK, longest_answer_s=0.3)
    tried = await trial(agents.agent(too_much).url, pace=pace)
    assert tried.status == 1
    assert "of audio were given up: more than 10 minutes" in tried.wrong()
    tried = await trial(agents.agent(too_late).url, pace=pace)
    assert "which is heard as gaps" in " ".join(tried.findings)


async def test_a_caller_who_hears_nothing_is_wrong(trial: Try, agents: AgentServer) -> None:
    tried = await trial(agents.agent(listen).url, patience_s=0.3)
    assert tried.status == 1
    assert tried.wrong() == "a caller would have heard nothing at all"
    assert tried.result["heard"]["first_sound_ms"] is None


async def test_a_text_agent_is_heard_and_interrupted_without_any_speech_installed(trial: Try, llms: LlmServer) -> None:
    async def script(talk: LlmTalk, message: Message) -> None:
        if message["interaction_type"] == "response_required":
            said = str(message["transcript"][-1]["content"])
            await talk.respond(message["response_id"], "you said: ", said + " and so on" * 4)

    config = {"response_type": "config", "config": {"call_details": True}}
    tried = await trial(llms.agent(script, opening=(config, OPENING)).url, "llm", patience_s=10.0, pace=WITH_KEYS)
    assert (tried.status, tried.wrong()) == (0, "")
    assert tried.tried() == list(STEPS)
    said = [(entry["role"], entry["content"]) for entry in tried.result["transcript"]]
    assert said[:2] == [("agent", "Hello there."), ("user", "hello what can you do for me")]
    assert ("user", "Pressed Button: 1") in said
    assert "first_sound" in tried.steps["speech"]["ms"]
    assert "it is silent after" in tried.seen("interruption")
    assert tried.result["messages"]["to_agent"]["call_details"] == 1


async def test_a_text_agents_bad_messages_are_shown(trial: Try, llms: LlmServer) -> None:
    opening = (
        OPENING,
        {"response_type": "config", "config": {"auto_reconnect": "yes"}},
        {"response_id": 9, "content": "Hm.", "content_complete": True},
        {"response_type": "laugh"},
    )
    tried = await trial(llms.agent(opening=opening).url, "llm")
    assert tried.status == 1
    wrong = tried.wrong()
    assert "config.config.auto_reconnect" in wrong
    assert "response_id 9, which was not asked" in wrong
    assert "response_type 'laugh' is unknown" in wrong
    assert '"auto_reconnect": true' in tried.rights()


async def test_a_text_agent_that_sends_binary_is_lost_and_told_why(trial: Try, llms: LlmServer) -> None:
    async def script(talk: LlmTalk, message: Message) -> None:
        await talk.connection.send(b"\x00\x01")

    tried = await trial(llms.agent(script, opening=(OPENING,)).url, "llm")
    assert tried.status == 1
    assert "a binary message ends the call" in tried.wrong()
    assert "error_llm_websocket_corrupt_payload" in tried.wrong()
    assert "try --protocol web" in tried.rights()


@pytest.mark.parametrize(
    ("says", "tried_as", "hint"),
    [
        (b"\x00\x01" * 800, "twilio", "web"),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}', "web", "twilio"),
        ('{"event":"media","streamSid":"MZ1","media":{"payload":"//8="}}', "llm", "twilio"),
        ('{"response_type":"config","config":{}}', "web", "llm"),
    ],
)
async def test_the_right_protocol_is_named_and_the_call_is_short(
    trial: Try, says: str | bytes, tried_as: str, hint: str
) -> None:
    async def agent(websocket: ServerConnection) -> None:
        await websocket.send(says)
        async for _ in websocket:
            pass

    async with serve(agent, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        tried = await trial(f"ws://127.0.0.1:{port}", tried_as)
    assert tried.status == 1
    assert f"try --protocol {hint}" in tried.rights()
    assert tried.tried() == ["connect", "start"]


async def test_an_agent_that_is_not_there_is_not_reached(trial: Try) -> None:
    for protocol in ("twilio", "llm"):
        tried = await trial("ws://127.0.0.1:9/", protocol)
        assert tried.status == 2
        assert "nothing listens there" in tried.result["advice"]
        assert tried.tried() == ["connect"]


@pytest.mark.parametrize(("status", "advice"), [(403, "--auth-token"), (404, "path"), (503, "its own log")])
async def test_a_refused_handshake_is_explained(trial: Try, agents: AgentServer, status: int, advice: str) -> None:
    tried = await trial(agents.agent(refusal=Refusal(status=status)).url)
    assert tried.status == 2
    assert f"answered {status}" in tried.result["not_reached"]
    assert advice in tried.result["advice"]


@pytest.mark.parametrize("protocol", ["twilio", "llm"])
async def test_a_web_server_is_no_agent(trial: Try, protocol: str) -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/{rest:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    tried = await trial(f"ws://127.0.0.1:{port}/", protocol)
    await runner.cleanup()
    assert tried.status == 2
    assert "not a websocket" in tried.result["advice"]


@pytest.mark.parametrize("protocol", ["twilio", "llm"])
async def test_tls_where_there_is_none_and_none_where_there_is_are_explained(
    trial: Try, protocol: str, tmp_path: Path
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path))
    async with AgentServer() as plain:
        tried = await trial(plain.agent().url.replace("ws://", "wss://"), protocol)
        assert (tried.status, "not wss://" in tried.result["advice"]) == (2, True), tried.result["not_reached"]
    async with AgentServer(tls=tls) as secure:
        url = secure.agent().url
        tried = await trial(url, protocol)
        assert (tried.status, "certificate" in tried.result["advice"]) == (2, True), tried.result["not_reached"]
        tried = await trial(url.replace("wss://", "ws://"), protocol)
        assert (tried.status, "ws:// or wss://" in tried.result["advice"]) == (2, True), tried.result["not_reached"]


async def test_secrets_in_the_url_are_not_told(trial: Try) -> None:
    tried = await trial("ws://user:passw0rd@127.0.0.1:9/a?token=t0ken")
    assert "127.0.0.1:9/a" in tried.result["url"]
    assert not {"passw0rd", "t0ken"} & set(re.findall(r"\w+", json.dumps(tried.result)))


async def test_a_host_that_is_not_there_and_one_that_is_silent_are_explained(trial: Try) -> None:
    tried = await trial("ws://nohost.invalid/")
    assert "no such host" in tried.result["advice"]
    async with RawAgent() as agent:
        tried = await trial(agent.url, connect_timeout_s=0.3)
    assert "nothing answered in time" in tried.result["advice"]


async def test_a_wav_file_that_cannot_be_written_is_named_before_the_call(agents: AgentServer, tmp_path: Path) -> None:
    agent = agents.agent(refusal=None)
    options = TrialOptions(agent.url, pace=QUICK, patience_s=0.1)
    with pytest.raises(ConfigurationError, match=r"--wav .*No such file or directory"):
        await try_agent(options, wav=tmp_path / "nowhere" / "a.wav", as_json=True, show=print)
    assert agent.attempts == 0


def test_an_agent_that_is_not_reached_leaves_no_wav_file(tmp_path: Path) -> None:
    wav = tmp_path / "heard.wav"
    assert main(["try-agent", "ws://127.0.0.1:1", "--wav", str(wav)]) == 2
    assert not wav.exists()


@pytest.mark.parametrize(("name", "protocol"), [("audio_agent.py", "twilio"), ("text_agent.py", "llm")])
async def test_the_examples_are_all_right_and_the_command_says_so(
    name: str, protocol: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with example(name) as (port, _):
        arguments = ["try-agent", f"ws://127.0.0.1:{port}", "--protocol", protocol, "--wav", str(tmp_path / "a.wav")]
        status = await asyncio.to_thread(main, arguments)
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert printed.startswith(f"✓ {STEPS['connect']}: ")
    assert printed.endswith("Nothing was wrong.\n")
    assert str(tmp_path / "a.wav") in printed
