"""SIPp as a caller: a scenario file in, the parsed message log (the wire) out."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ari_agent.demo.pbx import Pbx
from tests.fakes.sip_message import SipMessage
from tests.fakes.sound import ulaw_encode

SCENARIOS: Final = Path(__file__).parent.parent / "data" / "sipp"
_RULE: Final = re.compile(rb"^-{40,} \d{4}-\d\d-\d\d[^\n]*\n", re.MULTILINE)
_KIND: Final = re.compile(rb"\w+ message (sent|received)[^\n]*\n\n")


Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wire:
    """The messages of a run: `sent` by SIPp, `received` from Asterisk."""

    sent: tuple[SipMessage, ...]
    received: tuple[SipMessage, ...]

    @classmethod
    def parse(cls, log: bytes, *, calls: str = "") -> Wire:
        """Of a `-trace_msg` log, what belongs to calls whose Call-ID begins so.

        A BYE for an earlier run that was cut short may come, too: to the same port, for half a minute.
        """
        sides: dict[bytes, list[SipMessage]] = {b"sent": [], b"received": []}
        for entry in _RULE.split(log)[1:]:
            kind = _KIND.match(entry)
            if kind is None:
                continue
            message = SipMessage.parse(entry[kind.end() :])
            if not (message.header("Call-ID") or "").startswith(calls):
                continue
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

    def __init__(self, pbx: Pbx, *, address: str) -> None:
        self._pbx, self._address = pbx, address
        self._runs = 0

    async def run(
        self,
        scenario: str,
        number: str,
        *,
        headers: Headers = (),
        bye_headers: Headers = (),
        calls: int = 1,
        at_once: int = 1,
        per_second: float = 10.0,
        values: Mapping[str, str] | None = None,
        sound: NDArray[np.int16] | None = None,
        trace: bool = True,
        timeout_s: float = 30.0,
    ) -> SippRun:
        """Play `tests/data/sipp/{scenario}.xml` to a number.

        headers go on the INVITE where the scenario says @HEADERS@, bye_headers on the BYE where it says @BYE_HEADERS@;
        values replace @NAME@ likewise. sound: what every caller says over and over, for a scenario with @SOUND@.
        """
        self._runs += 1
        # SIPp makes its ids of its process number, which is the same for each run in a namespace of its own.
        run = secrets.token_hex(4)
        name = f"sipp-{self._runs}-{scenario}"
        folder = self._pbx.work_path / name
        folder.mkdir(parents=True)
        text = (SCENARIOS / f"{scenario}.xml").read_text(encoding="utf-8")
        if sound is not None:
            (folder / "sound.ulaw").write_bytes(ulaw_encode(sound))
        listed = {"HEADERS": _lines(headers), "BYE_HEADERS": _lines(bye_headers)}
        for key, value in {"RUN": run, "SOUND": f"{name}/sound.ulaw", **listed, **(values or {})}.items():
            text = text.replace(f"@{key}@", value)
        (folder / "scenario.xml").write_bytes(text.encode("utf-8", "surrogateescape"))
        command = [
            "sipp",
            f"{self._pbx.bind}:{self._pbx.sip_port}",
            *("-sf", f"{name}/scenario.xml", "-s", number, "-i", self._address, "-nostdin", "-cid_str", f"{run}-%u@%s"),
            *("-m", str(calls), "-l", str(at_once), "-r", str(per_second), "-rp", "1000"),
            *("-trace_err", "-error_file", f"{name}/errors.log"),
            *("-timeout", f"{timeout_s:.0f}s", "-timeout_error"),
            *(("-trace_msg", "-message_file", f"{name}/messages.log") if trace else ()),
        ]
        done = await self._pbx.run_tool(command, timeout_s=timeout_s + 10)
        messages, errors = folder / "messages.log", folder / "errors.log"
        return SippRun(
            done.returncode,
            successful=_count(done.output, "Successful call"),
            failed=_count(done.output, "Failed call"),
            wire=Wire.parse(messages.read_bytes() if messages.exists() else b"", calls=run),
            errors=errors.read_text(errors="replace") if errors.exists() else done.output,
        )


def _lines(headers: Headers) -> str:
    return "".join(f"\n      {name}: {value}" for name, value in headers)


def _count(screen: str, label: str) -> int:
    found = re.findall(re.escape(label) + r"\s*\|\s*\d+\s*\|\s*(\d+)", screen)
    return int(found[-1]) if found else 0
