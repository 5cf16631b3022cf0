from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from ari_agent.check.finding import Status
from ari_agent.check.machine import open_secrets, told_of_database, too_low, try_listening, try_rtp
from ari_agent.check.surroundings import look_into_database
from ari_agent.store.store import Store

pytestmark = pytest.mark.slow


async def database(path: Path) -> tuple[Status, str]:
    facts, _ = await look_into_database(f"sqlite+aiosqlite:///{path}")
    (found,) = told_of_database(facts)
    return found.status, str(found)


async def audio(host: str, first: int = 0, last: int = 0, *, announced_host: str = "") -> str:
    (found,) = await try_rtp(host, first, last, announced_host=announced_host)
    return "ok" if found.status is Status.OK else str(found)


async def test_a_database_that_is_to_be_made_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    status, text = await database(path)
    assert status is Status.OK and "will be made at the first start" in text
    assert not path.exists()


async def test_a_database_that_is_there_is_tried(tmp_path: Path) -> None:
    path = tmp_path / "calls.db"
    store = Store(f"sqlite+aiosqlite:///{path}")
    await store.open()
    await store.close()
    status, text = await database(path)
    assert status is Status.OK and "can be written; " in text and " GB are free" in text
    path.write_bytes(b"no database" * 1000)
    status, text = await database(path)
    assert status is Status.FAILED and text.startswith("ARI_AGENT_DATABASE_URL: ")


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    _, text = await database(tmp_path / "nowhere" / "calls.db")
    assert f"there is no folder {tmp_path / 'nowhere'}" in text


async def test_an_address_of_audio_that_is_not_ours_is_named_and_one_that_is_ours_is_ok() -> None:
    assert await audio("127.0.0.1") == "ok"
    assert "cannot bind 203.0.113.7" in await audio("203.0.113.7")
    assert "no numeric address" in await audio("pbx.example")


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_every_address_of_this_machine_needs_one_to_announce(host: str) -> None:
    assert "set ARI_AGENT_RTP_ANNOUNCED_HOST" in await audio(host)
    assert f"cannot send audio to {host}: " in await audio(host, announced_host=host)
    own, other = ("203.0.113.7", "2001:db8::7") if host == "0.0.0.0" else ("2001:db8::7", "203.0.113.7")
    assert f"cannot send audio to {other}: " in await audio(host, announced_host=other)
    assert await audio(host, announced_host=own) == "ok"


def bound(taken: socket.socket, port: int) -> bool:
    try:
        taken.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


async def test_a_range_of_ports_that_is_taken_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        port = next(port for port in range(41000, 42000, 2) if bound(taken, port))
        assert f"({port}-{port}) is taken" in await audio("127.0.0.1", port, port)


async def test_an_address_of_the_api_that_another_program_has_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (found,) = await try_listening("127.0.0.1", port)
    assert found.status is Status.FAILED
    assert f"ARI_AGENT_BIND: cannot listen on 127.0.0.1:{port}" in str(found)
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("name", "text", "mode", "named"),
    [
        (".env", "ARI_AGENT_API_KEY=key_1\n", 0o644, True),
        (".env", "ARI_AGENT_API_KEY=key_1\n", 0o640, False),
        (".env", "ARI_AGENT_API_KEY=\nARI_AGENT_APP=x\n", 0o644, False),
        (".env", "# nothing\n", 0o644, False),
        ("agent.toml", 'ari_password = "secret"\n', 0o604, True),
        ("agent.toml", 'app = "x"\n', 0o604, False),
        ("calls.db", "SQLite format 3\0...", 0o644, True),
        ("calls.db", "SQLite format 3\0...", 0o600, False),
    ],
)
def test_files_with_secrets_that_everybody_can_read_are_named(
    tmp_path: Path, name: str, text: str, mode: int, named: bool
) -> None:
    path = tmp_path / name
    path.write_text(text)
    path.chmod(mode)
    (found,) = open_secrets([tmp_path / "nowhere", path])
    assert found.status is (Status.WARNING if named else Status.OK)
    assert (f"chmod o-rwx {path}" in str(found)) is named
    assert "key_1" not in str(found)


@pytest.mark.parametrize(
    ("first", "last", "files", "told"),
    [
        (0, 0, 1000, []),
        (30000, 30199, 1000, []),
        (30000, 30198, 1000, []),
        (30001, 30198, 1000, ["has room for 99 calls"]),
        (0, 0, 599, ["100 calls may need 700 open files, and 599 are allowed"]),
        (30000, 30001, 10, ["has room for 1 calls", "and 10 are allowed"]),
    ],
)
def test_too_few_ports_and_files_for_a_hundred_calls_are_named(
    first: int, last: int, files: int, told: list[str]
) -> None:
    found = list(too_low(100, first=first, last=last, files=files))
    assert len(found) == len(told)
    assert all(words in str(finding) for words, finding in zip(told, found, strict=True))
