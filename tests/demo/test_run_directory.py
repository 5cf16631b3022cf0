"""The directory of a private Asterisk: it goes with its owner, and what a dead owner left is removed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ari_agent.demo.run_directory import RunDirectory


def test_it_has_the_folders_of_asterisk_and_goes_when_it_is_removed(tmp_path: Path) -> None:
    made = RunDirectory.make(tmp_path / "runs")
    assert {entry.name for entry in made.path.iterdir() if entry.is_dir()} == {
        "etc",
        "lib",
        "log",
        "spool",
        "run",
        "work",
    }
    made.remove()
    made.remove()
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_directory_in_use_stays_and_one_whose_owner_died_goes(tmp_path: Path) -> None:
    in_use = RunDirectory.make(tmp_path)
    left = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from ari_agent.demo.run_directory import RunDirectory\n"
            "print(RunDirectory.make(Path(sys.argv[1])).path)",
            str(tmp_path),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    assert Path(left).exists()
    being_made = tmp_path / "pbx-without-a-lock-yet"
    being_made.mkdir()
    newest = RunDirectory.make(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {in_use.path.name, newest.path.name, being_made.name}
    in_use.remove()
    newest.remove()
