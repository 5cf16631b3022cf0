"""A real Asterisk of one's own: in a private root, with its own configuration, ports and processes.

The demo and the integration tests stand on it. The root (Debian's Asterisk, SIPp and baresip) is made once by
`docker/install.sh root` and shared read-only by every `Pbx`; what one Asterisk writes lies in its own run directory.

    async with Pbx(sip_port=21060, tls_port=21061, ari_port=21088, rtp_ports=(21100, 21199)) as pbx:
        ...                                                   # pbx.ari_url, pbx.ari_username, pbx.ari_password
        done = await pbx.run_tool(["sipp", "127.0.0.1:21060", "-sf", "caller.xml", "-m", "1", "-trace_msg"])
        assert done.returncode == 0, done.output
        assert "0 active channels" in await pbx.cli("core show channels count")

Nothing outlives it: each program runs in mount and process namespaces of its own, which die with the process that
made the `Pbx`, even by SIGKILL. Run directories that such a death leaves behind are removed by the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Self

import aiohttp

from ari_agent.contract.parsing.redacted_url import basic_authorization
from ari_agent.demo.enclosure import Done, Enclosure
from ari_agent.demo.installer import cache_folder, run_install
from ari_agent.demo.pbx_errors import PbxError, PortLost
from ari_agent.demo.ports import TCP_AND_UDP, free_port
from ari_agent.demo.run_directory import RunDirectory
from ari_agent.demo.short_documentation import short_documentation

log = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 3.0
_ANSWER_S: Final = 2.0
_STARTS: Final = 3
_PORT_LOST: Final = "Address already in use"


class Pbx:
    """One Asterisk, started by `start` (or `async with`), gone after `stop`.

    app: the name in the dialplan's `Stasis()`. processes: how many controllers share the calls, as app_1, app_2 and so
        on where there are several.
    bind: the address SIP listens on; "0.0.0.0" lets phones of the network in. ARI stays on `ari_bind`.
    sip_port (UDP and TCP), tls_port, ari_port, wss_port (on `ari_bind`): 1 to 65535; 0 chooses a free one, see the
        attribute after `start`.
    rtp_ports: first and last UDP port of Asterisk's own audio.
    callers: networks whose SIP calls come in without a password, as a trunk's do: endpoint `caller`, context
        `from-trunk`. The From user must not be the softphone's account. Empty: only the softphone may call.
    pjsip, extensions: more configuration, read after the shipped `pjsip.conf` and `extensions.conf`.
    files: whole files for /etc/asterisk, by name ("rtp.conf"), in place of the shipped ones.
    network_namespace: name (`ip netns`) of the network that Asterisk and the tools live in; the ports are then not
        tested for being free, and `start` does not wait for ARI, which may be out of reach, but for the CLI.
    name_server: address of the one that Asterisk asks, in place of this machine's.
    cache: where the root is and run directories are made; default as in `docker/install.sh`.

    Raises PortBusy, PortLost, or PbxError with what Asterisk or install.sh said. Start it from a thread that lives as
    long as the Pbx does (the event loop's): Linux ties the children's life to the thread that made them.
    """

    def __init__(
        self,
        *,
        app: str = "ari_agent",
        processes: int = 1,
        bind: str = "127.0.0.1",
        ari_bind: str = "127.0.0.1",
        sip_port: int = 5060,
        tls_port: int = 5061,
        ari_port: int = 8088,
        wss_port: int = 0,
        rtp_ports: tuple[int, int] = (10000, 13999),
        callers: Sequence[str] = ("127.0.0.0/8",),
        pjsip: str = "",
        extensions: str = "",
        files: Mapping[str, str] | None = None,
        network_namespace: str | None = None,
        name_server: str | None = None,
        cache: Path | None = None,
    ) -> None:
        self.app = app
        self._processes = processes
        self.bind = bind
        self.ari_bind = ari_bind
        self.sip_port = sip_port
        self.tls_port = tls_port
        self.ari_port = ari_port
        self.wss_port = wss_port
        self.rtp_ports = rtp_ports
        self.network_namespace = network_namespace
        self._name_server = name_server
        self.root = Path()
        self.ari_username = self.ari_password = ""
        self.softphone_account = self.softphone_password = ""
        self.browser_phone_account = self.browser_phone_password = ""
        self._callers = tuple(callers)
        self._pjsip = pjsip
        self._extensions = extensions
        self._files = dict(files or {})
        self._cache = cache or cache_folder()
        self._asterisk: asyncio.subprocess.Process | None = None
        self._run = Path()
        self._logged_before = 0
        self._run_directory: RunDirectory | None = None

    # ---- what it is -------------------------------------------------------------------------------------------

    @property
    def ari_url(self) -> str:
        """Return what ARI_AGENT_ARI_URL takes."""
        host = "127.0.0.1" if ip_address(self.ari_bind).is_unspecified else self.ari_bind
        return f"http://{host}:{self.ari_port}/ari"

    @property
    def pid(self) -> int | None:
        """Return the number of Asterisk's own process, as this system counts; None while it does not run."""
        waiting = [self._asterisk.pid] if self._asterisk else []
        for process in waiting:  # it grows meanwhile: setpriv, unshare, sh, Asterisk
            with contextlib.suppress(OSError):
                if Path(f"/proc/{process}/comm").read_text().strip() == "asterisk":
                    return process
                waiting += _children(process)
        return None

    @property
    def work_path(self) -> Path:
        """Return the directory that tools start in, seen from outside: put scenarios there, find logs there."""
        return self._run / "work"

    @property
    def log_path(self) -> Path:
        """Return the path of Asterisk's log: notices, warnings and errors."""
        return self._run / "log" / "messages.log"

    @property
    def certificate_path(self) -> Path:
        """Return the path of the self-made certificate of SIP over TLS, for clients to trust."""
        return self._run / "etc" / "keys" / "asterisk.crt"

    @property
    def running(self) -> bool:
        """Return whether the Asterisk process lives."""
        return self._asterisk is not None and self._asterisk.returncode is None

    # ---- life -------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Make the root if it is missing, configure, start, and return when calls can come in; `restart` if killed."""
        if self._run_directory is not None:
            if not self.running:
                await self.restart()
            return
        self.root = Path((await self._install("root")).strip())
        self._run_directory = RunDirectory.make(self._cache / "runs")
        self._run = self._run_directory.path
        asked = self.ari_port, self.sip_port, self.tls_port, self.wss_port
        try:
            for left in reversed(range(_STARTS)):
                self._choose_ports(*asked)
                await self._configure()
                try:
                    await self._launch()
                except PortLost:  # between our look and Asterisk's
                    if all(asked) or not left:
                        raise
                    await self._end()
                else:
                    return
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End Asterisk (its callers get a BYE) and remove the run directory. Does nothing the second time."""
        await self._end()
        if self._run_directory is not None:
            self._run_directory.remove()
            self._run_directory = None

    async def restart(self) -> None:
        """End Asterisk and start it again with the same ports, passwords and files; what ARI pushed is lost."""
        await self._end()
        await self._launch()

    async def kill(self) -> None:
        """End Asterisk by SIGKILL: no BYE, no closing handshake, as in a crash. `restart` starts it again."""
        if self._asterisk is None:
            return
        # The first process of its namespace dies after all others of it, and `unshare` after that one: the ports are
        # then free. Killing `unshare` would leave Asterisk to die a little later.
        with contextlib.suppress(OSError):
            for process in _children(self._asterisk.pid) or [self._asterisk.pid]:
                os.kill(process, signal.SIGKILL)
        await self._asterisk.wait()
        self._asterisk = None

    # ---- what one does with it --------------------------------------------------------------------------------

    async def cli(self, command: str) -> str:
        """Run a command of Asterisk's command line ("core show channels") and return what it printed."""
        done = await self.run_tool(["asterisk", "-rx", command], timeout_s=10)
        if done.returncode:
            raise PbxError(f"asterisk -rx {command!r} failed: {done.output.strip()}")
        return done.output

    async def run_tool(self, command: Sequence[str], *, timeout_s: float = 60) -> Done:
        """Run a program of the root (sipp, baresip, asterisk) in `work_path` and wait for its end.

        Raises TimeoutError after timeout_s, with the program dead.
        """
        process = await self.popen_tool(command)
        try:
            async with asyncio.timeout(timeout_s):
                output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return Done(process.returncode or 0, output.decode(errors="replace"))

    async def popen_tool(self, command: Sequence[str]) -> asyncio.subprocess.Process:
        """Start a program of the root in `work_path`; stdout carries both of its output streams, stdin is a pipe.

        The program lives in namespaces of its own, not Asterisk's, so it survives `kill`. End it with `.kill()`:
        other signals do not reach it.
        """
        return await self._enclosure.spawn(command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)

    # ---- how --------------------------------------------------------------------------------------------------

    @property
    def _enclosure(self) -> Enclosure:
        return Enclosure(self.root, self._run, self.network_namespace)

    async def _install(self, *arguments: str, **settings: str) -> str:
        return await run_install(*arguments, cache=self._cache, **settings)

    def _choose_ports(self, ari_port: int, sip_port: int, tls_port: int, wss_port: int) -> None:
        if self.network_namespace:
            return
        self.ari_port = free_port(self.ari_bind, ari_port, "ARI_PORT")
        self.sip_port = free_port(self.bind, sip_port, "SIP_PORT", TCP_AND_UDP)
        self.tls_port = free_port(self.bind, tls_port, "SIP_TLS_PORT")
        self.wss_port = free_port(self.ari_bind, wss_port, "SIP_WSS_PORT")

    async def _configure(self) -> None:
        uid, gid = _asterisk_user(self.root)
        etc = self._run / "etc"
        await self._install(
            "configure",
            str(etc),
            ARI_AGENT_APP=self.app,
            ARI_AGENT_PROCESSES=str(self._processes),
            ARI_AGENT_ARI_BIND=self.ari_bind,
            ARI_AGENT_ARI_PORT=str(self.ari_port),
            ARI_AGENT_SIP_BIND=self.bind,
            ARI_AGENT_SIP_PORT=str(self.sip_port),
            ARI_AGENT_SIP_TLS_PORT=str(self.tls_port),
            ARI_AGENT_SIP_WSS_BIND=self.ari_bind,
            ARI_AGENT_SIP_WSS_PORT=str(self.wss_port or 8089),
            ARI_AGENT_SIP_RTP_PORTS="{}-{}".format(*self.rtp_ports),
            ARI_AGENT_ASTERISK_OWNER=f"{uid}:{gid}",
        )
        lines = (etc / "ari-agent.env").read_text().splitlines()
        made = dict(line.removeprefix("ARI_AGENT_").split("=", 1) for line in lines if "=" in line)
        self.ari_username, self.ari_password = made["ARI_USERNAME"], made["ARI_PASSWORD"]
        self.softphone_account, self.softphone_password = made["SOFTPHONE_ACCOUNT"], made["SOFTPHONE_PASSWORD"]
        self.browser_phone_account = made["BROWSER_PHONE_ACCOUNT"]
        self.browser_phone_password = made["BROWSER_PHONE_PASSWORD"]
        (etc / "pjsip.d" / "pbx.conf").write_text(_caller_endpoint(self._callers) + self._pjsip + "\n")
        (etc / "extensions.d" / "pbx.conf").write_text(self._extensions + "\n")
        for name, text in self._files.items():
            (etc / name).write_text(text)
        (self._run / "hosts").write_text(_hosts())
        (self._run / "resolv.conf").write_text(_resolv_conf(self._name_server))
        (self._run / "documentation.xml").write_bytes(short_documentation(self.root))
        for folder in ("lib", "log", "spool", "run"):
            os.chown(self._run / folder, uid, gid)
        (self._run / "work").chmod(0o777)

    async def _launch(self) -> None:
        console = self._run / "log" / "console.log"
        self._logged_before = self.log_path.stat().st_size if self.log_path.exists() else 0
        command = ["asterisk", "-f", "-n", "-U", "asterisk", "-G", "asterisk"]
        self._asterisk = await self._enclosure.spawn(command, stdin=asyncio.subprocess.DEVNULL, stdout=console)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                if not self.network_namespace:
                    await self._wait_for_ari()
                await self._wait_until_booted()
        except TimeoutError:
            why = f"it did not answer within {START_TIMEOUT_S:.0f} s"
            raise PbxError(f"Asterisk did not start: {why}; it said:\n{_tail(console)}") from None

    async def _wait_for_ari(self) -> None:
        headers = {"Authorization": basic_authorization(self.ari_username, self.ari_password)}
        answer = aiohttp.ClientTimeout(total=_ANSWER_S)  # another program may hold the port and say nothing
        async with aiohttp.ClientSession(headers=headers, timeout=answer) as session:
            while True:
                self._check_alive()
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.ari_url}/asterisk/ping") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def _wait_until_booted(self) -> None:
        while True:
            self._check_alive()
            done = await self.run_tool(["asterisk", "-rx", "core waitfullybooted"], timeout_s=START_TIMEOUT_S)
            if done.returncode == 0:
                self._check_alive()
                return
            await asyncio.sleep(0.1)

    def _check_alive(self) -> None:
        if not self.running:
            raise PbxError(f"Asterisk did not start; it said:\n{_tail(self._run / 'log' / 'console.log')}")
        if self.log_path.exists():
            said = self.log_path.read_bytes()[self._logged_before :].decode(errors="replace")
            if lost := [line for line in said.splitlines() if _PORT_LOST in line]:
                raise PortLost(lost[0])  # Asterisk runs on without it, and nobody reaches it

    async def _end(self) -> None:
        """End Asterisk in order, and by force if it takes longer than STOP_TIMEOUT_S."""
        try:
            if self.running and self._asterisk is not None:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await self.cli("core stop now")
                    await self._asterisk.wait()
        except (PbxError, TimeoutError):
            log.warning("Asterisk did not stop within %.0f s and is killed", STOP_TIMEOUT_S)
        finally:
            await self.kill()


def _children(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def _caller_endpoint(networks: Sequence[str]) -> str:
    if not networks:
        return ""
    return f"""
[caller](trunk)

[caller]
type = identify
endpoint = caller
match = {",".join(networks)}

"""


def _hosts() -> str:
    """Return the text of Asterisk's /etc/hosts.

    Asterisk looks its own host name up for each call: without an answer here that is a question to the network.
    """
    known = Path("/etc/hosts")
    return f"{known.read_text() if known.exists() else ''}\n127.0.0.1 localhost {socket.gethostname()}\n"


def _resolv_conf(name_server: str | None) -> str:
    """Return the text of Asterisk's /etc/resolv.conf: this machine's, unless another name server is to be asked."""
    known = Path("/etc/resolv.conf")
    if name_server is None:
        return known.read_text() if known.exists() else ""
    return f"nameserver {name_server}\n"


def _asterisk_user(root: Path) -> tuple[int, int]:
    """Return user and group number of the root's own user `asterisk`, which may be somebody else's number outside."""
    for line in (root / "etc" / "passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == "asterisk":
            return int(uid), int(gid)
    raise PbxError(f"{root} has no user asterisk: remove it, it is made again")


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""
