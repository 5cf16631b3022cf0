"""Starts programs inside the private root, in mount and process namespaces that die with this process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ari_agent.demo.short_documentation import IN_ROOT

# Runs as process 1 of new mount and process namespaces. $1 root, $2 run directory; the rest is the command, started
# in the shared work directory. The root is mounted read-only; what this Asterisk writes is bound over it.
# Process 1 stays root and waits: a change of user would clear the signal that lets it die with its parent.
ENTER: Final = f"""
set -e
root=$1 run=$2
shift 2
mount --bind "$root" "$root"
cd "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mount --bind "$run/etc" etc/asterisk
for folder in lib log spool; do mount --bind "$run/$folder" var/$folder/asterisk; done
mount --bind "$run/run" run/asterisk
mount --bind "$run/work" mnt
mount --bind "$run/hosts" etc/hosts
mount --bind "$run/resolv.conf" etc/resolv.conf
mount --bind "$run/documentation.xml" {IN_ROOT}
chroot . /usr/bin/env -C /mnt HOME=/mnt TERM=dumb LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a program ended. output: what it wrote to both standard streams."""

    returncode: int
    output: str


@dataclass(frozen=True, slots=True)
class Enclosure:
    """The root, mounted read-only, with one run directory bound over it where programs write.

    network_namespace: name (`ip netns`) of the network that they live in; None: this process's. Start them from a
    thread that lives as long as they are to: Linux ties their life to the thread that made them.
    """

    root: Path
    run: Path
    network_namespace: str | None = None

    async def spawn(self, command: Sequence[str], *, stdin: int, stdout: int | Path) -> asyncio.subprocess.Process:
        """Start a program in the work directory. stdout: a file's is appended to; it carries both output streams.

        stdin, stdout: see asyncio.create_subprocess_exec. End it with `.kill()`: other signals do not reach it.
        """
        enter = ["/bin/sh", "-c", ENTER, "sh", str(self.root), str(self.run), *command]
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", *enter]
        network = ["nsenter", f"--net=/run/netns/{self.network_namespace}"] if self.network_namespace else []
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(stdout.open("ab")) if isinstance(stdout, Path) else stdout
            return await asyncio.create_subprocess_exec(
                "setpriv",
                "--pdeathsig",
                "KILL",
                *network,
                *unshare,
                stdin=stdin,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
                # Ctrl-C goes to this process alone, which then ends the others in order.
                start_new_session=True,
            )
