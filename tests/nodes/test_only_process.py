"""A second controller on the same SQLite file is refused; whoever only reads is not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path

from ari_agent.nodes.only_process import only_process
from ari_agent.store.store import Store

HOLD = """
    import os, sys, time
    from pathlib import Path
    from ari_agent.errors import StoreError
    from ari_agent.nodes.only_process import only_process
    try:
        with only_process(Path(sys.argv[1])):
            if os.fork():  # the child outlives its parent, as a worker does for a moment
                print("held", flush=True)
            time.sleep(float(sys.argv[2]))
    except StoreError as error:
        print(error)
"""


def held_by_another(database: Path, hold_s: float = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(database), str(hold_s)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_second_controller_is_told_what_would_be_right(tmp_path: Path) -> None:
    database = tmp_path / "calls.db"
    (tmp_path / "same.db").symlink_to(database)
    with only_process(database):
        assert (tmp_path / "calls.db.lock").stat().st_mode & 0o777 == 0o600
        with held_by_another(tmp_path / "same.db") as second:
            assert first_line(second) == (
                f"another controller serves {tmp_path}/same.db already: stop it, give this one a database of its own, "
                "or let both share a PostgreSQL"
            )
    with held_by_another(database) as third:
        assert first_line(third) == "held", "the lock is gone with who held it"


def test_the_lock_falls_with_its_process_although_a_child_of_it_lives_on(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "calls.db", 20) as killed:
        assert first_line(killed) == "held"
        killed.kill()
        killed.wait()
        with only_process(tmp_path / "calls.db"):
            pass


async def test_who_reads_is_not_kept_away(tmp_path: Path) -> None:
    database = tmp_path / "calls.db"
    with held_by_another(database, 20) as holder:
        assert await asyncio.to_thread(first_line, holder) == "held"
        store = Store(f"sqlite:///{database}")
        await store.open()
        await store.probe()
        await store.close()
        look = Store(f"sqlite:///{database}")
        assert await look.try_out()
        await look.close()
        holder.kill()


def test_a_folder_that_is_not_there_is_sqlites_to_complain_about(tmp_path: Path) -> None:
    with only_process(tmp_path / "none" / "calls.db"):
        pass
