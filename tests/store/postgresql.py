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
HASTE = ("fsync=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off")
"""It need not outlive the machine's next failure, only that of its clients."""
PASSWORD = "p@ss:word/"  # what a URL must quote
PASSWORD_IN_URL = "p%40ss%3Aword%2F"


def programs() -> Path | None:
    """The folder of initdb and postgres, of the newest version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: -float(path.parts[4]))
    if found:
        return found[0].parent
    on_path = shutil.which("postgres")
    return Path(on_path).resolve().parent if on_path else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(folder_of_programs: Path, own_settings: tuple[str, ...] = HASTE) -> Iterator[str]:
    """Its URL, without a database: `postgresql+asyncpg://postgres:...@127.0.0.1:PORT`."""
    # PostgreSQL refuses to run as root; the package made this user
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="ari-agent-postgresql-", dir="/tmp"))
    data, password_file, port = folder / "data", folder / "password", _free_port()
    password_file.write_text(PASSWORD)
    if user:
        shutil.chown(folder, user)
        shutil.chown(password_file, user)

    try:
        with (folder / "server.log").open("ab") as output:
            who = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={password_file}"]
            initdb = [str(folder_of_programs / "initdb"), "-D", str(data), "-N", *who]
            subprocess.run(initdb, user=user, cwd="/", check=True, stdout=output, stderr=output)
            settings = [
                f"port={port}",
                "listen_addresses=127.0.0.1",
                f"unix_socket_directories={folder}",
                *own_settings,
            ]
            command = [str(folder_of_programs / "postgres"), "-D", str(data)]
            for setting in settings:
                command += ["-c", setting]
            # the shell ends the server when its input ends: however this process ends, the server does
            process = subprocess.Popen(
                ["/bin/sh", "-c", '"$@" & server=$!; read -r _; kill -QUIT $server; wait $server', "sh", *command],
                user=user,
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        try:
            _wait_until_ready([str(folder_of_programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)])
            yield f"postgresql+asyncpg://postgres:{PASSWORD_IN_URL}@127.0.0.1:{port}"
        finally:
            process.communicate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(question: list[str]) -> None:
    for _ in range(600):
        if subprocess.run(question, check=False).returncode == 0:
            return
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL did not start within a minute")


def database_name(count: int) -> str:
    """A name that no other test run uses."""
    return f"ari_agent_test_{os.getpid()}_{time.time_ns()}_{count}"
