"""The command line: its exit status says what happened, and its messages name what is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ari_agent.__main__ import FAILED, WRONG_SETTING, main


@pytest.fixture(autouse=True)
def _nothing_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert capsys.readouterr().out == f"{project['version']}\n"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["serve", "--nothing"], ["demo", "--config", "x"]])
def test_what_is_no_command_is_told_with_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == WRONG_SETTING
    assert "usage: ari-agent" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_wrong_setting_is_named_before_anything_is_started(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARI_AGENT_BIND", "nowhere")
    assert main([command]) == WRONG_SETTING
    told = capsys.readouterr().err
    assert told.startswith("ari-agent: ") and "ARI_AGENT_BIND" in told


def test_a_settings_file_that_is_not_there_is_a_wrong_setting(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--config", "missing.toml"]) == WRONG_SETTING
    assert "missing.toml" in capsys.readouterr().err


def test_check_says_what_works_and_fails_where_something_does_not(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "ARI_URL": f"http://127.0.0.1:{unused_tcp_port}/ari",
        "ARI_USERNAME": "user",
        "ARI_PASSWORD": "hunter2",
        "API_KEY": "key_of_the_tests_0123456789",
        "DATABASE_URL": f"sqlite:///{tmp_path}/calls.db",
    }.items():
        monkeypatch.setenv(f"ARI_AGENT_{name}", value)
    assert main(["check"]) == FAILED
    told = capsys.readouterr().out.splitlines()
    states = dict(line.split(": ", 1) for line in told)
    assert states["database"] == "ok"
    assert any(f"127.0.0.1:{unused_tcp_port}" in line and "ok" not in line for line in told)
    assert "hunter2" not in "".join(told)
