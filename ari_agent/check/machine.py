"""The checks of this machine: the database, files and their permissions, the addresses of audio and API, limits."""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
import socket
import stat
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import aiohttp

from ari_agent.api.connection_limits import files_for
from ari_agent.check.finding import Finding, failed, ok, skipped, warning
from ari_agent.check.surroundings import DatabaseFacts, Surroundings
from ari_agent.errors import NoRtpPort, SpeechUnavailable
from ari_agent.file_limit import MOST_FILES
from ari_agent.media.socket import RtpPorts

_PATIENCE_S = 2.0
_LITTLE_BYTES: Final = 1024**3
_TOO_LITTLE_BYTES: Final = 50 * 1024**2
_SECRET = re.compile(r"^\s*(?:export\s+)?\w*(?:PASSWORD|KEY)[ \t]*=[ \t]*[\"']?[^\s\"']", re.IGNORECASE | re.MULTILINE)


async def check_database(around: Surroundings) -> list[Finding]:
    """Tell whether `serve` could write to the database, and has room there."""
    return told_of_database(around.database)


def told_of_database(database: DatabaseFacts) -> list[Finding]:
    """Tell what was found out about a database, and how much room its disk has."""
    if database.fault:
        return failed(f"ARI_AGENT_DATABASE_URL: {database.fault}", "set it to a database that this user may write to")
    what = f"{database.shown_url} {'can be written' if database.is_there else 'will be made at the first start'}"
    if database.file is None:
        return ok(what)
    free = shutil.disk_usage(next(path for path in database.file.parents if path.exists())).free
    if free < _LITTLE_BYTES:
        tell = failed if free < _TOO_LITTLE_BYTES else warning
        return tell(f"{what}; only {free // 1024**2} MB are free on its disk", "make room: records need it")
    return ok(f"{what}; {free / 1024**3:.0f} GB are free")


async def check_secrets(around: Surroundings) -> list[Finding]:
    """Look whether other users of this machine can read files that hold passwords and keys."""
    return open_secrets(around.secret_files)


def open_secrets(files: Sequence[Path]) -> list[Finding]:
    """Tell which of these files other users can read, if they hold secrets. Files that are not there are none."""
    found = [path for path in files if _open_to_others(path)]
    if not found:
        return ok("no file with passwords or keys can be read by other users")
    names = " ".join(str(path) for path in found)
    return warning(f"every user of this machine can read the passwords and keys in {names}", f"chmod o-rwx {names}")


def _open_to_others(path: Path) -> bool:
    try:
        if not path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            return False
        with path.open("rb") as file:
            beginning = file.read(65_536)
    except OSError:
        return False
    return beginning.startswith(b"SQLite format 3\0") or bool(_SECRET.search(beginning.decode(errors="replace")))


async def check_rtp_address(around: Surroundings) -> list[Finding]:
    """Bind a UDP port of the range at the address of the audio."""
    settings = around.settings
    return await try_rtp(settings.rtp_host, *settings.rtp_ports, announced_host=settings.rtp_announced_host)


def audio_address_problem(host: str, announced_host: str) -> str | None:
    """Bind a UDP port at the address of the audio; returns what is wrong and what to do, None where it works.

    announced_host: the numeric address that Asterisk is told instead of host; `""`: host.
    """
    advice = "set it to an address of this machine that Asterisk reaches (`ip address`)"
    try:
        numeric = ip_address(host)
    except ValueError:
        return f"ARI_AGENT_RTP_HOST is {host}, which is no numeric address: {advice}"
    announced = ip_address(announced_host) if announced_host else numeric
    if announced.is_unspecified or announced.version != numeric.version:
        return (
            f"with ARI_AGENT_RTP_HOST {host}, Asterisk cannot send audio to {announced}: set "
            f"ARI_AGENT_RTP_ANNOUNCED_HOST to the IPv{numeric.version} address at which Asterisk reaches this machine"
        )
    family = socket.AF_INET6 if numeric.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            return (
                f"ARI_AGENT_RTP_HOST: cannot bind {host}: {error.strerror}: {advice}; where Asterisk reaches it at an "
                "address that it does not have itself (NAT, a container), that goes to ARI_AGENT_RTP_ANNOUNCED_HOST"
            )
    return None


