"""`ari-agent try-agent`: plays a call to an agent and tells what it did, what was wrong and what a caller would hear.

Exit status: 0 nothing was wrong, 1 the agent did something wrong, 2 it could not be reached, or an option is wrong.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ari_agent.clock import now_ms
from ari_agent.contract.parsing.redacted_url import RedactedUrl
from ari_agent.demo.sounds import keep
from ari_agent.errors import ConfigurationError
from ari_agent.ids import new_call_id
from ari_agent.try_agent.findings import Findings
from ari_agent.try_agent.hearing import SAMPLES_PER_MS, first_sound, sounding_ms
from ari_agent.try_agent.line import Line, open_line
from ari_agent.try_agent.options import TrialOptions
from ari_agent.try_agent.report import Report
from ari_agent.try_agent.script import AgentNotReached, Script
from ari_agent.try_agent.wire_log import WireLog

OK: Final = 0
WRONG: Final = 1
NOT_REACHED: Final = 2


async def try_agent(options: TrialOptions, *, wav: Path | None, as_json: bool, show: Callable[[str], None]) -> int:
    """Play the call; return the exit status.

    wav: where to keep what the caller heard; None for a new file in the folder for temporary files. as_json: show one
    JSON object at the end and nothing else. show: prints a line.

    Raises:
        ConfigurationError: an option is wrong, or the WAV file cannot be written.
    """
    if wav is not None:
        _require_writable(wav)
    with _quiet():
        return await _tried(options, wav=wav, as_json=as_json, show=show)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log from what is told here of the agent anyway."""
    loggers = [logging.getLogger(name) for name in ("ari_agent", "asyncio")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


async def _tried(options: TrialOptions, *, wav: Path | None, as_json: bool, show: Callable[[str], None]) -> int:
    findings = Findings()
    report = Report(findings, (lambda _: None) if as_json else show)
    wire = WireLog(options.protocol, findings, asyncio.get_running_loop().time)
    spec = options.spec(new_call_id(), now_ms())
    result: dict[str, Any] = {
        "url": RedactedUrl.of(options.url).shown,
        "protocol": options.protocol,
        "call_id": spec.call_id,
    }
    async with open_line(spec, wire) as line:
        try:
            await Script(line, wire, report, options).play()
        except AgentNotReached as error:
            if error.advice:
                report.say(error.advice)
            result |= {"status": NOT_REACHED, "not_reached": str(error), "advice": error.advice}
        else:
            result |= {"status": OK if findings.ok else WRONG, **_heard(line, _keep(line, wav))}
            result |= {"messages": {"from_agent": dict(wire.received), "to_agent": dict(wire.sent)}}
            _sum_up(report, result)
    result |= {"ok": result["status"] == OK, **report.as_json()}
    if as_json:
        show(json.dumps(result, ensure_ascii=False))
    return int(result["status"])


def _require_writable(wav: Path) -> None:
    """Raise ConfigurationError where a file cannot be written, before a whole call is played for it."""
    is_new = not wav.exists()
    try:
        wav.open("ab").close()
        if is_new:
            wav.unlink()  # an agent that is not reached leaves no file
    except OSError as error:
        raise ConfigurationError(f"--wav {wav}: {error.strerror}") from None


def _keep(line: Line, wav: Path | None) -> Path:
    try:
        return keep(line.heard, wav, prefix="ari-agent-try-")
    except OSError as error:
        raise ConfigurationError(f"--wav {wav}: {error.strerror}") from None


def _heard(line: Line, wav: Path) -> dict[str, Any]:
    heard = line.heard
    first = first_sound(heard, 0)
    return {
        "heard": {
            "first_sound_ms": None if first is None else first // SAMPLES_PER_MS,
            "sound_ms": sounding_ms(heard, 0),
            "call_ms": len(heard) // SAMPLES_PER_MS,
            "wav": str(wav),
        },
        "transcript": [{"role": one.role, "content": one.content} for one in line.transcript],
    }


def _sum_up(report: Report, result: dict[str, Any]) -> None:
    report.end_of_call()
    for entry in result["transcript"]:
        report.say(f"  {entry['role']}: {entry['content']}")
    heard = result["heard"]
    first = "nothing" if heard["first_sound_ms"] is None else f"the agent first after {heard['first_sound_ms']} ms"
    report.say(f"A caller would have heard {first}, {heard['sound_ms'] / 1000:.1f} s of sound in all: {heard['wav']}")
    report.say("Nothing was wrong." if result["status"] == OK else "The agent did something wrong: see above.")
