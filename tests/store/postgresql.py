"""A private PostgreSQL server for the tests: its own folder, its own port, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHY_NOT = (
    "no PostgreSQL server programs found (Debian: apt-get install postgresql) and "
    "ARI_AGENT_TEST_POSTGRESQL_URL is not set"
)
PASSWORD = "p@ss:word/"  # what a URL must quote
PASSWORD_IN_URL = "p%40ss%3Aword%2F"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, the newest version first."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: -float(path.parts[4]))
    if found:
        return found[0].parent
    on_path = shutil.which("pg_ctl")
    return Path(on_path).resolve().parent if on_path else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(folder_of_programs: Path) -> Iterator[str]:
    """Its URL, without a database: `postgresql+asyncpg://postgres:...@127.0.0.1:PORT`."""
    # PostgreSQL refuses to run as root; the package made this user
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="ari-agent-postgresql-", dir="/tmp"))
    data, password_file, port = folder / "data", folder / "password", _free_port()
    password_file.write_text(PASSWORD)
    if user:
        shutil.chown(folder, user)
        shutil.chown(password_file, user)

    def run(program: str, *arguments: str) -> None:
        with (folder / f"{program}.log").open("ab") as output:
            subprocess.run(
                [folder_of_programs / program, *arguments], user=user, cwd="/", check=True, stdout=output, stderr=output
            )

    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off -c full_page_writes=off"
    try:
        run("initdb", "-D", str(data), "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password_file}", "-N")
        run("pg_ctl", "-D", str(data), "-o", options, "-w", "-t", "60", "-l", str(folder / "server.log"), "start")
        try:
            yield f"postgresql+asyncpg://postgres:{PASSWORD_IN_URL}@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def database_name(count: int) -> str:
    """A name that no other test run uses."""
    return f"ari_agent_test_{os.getpid()}_{time.time_ns()}_{count}"
