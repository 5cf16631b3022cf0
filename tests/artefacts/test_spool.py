"""The spool: files that grow, a disk that fills, a store that is away, and what a crash leaves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Finisher, Spool
from ari_agent.errors import ArtefactError, ConfigurationError

NAME = ArtefactName("call_1", "a.wav")


class Store(ArtefactStore):
    """The real one, which can be out of reach. answers: set while it is not slow; kept: how many files came."""

    def __init__(self, place: Path) -> None:
        super().__init__(str(place))
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.kept = 0

    async def keep(self, name: ArtefactName, file: Path) -> None:
        self.kept += 1
        await self.answers.wait()
        if self.is_away:
            raise ArtefactError(f"{name.path} was not stored: out of reach")
        await super().keep(name, file)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@contextlib.asynccontextmanager
async def running(folder: Path, store: Store, **options: object) -> AsyncIterator[Spool]:
    spool = Spool(folder, store, **options)  # type: ignore[arg-type]
    await spool.start()
    task = asyncio.create_task(spool.run())
    try:
        yield spool
    finally:
        task.cancel()
        await spool.close()


async def until_stored(spool: Spool) -> None:
    for _ in range(2000):
        if not spool.growing and not spool.waiting:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the store has not got everything")


def files_of(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_what_is_appended_is_in_the_store_when_the_call_is_over(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store) as spool:
        file = spool.open("call_1", "a.wav")
        for index in range(100):
            file.append(bytes([index]) * 10)
        assert spool.growing == 1
        assert await file.finish() == (NAME,)
        assert spool.growing == 0
        await until_stored(spool)
    assert (tmp_path / "store/call_1/a.wav").read_bytes() == b"".join(bytes([index]) * 10 for index in range(100))
    assert files_of(tmp_path / "spool") == [".lock"]
    assert not (tmp_path / "spool/call_1").exists()


async def test_who_opens_a_file_that_grows_reads_all_that_was_appended(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store) as spool:
        file = spool.open("call_1", "a.wav")
        for count in range(1, 4):
            file.append(b"12")
            with await spool.open_to_read(NAME) as opened:
                assert opened.read() == b"12" * count
        await file.finish()


async def test_what_is_not_here_is_not_opened(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store) as spool:
        with pytest.raises(FileNotFoundError):
            await spool.open_to_read(NAME)
        spool.open("call_1", "a.wav")
        with pytest.raises(FileNotFoundError):
            await spool.open_to_read(NAME)


async def test_a_call_that_leaves_nothing_leaves_no_file(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store) as spool:
        assert await spool.open("call_1", "a.wav").finish() == ()
        assert spool.growing == 0
    assert files_of(tmp_path / "store") == []


def doubled(path: Path) -> Sequence[str]:
    path.with_name("b.wav").write_bytes(path.read_bytes() * 2)
    return ["b.wav"]


def broken(path: Path) -> Sequence[str]:
    raise ZeroDivisionError


async def test_a_finisher_completes_a_file_and_makes_more_of_it(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store, finishers={"a.wav": doubled}) as spool:
        file = spool.open("call_1", "a.wav")
        file.append(b"12")
        assert await file.finish() == (NAME, ArtefactName("call_1", "b.wav"))
        await until_stored(spool)
    assert (tmp_path / "store/call_1/b.wav").read_bytes() == b"1212"


async def test_a_file_that_cannot_be_finished_is_kept_as_it_is(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store, finishers={"a.wav": broken}) as spool:
        file = spool.open("call_1", "a.wav")
        file.append(b"12")
        assert await file.finish() == (NAME,)
        await until_stored(spool)
    assert (tmp_path / "store/call_1/a.wav").read_bytes() == b"12"


async def test_a_store_that_is_away_gets_its_files_when_it_is_back(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ari_agent.artefacts.spool.RETRY_S", (0.01,))
    store.is_away = True
    async with running(tmp_path / "spool", store) as spool:
        file = spool.open("call_1", "a.wav")
        file.append(b"12")
        await file.finish()
        await asyncio.sleep(0.1)
        assert (spool.waiting, spool.path_of(NAME).read_bytes()) == (1, b"12")
        store.is_away = False
        await until_stored(spool)
    assert (tmp_path / "store/call_1/a.wav").read_bytes() == b"12"
    assert len([line for line in caplog.messages if "out of reach" in line]) == 1


async def test_what_the_store_did_not_take_is_offered_at_the_next_start(tmp_path: Path, store: Store) -> None:
    store.is_away = True
    async with running(tmp_path / "spool", store) as spool:
        file = spool.open("call_1", "a.wav")
        file.append(b"12")
        await file.finish()
    store.is_away = False
    async with running(tmp_path / "spool", store) as spool:
        await until_stored(spool)
    assert files_of(tmp_path / "store") == ["call_1/a.wav"]


async def test_a_stop_waits_for_a_file_that_is_on_its_way_into_the_store(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.answers.clear()
    async with running(tmp_path / "spool", store) as spool:
        for call_id in ("call_1", "call_2"):
            file = spool.open(call_id, "a.wav")
            file.append(b"12")
            await file.finish()
        for _ in range(1000):
            if store.kept:
                break
            await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.1, store.answers.set)
    assert store.kept == 2
    assert files_of(tmp_path / "store") == ["call_1/a.wav", "call_2/a.wav"]
    assert "not stored" not in caplog.text


async def test_two_controllers_do_not_share_a_spool(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store):
        with pytest.raises(ConfigurationError, match="in use by another controller"):
            await Spool(tmp_path / "spool", store).start()


async def test_a_folder_that_cannot_be_made_is_a_wrong_setting(tmp_path: Path, store: Store) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        await Spool(tmp_path / "file" / "spool", store).start()


async def test_a_deleted_call_leaves_nothing_in_the_spool(tmp_path: Path, store: Store) -> None:
    store.is_away = True
    async with running(tmp_path / "spool", store) as spool:
        for call_id in ("call_1", "call_2"):
            file = spool.open(call_id, "a.wav")
            file.append(b"12")
            await file.finish()
        await spool.delete("call_1")
        await spool.delete("call_1")
        assert files_of(tmp_path / "spool") == [".lock", "call_2/a.wav"]
        store.is_away = False
    assert files_of(tmp_path / "store") == ["call_2/a.wav"]


# A disk that is slow, or full.


def gate(opened: threading.Event) -> Finisher:
    def wait(_path: Path) -> Sequence[str]:
        opened.wait(20)
        return ()

    return wait


async def test_a_slow_disk_holds_nobody_up_and_silence_takes_the_place_of_what_is_lost(
    tmp_path: Path, store: Store
) -> None:
    opened = threading.Event()
    finishers = {"slow.wav": gate(opened)}
    async with running(tmp_path / "spool", store, finishers=finishers, queue_bytes=100) as spool:
        slow, file = spool.open("call_2", "slow.wav"), spool.open("call_1", "a.wav", filler=b"\xff")
        slow.append(b"x")
        finishing = asyncio.create_task(slow.finish())
        await asyncio.sleep(0.1)  # the disk hangs now
        for letter in b"abcd":
            file.append(bytes([letter]) * 40)
        assert spool.lost_bytes == 80
        opened.set()
        await finishing
        await spool.run_in_order(lambda: None)
        file.append(b"e" * 40)
        await file.finish()
        await until_stored(spool)
    assert (tmp_path / "store/call_1/a.wav").read_bytes() == b"a" * 40 + b"b" * 40 + b"\xff" * 80 + b"e" * 40


async def test_a_call_does_not_wait_for_ever_for_a_slow_disk(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    opened = threading.Event()
    async with running(tmp_path / "spool", store, finishers={"a.wav": gate(opened)}) as spool:
        file = spool.open("call_1", "a.wav")
        file.append(b"12")
        assert await file.finish(timeout_s=0.05) == ()
        assert "not complete" in caplog.text
        opened.set()
        await until_stored(spool)
    assert files_of(tmp_path / "store") == ["call_1/a.wav"]


async def test_a_full_disk_leaves_silence_and_what_comes_later_stands_at_its_time(
    small_disk: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(small_disk / "spool", store) as spool:
        ballast = small_disk / "ballast"
        file, lines = spool.open("call_1", "a.wav", filler=b"\xff"), spool.open("call_1", "log.jsonl")
        file.append(b"a" * 8_000)
        lines.append(b"first\n")
        await spool.run_in_order(lambda: None)
        with contextlib.suppress(OSError):
            ballast.write_bytes(bytes(300_000))
        for _ in range(3):
            file.append(b"b" * 8_001)
            lines.append(b"x" * 5_000 + b"\n")
        await spool.run_in_order(lambda: None)
        assert spool.lost_bytes > 0
        assert len([line for line in caplog.messages if "have gaps" in line]) == 1
        ballast.unlink()
        file.append(b"c" * 8_000)
        lines.append(b"last\n")
        await file.finish()
        await lines.finish()
        await until_stored(spool)
    content = (Path(store.shown) / "call_1/a.wav").read_bytes()
    assert len(content) == 8_000 + 3 * 8_001 + 8_000
    assert content.startswith(b"a" * 8_000)
    assert content.endswith(b"\xff" * 8_001 + b"c" * 8_000)
    written = (Path(store.shown) / "call_1/log.jsonl").read_bytes().splitlines()
    assert (written[0], written[-1]) == (b"first", b"last")
    assert set(written[1:-1]) <= {b"x" * 5_000}


async def test_a_file_that_is_deleted_while_it_grows_is_not_waited_for(tmp_path: Path, store: Store) -> None:
    async with running(tmp_path / "spool", store) as spool:
        file, other = spool.open("call_1", "a.wav"), spool.open("call_2", "a.wav")
        file.append(b"12")
        await spool.run_in_order(lambda: None)
        await spool.delete("call_1")
        file.append(b"34")
        assert await file.finish() == ()
        other.append(b"56")
        await other.finish()
        await until_stored(spool)
    assert files_of(tmp_path / "store") == ["call_2/a.wav"]


# A crash.

KILLED = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from ari_agent.artefacts.artefact_store import ArtefactStore
    from ari_agent.artefacts.spool import Spool

    async def main():
        spool = Spool(Path(sys.argv[1]), ArtefactStore(sys.argv[2]))
        await spool.start()
        file = spool.open("call_1", "a.wav")
        file.append(b"whole seconds")
        await spool.run_in_order(lambda: None)
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(main())
"""


