"""Agents on wss: their certificate is checked, against the system's authorities or those of SSL_CERT_FILE."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.agent_server import AgentServer, echo
from tests.integration.stage import Stage, staged


async def certificate(stage: Stage, names: str) -> tuple[Path, Path]:
    """A self-made certificate for these names, and its key; made by the root's openssl."""
    folder = stage.pbx.work_path
    key, made = f"agent-{len(list(folder.iterdir()))}.key", f"agent-{len(list(folder.iterdir()))}.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=agent"]
    done = await stage.pbx.run_tool([*command, "-addext", f"subjectAltName={names}", "-keyout", key, "-out", made])
    assert done.returncode == 0, done.output
    return folder / made, folder / key


def serving(made: Path, key: Path) -> AgentServer:
    """Agents behind that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return AgentServer(tls=context)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def trusting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stage, Path]]:
    """A controller of its own that trusts one file of certificates, to be filled; and that file."""
    trusted = tmp_path_factory.mktemp("tls") / "trusted.crt"
    trusted.touch()
    folder = tmp_path_factory.mktemp("trusting")
    async with staged(folder, process_environment={"SSL_CERT_FILE": str(trusted)}) as stage:
        yield stage, trusted


@pytest.mark.parametrize("protocol", ["twilio", "web"])
async def test_an_agent_whose_certificate_is_trusted_is_reached(trusting: tuple[Stage, Path], protocol: str) -> None:
    stage, trusted = trusting
    made, key = await certificate(stage, "IP:127.0.0.1")
    trusted.write_bytes(made.read_bytes())
    await stage.controller.stop()
    await stage.controller.start()
    async with serving(made, key) as agents:
        agent = agents.agent(echo, protocol=protocol)
        number = await stage.import_number(await stage.create_agent(agent))
        async with stage.caller() as caller:
            await caller.call(number)
            call = await agent.call()
            await call.hears_on(0.3)
    assert agent.engine["audio_websocket_url"].startswith("wss://")


@pytest.mark.parametrize("names", ["IP:127.0.0.1", "DNS:elsewhere.example"], ids=["unknown authority", "wrong name"])
async def test_an_agent_whose_certificate_is_not_good_is_not_talked_to(
    trusting: tuple[Stage, Path], names: str
) -> None:
    stage, trusted = trusting
    made, key = await certificate(stage, names)
    if "elsewhere" in names:
        trusted.write_bytes(made.read_bytes())
        await stage.controller.stop()
        await stage.controller.start()
    async with serving(made, key) as agents:
        agent = agents.agent()
        number = await stage.import_number(await stage.create_agent(agent))
        async with stage.caller() as caller:
            await caller.dial(number)
            ended = await stage.events.event("call_ended", to_number=number, timeout_s=20)
    assert ended.call["disconnection_reason"] == "error_llm_websocket_open"
    assert agent.calls == []
