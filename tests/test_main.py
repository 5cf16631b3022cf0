"""The command line: which command runs, what it prints and with which status it exits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ari_agent import logs
from ari_agent.__main__ import main
from ari_agent.errors import ControllerFailed
from tests.asterisk.fake_asterisk import PASSWORD, FakeAsterisk

pytestmark = pytest.mark.slow

NOWHERE = "http://127.0.0.1:9/ari"
"""A URL where no Asterisk listens."""


@pytest.fixture(autouse=True)
def secrets_are_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARI_AGENT_ARI_URL", NOWHERE)
    monkeypatch.setenv("ARI_AGENT_ARI_PASSWORD", PASSWORD)
    monkeypatch.setenv("ARI_AGENT_API_KEY", "k3y")
    monkeypatch.setenv("ARI_AGENT_BIND", "127.0.0.1:0")


def test_version_prints_the_version_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"{version('ari-agent')}\n"


def test_the_option_version_does_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"{version('ari-agent')}\n"


@pytest.mark.parametrize("arguments", [[], ["dance"], ["serve", "--twice"]])
def test_an_unknown_command_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: ari-agent" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_wrong_setting_is_named_and_the_status_is_2(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARI_AGENT_LOG_FORMAT", "xml")
    assert main([command]) == 2
    assert capsys.readouterr().err.startswith("ari-agent: ARI_AGENT_LOG_FORMAT: ")


def test_a_file_of_settings_that_is_not_there_is_named_and_the_status_is_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--config", "nowhere.toml"]) == 2
    assert capsys.readouterr().err == "ari-agent: --config nowhere.toml: No such file or directory\n"


def test_check_names_what_is_wrong_and_the_status_is_1(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    found = {line.split()[1]: line.split()[0] for line in lines if line.startswith("  ")}
    assert [found[name] for name in ("database", "address", "api")] == ["ok"] * 3
    assert found["ari"] == "failed"
    (asterisk,) = (line for line in lines if line.startswith("  failed"))
    assert "is not reachable" in asterisk
    assert lines[-1] == "7 ok, 0 warning, 1 failed, 21 skipped"
    assert list(tmp_path.iterdir()) == []  # no database is made


def test_check_tells_a_script_the_same_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["status"] == "failed"
    found = {finding["name"]: finding for finding in told["findings"]}
    assert found["ari"]["status"] == "failed" and "ARI_AGENT_ARI_URL" in found["ari"]["remedy"]
    assert found["echo"] == {
        "group": "Audio",
        "name": "echo",
        "status": "skipped",
        "what": "not looked at: modules has to be ok first",
        "remedy": "",
    }


async def test_serve_runs_until_it_is_asked_to_end_and_the_status_is_0(tmp_path: Path) -> None:
    toml = tmp_path / "settings.toml"
    toml.write_text('log_format = "json"\n')
    async with FakeAsterisk() as asterisk:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "ari_agent", "serve", "--config", str(toml)),
            env={**os.environ, "ARI_AGENT_ARI_URL": f"http://127.0.0.1:{asterisk.port}/ari"},
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            await asyncio.wait_for(asterisk.opened.get(), 60)
            process.send_signal(signal.SIGTERM)
            _, log = await asyncio.wait_for(process.communicate(), 60)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0
    assert all("level" in json.loads(line) for line in log.splitlines())


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        (ControllerFailed("webhooks"), "ari-agent: stopped, because its webhooks failed; the log says why\n"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_a_controller_that_fails_or_is_interrupted_ends_with_status_1(
    failure: BaseException, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fails(_: object) -> None:
        raise failure

    monkeypatch.setattr("ari_agent.serve.serve", fails)
    monkeypatch.setattr(logs, "set_up", lambda *_, **__: None)
    assert main(["serve"]) == 1
    assert capsys.readouterr().err == text


@pytest.mark.parametrize(
    ("streams", "environment", "status", "printed"),
    [
        ("<&- >&- 2>&-", {}, 2, ""),
        ("", {"PYTHONIOENCODING": "ascii"}, 2, r"\u2717 the agent is dialled"),
    ],
)
def test_standard_streams_that_are_closed_or_not_unicode_are_no_crash(
    streams: str, environment: dict[str, str], status: int, printed: str
) -> None:
    command = f"{sys.executable} -m ari_agent try-agent ws://127.0.0.1:9 {streams}"
    ended = subprocess.run(
        ["/bin/sh", "-c", command], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == status, ended.stderr
    assert ended.stdout.startswith(printed)
    assert ended.stderr == ""


def test_who_reads_no_more_of_what_is_printed_sees_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "ari_agent", "try-agent", "ws://127.0.0.1:9"]
    ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_a_demo_without_its_packages_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "ari_agent.demo.run", raising=False)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["demo"]) == 2
    assert "pip install 'ari-agent[demo]'" in capsys.readouterr().err


def test_the_demo_of_a_wrong_setting_names_it_and_the_status_is_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARI_AGENT_DEMO_AGENT_PORT", "many")
    assert main(["demo", "--once"]) == 2
    assert capsys.readouterr().err.startswith("ari-agent: ARI_AGENT_DEMO_AGENT_PORT: ")
