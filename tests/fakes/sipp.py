"""SIPp as a caller: a scenario file in, the parsed message log (the wire) out.

SIPp comes from the same root as Asterisk. It is run through that root's own dynamic loader, not inside the root, so
that it sees this machine's files and needs no privilege.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.fakes.sip_message import SipMessage

SCENARIOS: Final = Path(__file__).parent.parent / "data" / "sipp"
_RULE: Final = re.compile(rb"^-{40,} \d{4}-\d\d-\d\d[^\n]*\n", re.MULTILINE)
_KIND: Final = re.compile(rb"\w+ message (sent|received)[^\n]*\n\n")


def root_command(root: Path, program: str) -> list[str]:
    """The command line that runs a program of a Debian root with that root's own libraries."""
    loader = next(iter([*root.glob("lib64/ld-linux-*.so.*"), *root.glob("lib/ld-linux-*.so.*")]))
    libraries = ":".join(str(path) for path in sorted(root.glob("usr/lib/*-linux-gnu")))
    return [str(loader), "--library-path", libraries, str(root / program)]


@dataclass(frozen=True, slots=True)
class Wire:
    """The messages of a run: `sent` by SIPp, `received` from Asterisk."""

    sent: tuple[SipMessage, ...]
    received: tuple[SipMessage, ...]

    @classmethod
    def parse(cls, log: bytes) -> Wire:
        """Of a `-trace_msg` log."""
        sides: dict[bytes, list[SipMessage]] = {b"sent": [], b"received": []}
        for entry in _RULE.split(log)[1:]:
            kind = _KIND.match(entry)
            if kind is None:
                continue
            message = SipMessage.parse(entry[kind.end() :])
            size = int(message.header("Content-Length") or 0)
            sides[kind.group(1)].append(SipMessage(message.start_line, message.headers, message.body[:size]))
        return cls(tuple(sides[b"sent"]), tuple(sides[b"received"]))


@dataclass(frozen=True, slots=True)
class SippRun:
    """How it went. exit_status: 0 when every call went as the scenario says."""

    exit_status: int
    successful: int
    failed: int
    wire: Wire
    errors: str

    def check(self) -> Wire:
        """The wire of a run that went well; AssertionError with SIPp's own words otherwise."""
        assert self.exit_status == 0, f"SIPp ended with {self.exit_status}: {self.errors[-2000:]}"
        return self.wire


class Sipp:
    """Runs scenarios against one Asterisk, from one address."""

    def __init__(self, *, root: Path, pbx: tuple[str, int], address: str, folder: Path) -> None:
        self._root, self._pbx, self._address, self._folder = root, pbx, address, folder
        self._runs = 0

    async def run(
        self,
        scenario: str,
        number: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        calls: int = 1,
        at_once: int = 1,
        per_second: float = 10.0,
        values: Mapping[str, str] | None = None,
        trace: bool = True,
        timeout_s: float = 30.0,
    ) -> SippRun:
        """Play `tests/data/sipp/{scenario}.xml` to a number.

        headers go on the INVITE where the scenario says @HEADERS@; values replace @NAME@ likewise.
        """
        self._runs += 1
        folder = self._folder / f"sipp-{self._runs}-{scenario}"
        folder.mkdir(parents=True)
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        listed = "\n".join(f"      {name}: {value}" for name, value in headers)
        for name, value in {"HEADERS": listed, **(values or {})}.items():
            text = text.replace(f"@{name}@", value)
        (folder / "scenario.xml").write_bytes(text.encode("utf-8", "surrogateescape"))
        command = [
            *root_command(self._root, "usr/bin/sipp"),
            f"{self._pbx[0]}:{self._pbx[1]}",
            *("-sf", "scenario.xml", "-s", number, "-i", self._address, "-nostdin"),
            *("-m", str(calls), "-l", str(at_once), "-r", str(per_second), "-rp", "1000"),
            *("-trace_err", "-error_file", "errors.log", "-timeout", f"{timeout_s:.0f}s", "-timeout_error"),
            *(("-trace_msg", "-message_file", "messages.log") if trace else ()),
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env={**os.environ, "TERM": "xterm"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(), timeout_s + 10)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        messages, errors = folder / "messages.log", folder / "errors.log"
        return SippRun(
            process.returncode or 0,
            successful=_count(output, b"Successful call"),
            failed=_count(output, b"Failed call"),
            wire=Wire.parse(messages.read_bytes() if messages.exists() else b""),
            errors=errors.read_text(errors="replace") if errors.exists() else output.decode(errors="replace"),
        )


def _count(screen: bytes, label: bytes) -> int:
    found = re.findall(re.escape(label) + rb"\s*\|\s*\d+\s*\|\s*(\d+)", screen)
    return int(found[-1]) if found else 0
