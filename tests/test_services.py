"""What depends on what is installed; the rest of it is opened in test_app.py, with a whole controller."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ari_agent.calls.concurrency_slots import Slots
from ari_agent.calls.shared_slots import SharedSlots
from ari_agent.config import Settings
from ari_agent.errors import ConfigurationError
from ari_agent.services import joined_node, opened_store, opened_voice_ends, slot_pool
from ari_agent.setting_values import Address
from ari_agent.store.store import Store


def test_voice_activity_is_there_where_it_is_installed() -> None:
    with opened_voice_ends() as ends:
        assert ends is not None


def test_without_it_the_level_tells_turns_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with caplog.at_level("INFO"), opened_voice_ends() as ends:
        assert ends is None
    assert "the level alone tells when a caller's speech ended" in caplog.text


@pytest.mark.parametrize(
    ("bind", "own", "url"),
    [
        (Address("10.0.0.5", 8080), None, "http://10.0.0.5:8080"),
        (Address("fd00::5", 8080), None, "http://[fd00::5]:8080"),
        (Address("voice-1.internal", 80), None, "http://voice-1.internal:80"),
        (Address("127.0.0.1", 8080), None, None),
        (Address("localhost", 8080), None, None),
        (Address("0.0.0.0", 8080), None, None),
        (Address("::", 8080), None, None),
        (Address("10.0.0.5", 0), None, None),
        (Address("::", 8080), "https://voice-1.internal", "https://voice-1.internal"),
    ],
)
async def test_other_controllers_are_told_an_address_that_means_the_same_to_them(
    tmp_path: Path, bind: Address, own: str | None, url: str | None
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/calls.db", bind=bind, node_url=own)
    async with opened_store(settings) as store, joined_node(settings, store) as node:
        [shown] = node.nodes()
        assert (shown.url, shown.name, shown.app) == (url, socket.gethostname(), "ari_agent")
        assert (shown.node_id, shown.is_this, shown.state, node.may_act) == (None, True, "serving", True)
        assert store.node_id is None, "who has the database to itself writes nothing of nodes"


async def test_a_second_controller_on_one_file_does_not_start(tmp_path: Path) -> None:
    hold = "import sys, time; from ari_agent.nodes.only_process import only_process; from pathlib import Path\n"
    hold += "with only_process(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    command = [sys.executable, "-c", hold, str(tmp_path / "calls.db")]
    settings = Settings(database_url=f"sqlite:///{tmp_path}/calls.db")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:  # noqa: ASYNC220 -- nothing else runs here
        assert holder.stdout and holder.stdout.readline() == b"held\n"
        with pytest.raises(ConfigurationError, match=r"^ARI_AGENT_DATABASE_URL: another controller serves .*calls\.db"):
            async with opened_store(settings):
                raise AssertionError("it has begun")
        assert not (tmp_path / "calls.db").exists(), "nor does it touch the database"
        holder.kill()


def test_controllers_that_share_a_database_share_the_slots() -> None:
    store, settings = Store("postgresql://127.0.0.1/ari_agent"), Settings(concurrency_limit=7)
    assert isinstance(slot_pool(store, settings, inbound_wait_s=40.0), Slots)
    store._database.node_id = 1
    shared = slot_pool(store, settings, inbound_wait_s=40.0)
    assert isinstance(shared, SharedSlots)
    assert (shared.limit, shared.reserved_inbound) == (7, 0)