async def test_a_crash_leaves_what_was_written_and_the_next_start_finishes_it(tmp_path: Path, store: Store) -> None:
    arguments = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "spool"), store.shown]
    process = await asyncio.create_subprocess_exec(*arguments, env=dict(os.environ))
    assert await process.wait() == -signal.SIGKILL
    (tmp_path / "spool/call_3").mkdir()
    (tmp_path / "spool/call_3/empty.wav").touch()
    spool = Spool(tmp_path / "spool", store, finishers={"a.wav": doubled})
    left = await spool.start()
    assert left == {"call_1": (NAME, ArtefactName("call_1", "b.wav"))}
    assert spool.waiting == 2
    await spool.close()
    assert files_of(tmp_path / "store") == ["call_1/a.wav", "call_1/b.wav"]
    assert files_of(tmp_path / "spool") == [".lock"]


async def test_single_files_are_removed_wherever_they_are(tmp_path: Path, store: Store) -> None:
    other = ArtefactName("call_1", "b.wav")
    store.is_away = True
    async with running(tmp_path / "spool", store) as spool:
        for name in (NAME, other):
            file = spool.open(name.call_id, name.file)
            file.append(b"audio")
            await file.finish()
        artefacts = Artefacts(spool, store, Links("", b"key", 60))
        await artefacts.remove([NAME, ArtefactName("call_1", "never.wav")])
        assert spool.waiting == 1
        store.is_away = False
    assert await store.names("call_1") == [other]
    await artefacts.store.delete([other])


async def test_a_disk_that_lets_nothing_go_is_told(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    async with running(tmp_path / "spool", store) as spool:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "unlink", refuse)
            with pytest.raises(ArtefactError, match="Permission denied"):
                await spool.remove([NAME])


async def test_what_a_crash_has_left_of_a_call_that_goes_on_grows_on_before_it_is_stored(
    tmp_path: Path, store: Store
) -> None:
    folder = tmp_path / "spool/call_1"
    folder.mkdir(parents=True)
    for name in ("a.wav", "b.wav"):
        (folder / name).write_bytes(b"before ")
    spool = Spool(tmp_path / "spool", store)
    await spool.start()
    spool.hold("call_1")
    assert spool.waiting == 0
    assert spool.is_held(NAME)
    file = spool.open("call_1", "a.wav", filler=b".")
    assert file.size_bytes == len(b"before ")
    file.owe(3)
    file.append(b" after")
    spool.let_go("call_1")
    assert spool.waiting == 1  # the other one, while this one grows
    await file.finish()
    assert not spool.is_held(NAME)
    await spool.close()
    assert (tmp_path / "store/call_1/a.wav").read_bytes() == b"before ... after"
    assert files_of(tmp_path / "store") == ["call_1/a.wav", "call_1/b.wav"]
