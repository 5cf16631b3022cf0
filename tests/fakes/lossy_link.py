"""A link with delay, jitter and loss between this machine and a network namespace, in user space.

Kernels for containers often lack `tc netem`. Two TAP devices and a small process do the same: one end stays here, the
other moves into a namespace of its own, and every frame waits and may be lost on its way (seeded, so runs repeat).
Addresses are of 198.18.0.0/15, the range for tests of networks (RFC 2544).

Needs root, CAP_NET_ADMIN, /dev/net/tun and `ip`; `missing()` says what is not there.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

_TUNSETIFF: Final = 0x400454CA
_IFF_TAP_NO_PI: Final = 0x0002 | 0x1000
_CLONE_NEWNET: Final = 0x40000000
_IPV4: Final = b"\x08\x00"


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to each packet, each way. Times in ms, loss in percent.

    inward_loss_percent: from the far end to this machine, where that is another than outward.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    inward_loss_percent: float | None = None
    seed: int = 1


@dataclass(slots=True)
class Counters:
    """Frames of one direction."""

    taken: int = 0
    lost: int = 0
    given: int = 0


def missing() -> str | None:
    """What this machine lacks for a link; None when it has all."""
    if os.geteuid() != 0:
        return "root"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun"
    if shutil.which("ip") is None:
        return "ip (iproute2)"
    probe = subprocess.run(["ip", "tuntap", "add", "dev", "ariprobe0", "mode", "tap"], capture_output=True, check=False)
    if probe.returncode != 0:
        return f"CAP_NET_ADMIN ({probe.stderr.decode().strip()})"
    subprocess.run(["ip", "tuntap", "del", "dev", "ariprobe0", "mode", "tap"], capture_output=True, check=False)
    return None


@dataclass(slots=True)
class LossyLink:
    """Both ends: `near` is an address of this machine, `far` one inside `namespace`. Counters are there at the end."""

    namespace: str
    near: str
    far: str
    outward: Counters
    inward: Counters

    def command(self) -> list[str]:
        """The prefix that runs a program at the far end."""
        return ["ip", "netns", "exec", self.namespace]

    def open_socket(self, kind: socket.SocketKind, port: int = 0) -> socket.socket:
        """A socket bound to the far address, usable from here: a socket stays in the namespace it was made in."""

        def make() -> socket.socket:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/run/netns/{self.namespace}").open("rb") as namespace:
                if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made = socket.socket(socket.AF_INET, kind)
            made.setblocking(False)
            made.bind((self.far, port))
            return made

        # setns moves one thread: a thread of its own that ends with the socket made.
        with ThreadPoolExecutor(max_workers=1) as executor:
            return executor.submit(make).result()

    def open_tcp(self) -> socket.socket:
        """A TCP socket of the far end, to listen on."""
        return self.open_socket(socket.SOCK_STREAM)

    def open_udp(self, address: str) -> socket.socket:
        """For `SipCaller(open_socket=...)`."""
        assert address == self.far
        return self.open_socket(socket.SOCK_DGRAM)


@contextmanager
def lossy_link(weather: Weather) -> Iterator[LossyLink]:
    """A link that is up while the context lasts; namespace and devices go with it."""
    number = os.getpid() % 10_000
    label, subnet = _free_name(number)
    near, far = f"{subnet}.1", f"{subnet}.2"
    link = LossyLink(label, near, far, Counters(), Counters())
    _ip("netns", "add", label)
    try:
        near_fd = _tap(f"{label}n")
        try:
            far_fd = _tap(f"{label}f")
            try:
                _ip("link", "set", f"{label}f", "netns", label)
                _ip("addr", "add", f"{near}/30", "dev", f"{label}n")
                _ip("link", "set", f"{label}n", "up")
                _ip("-n", label, "link", "set", "lo", "up")
                _ip("-n", label, "addr", "add", f"{far}/30", "dev", f"{label}f")
                _ip("-n", label, "link", "set", f"{label}f", "up")
                yield from _while_forwarding(near_fd, far_fd, link, weather)
            finally:
                os.close(far_fd)
        finally:
            os.close(near_fd)
    finally:
        _ip("netns", "del", label)


def _while_forwarding(near_fd: int, far_fd: int, link: LossyLink, weather: Weather) -> Iterator[LossyLink]:
    """A process of its own: its delays are then those of the link, not of the test beside it."""
    words = [str(near_fd), str(far_fd), json.dumps(asdict(weather))]
    command = [sys.executable, "-m", "tests.fakes.lossy_link", *words]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=folder, pass_fds=(near_fd, far_fd), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield link
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=10)
            link.outward, link.inward = (Counters(**counted) for counted in json.loads(output))


def _free_name(number: int) -> tuple[str, str]:
    taken = {path.name for path in Path("/run/netns").glob("*")} if Path("/run/netns").exists() else set()
    for index in range(number, number + 200):
        label, third = f"arin{index % 16_384}", index % 254
        if label not in taken:
            return label, f"198.{18 + index // 254 % 2}.{third}"
    raise RuntimeError("no free network namespace name")


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _tap(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP_NO_PI))
    return device


def _forward(near_fd: int, far_fd: int, weather: Weather) -> tuple[Counters, Counters]:
    dice = random.Random(weather.seed)
    counters = {near_fd: Counters(), far_fd: Counters()}
    other = {near_fd: far_fd, far_fd: near_fd}
    inward = weather.loss_percent if weather.inward_loss_percent is None else weather.inward_loss_percent
    loss_percent = {near_fd: weather.loss_percent, far_fd: inward}
    waiting: list[tuple[float, int, int, bytes]] = []
    last_s = {near_fd: 0.0, far_fd: 0.0}
    order = 0
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    print("READY", flush=True)
    while not stopped.is_set():
        now_s = time.monotonic()
        while waiting and waiting[0][0] <= now_s:
            _, _, source, frame = heapq.heappop(waiting)
            try:
                os.write(other[source], frame)
                counters[source].given += 1
            except OSError:
                counters[source].lost += 1
        timeout_s = min(0.2, max(0.0, waiting[0][0] - now_s)) if waiting else 0.2
        readable, _, _ = select.select([near_fd, far_fd], [], [], timeout_s)
        for source in readable:
            for frame in _frames(source):
                counters[source].taken += 1
                address_resolution = frame[12:14] != _IPV4
                if not address_resolution and dice.random() * 100 < loss_percent[source]:
                    counters[source].lost += 1
                    continue
                wait_ms = weather.delay_ms + dice.uniform(-weather.jitter_ms, weather.jitter_ms)
                due_s = time.monotonic() + (0.0 if address_resolution else wait_ms / 1000)
                # A queue delays, it does not overtake: jitter keeps the order, as on most real paths.
                due_s = last_s[source] = max(due_s, last_s[source])
                order += 1
                heapq.heappush(waiting, (due_s, order, source, frame))
    return counters[near_fd], counters[far_fd]


def _frames(device: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(device, 65535)
        except BlockingIOError:
            return


def main() -> None:
    """Forward between two TAP devices that were handed over, until SIGTERM; then print the counters."""
    near_fd, far_fd = (int(word) for word in sys.argv[1:3])
    weather = Weather(**json.loads(sys.argv[3]))
    print(json.dumps([asdict(counters) for counters in _forward(near_fd, far_fd, weather)]))


if __name__ == "__main__":
    main()
