"""`ari-agent demo` as a user runs it: the whole scripted call, and an end that leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from ari_agent.demo.installer import cache_folder
from ari_agent.demo.report import STEPS

PORTS = ("SIP_PORT", "SIP_TLS_PORT", "ARI_PORT", "DEMO_AGENT_PORT", "DEMO_WEBHOOK_PORT")


def _start(*arguments: str, **settings: str) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARI_AGENT_")}
    if cache := os.environ.get("ARI_AGENT_CACHE"):
        environment["ARI_AGENT_CACHE"] = cache
    free: Mapping[str, str] = {"BIND": "127.0.0.1:0", "SIP_RTP_PORTS": "27900-27999", **dict.fromkeys(PORTS, "0")}
    environment |= {f"ARI_AGENT_{name}": value for name, value in {**free, **settings}.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "ari_agent", "demo", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _mounts() -> list[str]:
    """Those of ours that can be seen from outside."""
    return [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(cache_folder()) in line]


def _descendants(pid: int) -> set[int]:
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found = set(parents.get(pid, []))
    for child in list(found):
        found |= _descendants(child)
    return found


@pytest.mark.asterisk
def test_once_sees_every_step_and_ends_with_the_call_as_json() -> None:
    before = _mounts()
    demo = _start("--once")
    output, errors = demo.communicate(timeout=180)
    assert demo.returncode == 0, output + errors
    last = json.loads(output.splitlines()[-1])
    assert last["ok"] is True
    assert last["steps"] == dict.fromkeys(STEPS, True)
    call = last["call"]
    assert (call["call_status"], call["disconnection_reason"]) == ("ended", "call_transfer")
    assert call["retell_llm_dynamic_variables"]["customer_name"] == call["custom_sip_headers"]["x-caller"]
    assert _mounts() == before
    assert re.search(r"what the caller heard: (\S+/ari-agent-demo-\S+\.wav)", output)
    assert "this is the demo agent. How can I help you?" in output
    assert "user: Help." in output
    assert "speech: moonshine listens, flite speaks" in output
    assert "a server of this demo answers by rules of key words" in output
    assert re.search(r"user: .*open", output)
    assert "agent: We are open from nine to five" in output
    assert re.search(rf"^  console: {last['console']}/login\?code=\S+ \(logs in once", output, flags=re.MULTILINE)
    prompted = last["prompt_call"]
    assert (prompted["by_rules"], prompted["tools"]) == (True, ["opening_hours", "end_call"])
    assert prompted["latency_p50_ms"]["e2e"] > 0
    for link in ("recording_multi_channel_url", "recording_url", "public_log_url"):
        assert f": {call[link]}\n" in output
    assert len(re.findall(r"^  public log: http://\S+$", output, flags=re.MULTILINE)) == 5
    for told in ("INVITE for +12025550103", "not a word of it", "they hear each other", "BYE when the caller hung up"):
        assert told in last["seen"]["consultation"] + last["seen"]["handover"]


@pytest.mark.asterisk
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_end_in_the_middle_of_the_call_leaves_nothing_behind(number: signal.Signals) -> None:
    before = _mounts()
    demo = _start()
    assert demo.stdout is not None
    output = ""
    for line in demo.stdout:
        output += line
        if "the caller hears ringing" in line:
            break
    link = re.search(r"console: (\S+)", output)
    assert link, output
    with build_opener(HTTPCookieProcessor()).open(link[1]) as page:
        assert "may change things" in page.read().decode()
    processes = _descendants(demo.pid)
    assert len(processes) >= 2
    demo.send_signal(number)
    demo.communicate(timeout=60)
    for pid in processes:
        _wait_until_gone(pid)
    assert demo.returncode == (-number if number is signal.SIGKILL else 1)
    assert _mounts() == before


def _wait_until_gone(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([descriptor], [], [], 20)[0], f"process {pid} is still there"  # readable: it has ended
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("name", ["DEMO_AGENT_PORT", "DEMO_WEBHOOK_PORT", "BIND"])
def test_a_busy_port_is_told_with_its_variable(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        demo = _start("--once", **{name: f"127.0.0.1:{port}" if name == "BIND" else port})
        output, errors = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert f"ARI_AGENT_{name}" in output, errors
    assert json.loads(output.splitlines()[-1])["ok"] is False


def test_a_wrong_setting_is_told_before_anything_starts() -> None:
    demo = _start(SIP_PORT="sip")
    _, errors = demo.communicate(timeout=60)
    assert (demo.returncode, "ARI_AGENT_SIP_PORT: expected a port" in errors) == (2, True)
