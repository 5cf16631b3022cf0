"""Starting: while Asterisk is away, with settings that are wrong, and ending."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from tests.fakes.controller import Controller, free_tcp_port


def lonely(folder: Path, **settings: str) -> Controller:
    """A controller whose Asterisk is not there."""
    url = f"http://127.0.0.1:{free_tcp_port()}/ari"
    controller = Controller(folder, ari_url=url, ari_username="ari_agent", ari_password="secret")
    controller.environment.update(settings)
    return controller


async def refusal(controller: Controller) -> tuple[int, str]:
    """Exit status and output of a start that is to fail."""
    async with controller:
        with pytest.raises(RuntimeError, match="ended with"):
            await controller.start(ready=False)
        assert controller.process is not None and controller.process.returncode is not None
        return controller.process.returncode, controller.log_text()


async def test_it_serves_while_asterisk_is_away_and_says_what_is_missing(tmp_path: Path) -> None:
    controller = lonely(tmp_path)
    controller.is_preloaded = False  # as `python -m` starts it, from the interpreter on
    async with controller:
        await controller.start(ready=False)
        assert (await controller.get("/healthz")).status == 200
        ready = await controller.get("/readyz")
        assert ready.status == 503
        assert "sterisk" in ready.text
        agent = {
            "response_engine": {"type": "audio-websocket", "audio_websocket_url": "ws://127.0.0.1:9/"},
            "voice_id": "none",
        }
        await controller.post("/create-agent", agent, expect=201)
        assert (await controller.get("/openapi.json")).status == 200
        assert await controller.stop() == 0
    assert "Traceback" not in controller.log_text()


WRONG = {
    "ARI_URL": "ftp://asterisk",
    "BIND": "nonsense",
    "RTP_PORTS": "30999-30000",
    "CONCURRENCY_LIMIT": "many",
    "RESERVED_INBOUND_CONCURRENCY": "-1",
    "LOG_FORMAT": "xml",
    "APP": "two words",
    "WEBHOOK_URL": "mailto:me",
    "DATABASE_URL": "mysql://nowhere/x",
    "API_KEY": "",
    "ARI_PASSWORD": "",
}


@pytest.mark.parametrize(("name", "value"), WRONG.items(), ids=WRONG.keys())
async def test_a_wrong_setting_is_named_and_the_exit_status_is_2(tmp_path: Path, name: str, value: str) -> None:
    controller = lonely(tmp_path)
    controller.environment[name] = value
    status, output = await refusal(controller)
    assert status == 2
    assert f"ARI_AGENT_{name}" in output
    assert "Traceback" not in output


async def test_no_secret_is_shown_when_settings_are_wrong(tmp_path: Path) -> None:
    controller = lonely(tmp_path)
    controller.environment["BIND"] = "nonsense"
    _, output = await refusal(controller)
    assert controller.api_key not in output
    assert "secret" not in output


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        controller = lonely(tmp_path)
        controller.environment["BIND"] = f"127.0.0.1:{taken.getsockname()[1]}"
        status, output = await refusal(controller)
    assert status == 2
    assert "ARI_AGENT_BIND" in output
    assert "Traceback" not in output


async def test_a_database_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    controller = lonely(tmp_path, DATABASE_URL=f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/calls.db")
    status, output = await refusal(controller)
    assert status == 2
    assert "ARI_AGENT_DATABASE_URL" in output
    assert "Traceback" not in output


async def test_a_toml_file_with_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('bindd = "127.0.0.1:0"\n')
    async with lonely(tmp_path) as controller:
        command = (*controller.command(), "--config", "settings.toml")
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
    assert process.returncode == 2
    assert b"bindd" in output
