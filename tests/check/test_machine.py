from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ari_agent.check.machine import check_api, check_database, check_rtp
from ari_agent.store.store import Store

pytestmark = pytest.mark.slow


async def test_a_database_that_is_to_be_made_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    assert (await check_database(f"sqlite+aiosqlite:///{path}")).problem is None
    assert not path.exists()


async def test_a_database_that_is_there_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    store = Store(f"sqlite+aiosqlite:///{path}")
    await store.open()
    await store.close()
    assert (await check_database(f"sqlite+aiosqlite:///{path}")).problem is None
    path.write_bytes(b"no database" * 1000)
    problem = (await check_database(f"sqlite+aiosqlite:///{path}")).problem
    assert problem is not None and problem.startswith("ARI_AGENT_DATABASE_URL: ")


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    problem = (await check_database(f"sqlite+aiosqlite:///{tmp_path / 'nowhere' / 'calls.db'}")).problem
    assert f"there is no folder {tmp_path / 'nowhere'}" in str(problem)


async def test_an_address_of_audio_that_is_not_ours_is_named_and_one_that_is_ours_is_ok() -> None:
    assert str(await check_rtp("127.0.0.1", 0, 0)) == "ok"
    assert "cannot bind 203.0.113.7" in str(await check_rtp("203.0.113.7", 0, 0))
    assert "no numeric address" in str(await check_rtp("pbx.example", 0, 0))


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_every_address_of_this_machine_needs_one_to_announce(host: str) -> None:
    assert "set ARI_AGENT_RTP_ANNOUNCED_HOST" in str(await check_rtp(host, 0, 0))
    assert f"cannot send audio to {host}: " in str(await check_rtp(host, 0, 0, announced_host=host))
    own, other = ("203.0.113.7", "2001:db8::7") if host == "0.0.0.0" else ("2001:db8::7", "203.0.113.7")
    assert f"cannot send audio to {other}: " in str(await check_rtp(host, 0, 0, announced_host=other))
    assert str(await check_rtp(host, 0, 0, announced_host=own)) == "ok"


def bound(taken: socket.socket, port: int) -> bool:
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


async def test_a_range_of_ports_that_is_taken_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        port = next(port for port in range(41000, 42000, 2) if bound(taken, port))
        assert f"({port}-{port}) is taken" in str(await check_rtp("127.0.0.1", port, port))


async def test_an_address_of_the_api_that_another_program_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finding, serving = await check_api("127.0.0.1", port)
    assert f"ARI_AGENT_BIND: cannot listen on 127.0.0.1:{port}" in str(finding)
    assert not serving
