"""docker/run-kamailio.sh: the lists it makes of its variables, and what it says of wrong ones."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[2] / "docker" / "run-kamailio.sh"
RIGHT: Final = {"ASTERISKS": "10.0.0.11:5060,10.0.0.12:5070", "CALLERS": "192.0.2.0/28, 198.51.100.7 2001:db8::/32"}


def run(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What it does where `kamailio` is a program that shows its arguments."""
    program = folder / "kamailio"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "ARI_AGENT_KAMAILIO_FOLDER": str(folder)}
    environment |= {f"ARI_AGENT_{name}": value for name, value in variables.items()}
    return subprocess.run([SCRIPT], env=environment, capture_output=True, text=True, check=False)


def test_the_lists_hold_the_asterisks_and_the_callers(tmp_path: Path) -> None:
    done = run(tmp_path, **RIGHT, KAMAILIO_LISTEN="10.0.0.5:5060/203.0.113.5:5060")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dispatcher.list").read_text().splitlines() == [
        "1 sip:10.0.0.11:5060 0 1000 duid=10.0.0.11:5060",
        "1 sip:10.0.0.12:5070 0 999 duid=10.0.0.12:5070",
    ]
    assert (tmp_path / "address.list").read_text().splitlines() == [
        "1 192.0.2.0 28",
        "1 198.51.100.7 32",
        "1 2001:db8:: 32",
    ]
    assert "udp:10.0.0.5:5060/203.0.113.5:5060" in done.stdout.splitlines()
    assert f'ASTERISKS_FILE="{tmp_path}/dispatcher.list"' in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ASTERISKS", ""),
        ("ASTERISKS", "10.0.0.11"),
        ("ASTERISKS", "10.0.0.11:5060;transport=tcp"),
        ("CALLERS", ""),
        ("CALLERS", "0.0.0.0/0"),
        ("CALLERS", "sip.example.com"),
        ("KAMAILIO_LISTEN", "5060"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_starts(tmp_path: Path, name: str, value: str) -> None:
    done = run(tmp_path, **(RIGHT | {name: value}))
    assert done.returncode == 2 and not done.stdout
    assert f"ARI_AGENT_{name} " in done.stderr and "as in" in done.stderr
