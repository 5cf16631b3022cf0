"""How long a caller waits for the answer, through a real Asterisk, agent on loopback.

    python -m tests.benchmarks.setup_time [--calls 200] [--pause-ms 0]

Prints one JSON object, times in ms: `invite_to_200` as the caller sees it on the wire, and `stasis_to_answer` by the
controller's log, from "call arrived" to "call talking". The second holds the answers to all requests to Asterisk and
the agent's handshake, so the controller's own share is less. `cpu_ms_a_call` is what the controller's process takes for
one call, with records, webhooks and tear-down.

Without a pause, a call is set up while the one before is still being torn down.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from tests.integration.stage import Stage, staged

_LINE: Final = re.compile(r"^(\S+ \S+) .* call (arrived|talking)\b.* call_id=(\S+)", re.MULTILINE)


def _stasis_to_answer_ms(log: str) -> list[float]:
    moments: dict[str, dict[str, datetime]] = {}
    for time, what, call_id in _LINE.findall(log):
        moments.setdefault(call_id, {})[what] = datetime.strptime(time, "%Y-%m-%d %H:%M:%S,%f")
    answered = [call for call in moments.values() if "talking" in call]  # the last one's log may be on its way
    return [(call["talking"] - call["arrived"]).total_seconds() * 1000 for call in answered]


def _figures(times_ms: Sequence[float]) -> Mapping[str, float]:
    cuts = statistics.quantiles(times_ms, n=100, method="inclusive")
    figures = {"p50": cuts[49], "p90": cuts[89], "p99": cuts[98], "max": max(times_ms)}
    return {name: round(value, 1) for name, value in figures.items()}


async def _one(stage: Stage, number: str) -> float:
    async with stage.caller() as caller:
        await caller.call(number, headers=[("X-Caller", "abc"), ("X-Order", "42")])
        asked = next(entry for entry in caller.log if entry.sent)
        answered = next(entry for entry in caller.log if entry.message.status == 200)
        return (answered.time_s - asked.time_s) * 1000


_WARM_UP: Final = 10
_TEAR_DOWN_S: Final = 1.0


def _cpu_ms(pid: int) -> float:
    """Return the milliseconds of a processor that a process has used, in all of its threads (proc_pid_stat(5))."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) * 1000 / os.sysconf("SC_CLK_TCK")


async def measure(calls: int, *, pause_s: float) -> Mapping[str, object]:
    """One call after the other, with a pause between them, after some that warm up."""
    with tempfile.TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            number = await stage.import_number(await stage.create_agent(stage.agents.agent()))
            for _ in range(_WARM_UP):
                await _one(stage, number)
            process = stage.controller.process
            assert process
            before_ms, on_the_wire_ms = _cpu_ms(process.pid), []
            for _ in range(calls):
                await asyncio.sleep(pause_s)
                on_the_wire_ms.append(await _one(stage, number))
            await asyncio.sleep(_TEAR_DOWN_S)
            cpu_ms = _cpu_ms(process.pid) - before_ms
            inside_ms = _stasis_to_answer_ms(stage.controller.log_text())[_WARM_UP:]
    return {
        "calls": calls,
        "pause_ms": round(pause_s * 1000),
        "cpu_ms_a_call": round(cpu_ms / calls, 1),
        "invite_to_200_ms": _figures(on_the_wire_ms),
        "stasis_to_answer_ms": _figures(inside_ms),
    }


def main() -> None:
    """Run it and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--pause-ms", type=int, default=0)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.calls, pause_s=options.pause_ms / 1000))))


if __name__ == "__main__":
    main()
