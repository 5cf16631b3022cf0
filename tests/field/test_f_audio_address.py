"""Where Asterisk is to send its audio: addresses of the controller's machine, and others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.fakes.agent_server import echo
from tests.fakes.controller import Controller
from tests.integration.stage import staged


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        pytest.param({"RTP_HOST": "203.0.113.7"}, "cannot bind 203.0.113.7", id="not ours"),
        pytest.param({"RTP_HOST": "0.0.0.0"}, "set ARI_AGENT_RTP_ANNOUNCED_HOST", id="every one, none announced"),
        pytest.param({"RTP_ANNOUNCED_HOST": "pbx.example"}, "expected a numeric address", id="a name announced"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check"])
async def test_an_address_that_cannot_be_is_named_at_the_start(
    tmp_path: Path, command: str, settings: dict[str, Any], named: str
) -> None:
    controller = Controller(
        tmp_path,
        ari_url="http://127.0.0.1:9/ari",
        ari_username="ari_agent",
        ari_password="secret",
        program=("-m", "ari_agent", command),
        **settings,
    )
    async with controller:
        with pytest.raises(RuntimeError):
            await controller.start()
        assert controller.process is not None
        assert controller.process.returncode == (1 if command == "check" and "RTP_HOST" in settings else 2)
    assert named in controller.log_text()


@pytest.mark.asterisk
@pytest.mark.asyncio(loop_scope="session")
async def test_a_controller_that_is_reached_at_another_address_has_audio(tmp_path: Path) -> None:
    async with (
        staged(tmp_path, RTP_HOST="0.0.0.0", RTP_ANNOUNCED_HOST="127.0.0.7") as made,
        made.connected(echo) as call,
    ):
        await call.hears_itself()