async def try_rtp(host: str, first: int, last: int, *, announced_host: str = "") -> list[Finding]:
    """Bind a UDP port of the range (0 and 0: any) at the address of the audio. See audio_address_problem."""
    if problem := audio_address_problem(host, announced_host):
        return failed(problem, "")
    try:
        RtpPorts(host, first, last).open(lambda _: None).close()
    except NoRtpPort:
        return failed(f"every port of ARI_AGENT_RTP_PORTS ({first}-{last}) is taken", "choose another range")
    return ok(f"{host} is an address of this machine")


async def check_limits(around: Surroundings) -> list[Finding]:
    """Compare ARI_AGENT_CONCURRENCY_LIMIT with the UDP ports and the open files that so many calls need."""
    settings = around.settings
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST_FILES if hard == resource.RLIM_INFINITY else hard
    first, last = settings.rtp_ports
    return list(too_low(settings.concurrency_limit, first=first, last=last, files=files)) or ok(
        f"there are ports and files for {settings.concurrency_limit} calls at the same time"
    )


def too_low(calls: int, *, first: int, last: int, files: int) -> Iterator[Finding]:
    """Yield what is too little for so many calls. first, last: UDP ports, 0 and 0 for any. files: that may be open."""
    ports = last // 2 - (first + 1) // 2 + 1 if first else calls
    if ports < calls:
        yield from warning(
            f"ARI_AGENT_RTP_PORTS ({first}-{last}) has room for {ports} calls, and ARI_AGENT_CONCURRENCY_LIMIT is "
            f"{calls}",
            f"widen the range to {2 * calls} ports, or lower the limit",
        )
    if files < (needed := files_for(calls)):
        yield from warning(
            f"{calls} calls may need {needed} open files, and {files} are allowed",
            "raise LimitNOFILE in the systemd unit (`ulimit -Hn`), or lower ARI_AGENT_CONCURRENCY_LIMIT",
        )


async def check_api(around: Surroundings) -> list[Finding]:
    """Bind the address of the HTTP API, unless a controller has it."""
    host, port = around.settings.bind
    if around.serving:
        return ok(f"a controller serves at {host}:{port}")
    return await try_listening(host, port)


async def try_listening(host: str, port: int) -> list[Finding]:
    """Bind the address of the HTTP API."""
    try:
        server = await asyncio.start_server(lambda *_: None, host, port)
    except OSError as error:
        return failed(
            f"ARI_AGENT_BIND: cannot listen on {host}:{port}: {error.strerror}",
            f"stop what uses the port (`ss -ltnp sport = {port}`), or set another",
        )
    server.close()
    await server.wait_closed()
    return ok(f"{host}:{port} is free")


async def is_serving(host: str, port: int) -> bool:
    """Tell whether a controller serves its API at this address."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/healthz"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PATIENCE_S)) as http,
            http.get(url) as response,
        ):
            return response.status == 200 and await response.json() == {"status": "ok"}
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return False


async def check_speech(around: Surroundings) -> list[Finding]:
    """Start the providers of speech, which text agents need, and end them again."""
    settings = around.settings
    agents = around.stored.text_agents()
    if "none" not in (settings.speech_to_text, settings.text_to_speech):
        try:
            async with around.start_speech() as names:
                if names:
                    return ok("{} listens and {} speaks for text agents".format(*names))
        except SpeechUnavailable as error:
            return failed(str(error), "")
    if agents:
        return failed(
            f"{agents[0]} is a text agent, and nothing listens and speaks for it",
            "install what listens and speaks here, or set ARI_AGENT_SPEECH_TO_TEXT and ARI_AGENT_TEXT_TO_SPEECH "
            "(docs/text-agents-and-speech.md)",
        )
    return skipped("no number has a text agent")
