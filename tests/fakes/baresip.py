"""baresip, a real softphone, headless, that calls or waits for a call, plays one WAV file and records another."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ari_agent.demo.pbx import Pbx
from tests.fakes.agent_server import Agent, AgentCall
from tests.fakes.sound import write_wav

_CONFIG = """\
sip_listen 127.0.0.1:{port}
{certificate}
audio_source aufile,/mnt/{name}/said.wav
audio_player aufile,/mnt/{name}/heard.wav
audio_alert aufile,/mnt/{name}/alert.wav
audio_buffer 20-160
module_path /usr/lib/baresip/modules
module stdio.so
module {module}
module aufile.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
"""


@dataclass(frozen=True, slots=True)
class Codec:
    """A codec of baresip: its module, how an account names it, and the sample rate and channels of its sound."""

    module: str
    name: str
    rate_hz: int
    channels: int = 1


G711: Final = Codec("g711.so", "PCMU/8000/1", 8000)
G722: Final = Codec("g722.so", "G722/16000/1", 16_000)
OPUS: Final = Codec("opus.so", "opus/48000/2", 48_000, channels=2)


@dataclass(slots=True)
class Baresip:
    """One call of a softphone."""

    folder: Path
    process: asyncio.subprocess.Process
    codec: Codec
    output: bytes = b""

    def heard(self) -> NDArray[np.int16]:
        """What it has recorded so far, at the codec's rate: the header knows the length only at the end."""
        _, _, samples = (self.folder / "heard.wav").read_bytes().partition(b"data")
        sound = np.frombuffer(samples[4 : 4 + (len(samples) - 4) // 2 * 2], dtype="<i2").astype(np.int16)
        return sound[:: self.codec.channels]

    async def until(self, words: bytes, timeout_s: float = 10.0) -> None:
        """Until it has printed these words, such as b"Call established"."""
        assert self.process.stdout is not None
        try:
            async with asyncio.timeout(timeout_s):
                while words not in self.output:
                    piece = await self.process.stdout.read(4096)
                    if not piece:
                        raise ConnectionError(f"baresip ended: {self._said()}")
                    self.output += piece
        except TimeoutError:
            raise TimeoutError(f"baresip did not say {words!r} in {timeout_s} s, but {self._said()}") from None

    def _said(self) -> str:
        return self.output.decode(errors="replace")[-1500:]

    async def talk_with(self, agent: Agent) -> AgentCall:
        """Until each has heard the other for a second; then this phone hangs up. The agent's call, which is over."""
        call = await agent.call()
        await self.until(b"established")
        await call.hears(seconds=1.3)
        await asyncio.sleep(1.0)
        await self.hang_up()
        await call.gone()
        return call

    async def hang_up(self) -> None:
        """`b` on its keyboard."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"b")
        await self.process.stdin.drain()


@contextlib.asynccontextmanager
async def calling(
    pbx: Pbx,
    number: str,
    said: NDArray[np.int16],
    *,
    secure: bool = False,
    user: str | None = None,
    codec: Codec = G711,
) -> AsyncIterator[Baresip]:
    """Dial as the softphone's account, with this codec alone; secure: TLS, and SRTP or nothing. said: at its rate.

    user: another From user, without password.
    """
    port, transport = (pbx.tls_port, "tls") if secure else (pbx.sip_port, "udp")
    login = "" if user else f";auth_pass={pbx.softphone_password}"
    account = f"<sip:{user or pbx.softphone_account}@{pbx.bind}:{port};transport={transport}>{login}"
    target = f"/dial sip:{number}@{pbx.bind}:{port};transport={transport}"
    async with _phone(pbx, said, account, codec=codec, secure=secure, more=["-e", target]) as phone:
        yield phone


@contextlib.asynccontextmanager
async def waiting(pbx: Pbx, user: str, said: NDArray[np.int16], *, port: int) -> AsyncIterator[Baresip]:
    """Answer whoever calls this user over TLS, with SRTP or not at all; TLS is at the port after this one."""
    account = f"<sip:{user}@127.0.0.1:{port + 1};transport=tls>;answermode=auto"
    async with _phone(pbx, said, account, codec=G711, secure=True, port=port) as phone:
        yield phone


@contextlib.asynccontextmanager
async def _phone(
    pbx: Pbx,
    said: NDArray[np.int16],
    account: str,
    *,
    codec: Codec,
    secure: bool,
    port: int = 0,
    more: Sequence[str] = (),
) -> AsyncIterator[Baresip]:
    name = f"baresip-{len(list(pbx.work_path.glob('baresip-*'))) + 1}"
    folder = pbx.work_path / name
    folder.mkdir()
    write_wav(folder / "said.wav", said, rate_hz=codec.rate_hz, channels=codec.channels)
    certificate = ""
    if secure:
        shutil.copy(pbx.certificate_path, folder / "pbx.crt")
        certificate = f"sip_cafile /mnt/{name}/pbx.crt"
    if port:
        key = pbx.certificate_path.with_suffix(".key").read_bytes()
        (folder / "own.pem").write_bytes(pbx.certificate_path.read_bytes() + key)
        certificate += f"\nsip_certificate /mnt/{name}/own.pem"
    (folder / "config").write_text(_CONFIG.format(name=name, certificate=certificate, port=port, module=codec.module))
    encryption = ";mediaenc=srtp-mand" if secure else ""
    (folder / "accounts").write_text(f"{account};regint=0{encryption};audio_codecs={codec.name}\n")
    (folder / "contacts").touch()
    # By lines: what it says of the end would otherwise wait in its buffer.
    process = await pbx.popen_tool(["stdbuf", "-oL", "baresip", "-f", f"/mnt/{name}", *more])
    try:
        yield Baresip(folder, process, codec)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
