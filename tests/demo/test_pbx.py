"""A private Asterisk: what it is, that two live side by side, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import aiohttp
import pytest

from ari_agent.demo.installer import cache_folder
from ari_agent.demo.pbx import Pbx
from ari_agent.demo.pbx_errors import PbxError, PortBusy, PortLost
from ari_agent.demo.ports import TCP_AND_UDP, free_port

pytestmark = pytest.mark.asterisk


def private_pbx(*, extensions: str = "", files: Mapping[str, str] | None = None) -> Pbx:
    return Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=(21200, 21399), extensions=extensions, files=files)


def processes_of(run_directory: Path) -> list[int]:
    """Process numbers whose command line names the run directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue  # it ended meanwhile
        if str(run_directory).encode() in command:
            found.append(int(entry.name))
    return found


def mounts_of(run_directory: Path) -> list[str]:
    """Mounts of any process of this machine that name the run directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            found += [line for line in entry.read_text().splitlines() if run_directory.name in line]
        except OSError:
            continue
    return found


def list_of(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def wait_until_gone(run_directory: Path) -> None:
    for _ in range(200):
        if not processes_of(run_directory) and not mounts_of(run_directory):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"still there: {processes_of(run_directory)} {mounts_of(run_directory)}")


async def ari_status(pbx: Pbx, password: str) -> int:
    headers = {"Authorization": aiohttp.encode_basic_auth(pbx.ari_username, password)}
    url = f"{pbx.ari_url}/asterisk/info"
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        return response.status


async def test_asterisk_starts_without_an_error_or_a_warning() -> None:
    async with private_pbx() as pbx:
        log = pbx.log_path.read_text()
        assert "modules will be loaded" in log
        assert "ERROR" not in log
        assert "WARNING" not in log


async def test_ari_wants_the_password() -> None:
    async with private_pbx() as pbx:
        assert await ari_status(pbx, pbx.ari_password) == 200
        assert await ari_status(pbx, "not-the-password") == 401


async def test_two_live_side_by_side_with_passwords_of_their_own() -> None:
    async with private_pbx() as one, private_pbx() as other:
        assert await ari_status(one, one.ari_password) == 200
        assert await ari_status(other, other.ari_password) == 200
        assert await ari_status(other, one.ari_password) == 401
        await one.stop()
        assert not one.running
        assert await ari_status(other, other.ari_password) == 200


async def test_stop_leaves_no_process_mount_or_file() -> None:
    pbx = private_pbx()
    await pbx.start()
    run_directory = pbx.work_path.parent
    tool = await pbx.popen_tool(["sleep", "60"])
    assert len(processes_of(run_directory)) > 2
    assert mounts_of(run_directory)
    tool.kill()
    await tool.wait()
    await pbx.stop()
    await pbx.stop()
    await wait_until_gone(run_directory)
    assert not run_directory.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_all_dies_with_the_process_that_started_it(how: signal.Signals) -> None:
    script = textwrap.dedent("""
        import asyncio
        from ari_agent.demo.pbx import Pbx

        async def main() -> None:
            async with Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=(21200, 21399)) as pbx:
                await pbx.popen_tool(["sleep", "60"])
                print(pbx.work_path.parent, flush=True)
                await asyncio.sleep(60)

        asyncio.run(main())
    """)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    run_directory = Path((await process.stdout.readline()).decode().strip())
    assert processes_of(run_directory)
    process.send_signal(how)
    await process.wait()
    await wait_until_gone(run_directory)
    # What a violent death leaves on disk is removed by the next start.
    async with private_pbx():
        assert run_directory not in list_of(run_directory.parent)


async def test_restart_keeps_addresses_and_passwords() -> None:
    async with private_pbx() as pbx:
        before = (pbx.ari_url, pbx.ari_password, pbx.sip_port)
        await pbx.restart()
        assert (pbx.ari_url, pbx.ari_password, pbx.sip_port) == before
        assert await ari_status(pbx, pbx.ari_password) == 200


@pytest.mark.parametrize("again", [Pbx.start, Pbx.restart])
async def test_a_killed_asterisk_is_gone_at_once_and_can_be_started_again(
    again: Callable[[Pbx], Awaitable[None]],
) -> None:
    async with private_pbx() as pbx:
        before = (pbx.ari_url, pbx.ari_password, pbx.sip_port)
        await pbx.kill()
        assert not pbx.running
        assert free_port(pbx.ari_bind, pbx.ari_port, "ARI_PORT") == pbx.ari_port
        assert free_port(pbx.bind, pbx.sip_port, "SIP_PORT", TCP_AND_UDP) == pbx.sip_port
        await again(pbx)
        assert (pbx.ari_url, pbx.ari_password, pbx.sip_port) == before
        assert await ari_status(pbx, pbx.ari_password) == 200


async def test_a_start_after_a_kill_that_fails_may_be_tried_again() -> None:
    async with private_pbx() as pbx:
        password = pbx.ari_password
        await pbx.kill()
        modules = pbx.work_path.parent / "etc" / "modules.conf"
        shipped = modules.read_text()
        modules.write_text("[modules]\nautoload = no\nrequire = no_such_module.so\n")
        with pytest.raises(PbxError, match="no_such_module"):
            await pbx.start()
        modules.write_text(shipped)
        await pbx.start()
        assert await ari_status(pbx, password) == 200


@pytest.mark.parametrize(
    ("kind", "option", "variable"),
    [
        (socket.SOCK_DGRAM, "sip_port", "ARI_AGENT_SIP_PORT"),
        (socket.SOCK_STREAM, "sip_port", "ARI_AGENT_SIP_PORT"),
        (socket.SOCK_STREAM, "tls_port", "ARI_AGENT_SIP_TLS_PORT"),
        (socket.SOCK_STREAM, "wss_port", "ARI_AGENT_SIP_WSS_PORT"),
        (socket.SOCK_STREAM, "ari_port", "ARI_AGENT_ARI_PORT"),
    ],
)
async def test_a_busy_port_is_named_with_its_variable(kind: int, option: str, variable: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        pbx = private_pbx()
        setattr(pbx, option, port)
        with pytest.raises(PortBusy, match=f"127.0.0.1:{port} .*{variable}"):
            await pbx.start()
    assert not pbx.running


class LosesPort(Pbx):
    """Another program takes a port after the look at it, and before Asterisk does."""

    thief: socket.socket
    option = "sip_port"
    lost = 0

    async def _configure(self) -> None:
        await super()._configure()
        if not self.lost:
            self.lost = getattr(self, self.option)
            self.thief.bind(("127.0.0.1", self.lost))
            if self.thief.type == socket.SOCK_STREAM:
                self.thief.listen()


@pytest.mark.parametrize(("kind", "option"), [(socket.SOCK_DGRAM, "sip_port"), (socket.SOCK_STREAM, "ari_port")])
async def test_a_port_lost_to_another_program_is_chosen_anew(kind: int, option: str) -> None:
    pbx = LosesPort(sip_port=0, tls_port=0, ari_port=0, rtp_ports=(21200, 21399))
    pbx.option = option
    with socket.socket(socket.AF_INET, kind) as pbx.thief:
        async with pbx:
            assert getattr(pbx, option) != pbx.lost
            assert await ari_status(pbx, pbx.ari_password) == 200
            with pytest.raises(PortBusy, match="in use"):
                free_port(pbx.bind, pbx.sip_port, "SIP_PORT", (socket.SOCK_DGRAM,))


async def test_an_asterisk_without_a_port_that_was_asked_for_does_not_start() -> None:
    ports = [free_port("127.0.0.1", 0, "SIP_PORT", TCP_AND_UDP) for _ in range(4)]
    sip, tls, ari, wss = ports
    pbx = LosesPort(sip_port=sip, tls_port=tls, ari_port=ari, wss_port=wss, rtp_ports=(21200, 21399))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx.thief, pytest.raises(PortLost, match="transport-udp"):
        await pbx.start()
    assert not pbx.running


async def test_tools_of_the_root_run_in_the_shared_directory() -> None:
    async with private_pbx() as pbx:
        (pbx.work_path / "question.txt").write_text("what is it?")
        done = await pbx.run_tool(["sh", "-c", "cat question.txt; echo yes > answer.txt; sipp -v"])
        assert done.output.startswith("what is it?")
        assert "SIPp v3" in done.output
        assert (pbx.work_path / "answer.txt").read_text() == "yes\n"


async def test_the_shared_root_cannot_be_written_to() -> None:
    async with private_pbx() as pbx:
        done = await pbx.run_tool(["touch", "/etc/passwd", "/usr/stray"])
        assert done.returncode == 1
        assert done.output.count("Read-only file system") == 2


async def test_a_tool_that_takes_too_long_is_ended() -> None:
    async with private_pbx() as pbx:
        with pytest.raises(TimeoutError):
            await pbx.run_tool(["sleep", "60"], timeout_s=0.2)
        assert not [pid for pid in processes_of(pbx.work_path.parent) if b"sleep" in command_of(pid)]


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


async def test_configuration_of_ones_own_is_added_or_replaced() -> None:
    rtp = "[general]\nrtpstart = 21400\nrtpend = 21499\n"
    async with private_pbx(extensions="[mine]\nexten = 1,1,Answer()\n", files={"rtp.conf": rtp}) as pbx:
        assert "Answer()" in await pbx.cli("dialplan show mine")
        assert "Stasis(ari_agent)" in await pbx.cli("dialplan show ari-agent")
        assert "21400" in await pbx.cli("rtp show settings")


async def test_an_asterisk_that_cannot_start_says_why() -> None:
    pbx = private_pbx(files={"modules.conf": "[modules]\nautoload = no\nrequire = no_such_module.so\n"})
    with pytest.raises(PbxError, match="no_such_module"):
        await pbx.start()
    assert not pbx.running
    assert not pbx.work_path.exists()


def test_the_cache_folder_is_chosen_by_variable_then_by_the_desktop_standard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ARI_AGENT_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "ari-agent"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/ari-agent")
    monkeypatch.setenv("ARI_AGENT_CACHE", "/own")
    assert cache_folder() == Path("/own")
