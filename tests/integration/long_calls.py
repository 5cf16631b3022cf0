"""Calls that end by the clock, placed all at once: a minute is the shortest limit that a call's length can have.

Of the workers of a run, the first places them, for all.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from tests.fakes.sound import noise
from tests.fakes.webhook_server import Answer
from tests.integration.stage import Connected, Stage

SILENCE_MS: Final = 10_000
LENGTH_MS: Final = 60_000


TOLD_WITHIN_S: Final = 150
"""From when a worker asks for what another one has placed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How long a call lasted on the caller's side, and its record. failure: what went wrong instead."""

    length_s: float = 0.0
    record: dict[str, Any] = field(default_factory=dict)
    failure: str = ""


class Outcomes(dict[str, Outcome]):
    """By behaviour; a call that went wrong fails the test that asks for it, and no other."""

    def of(self, name: str) -> Outcome:
        """What came of this behaviour."""
        outcome = self[name]
        if outcome.failure:
            raise AssertionError(outcome.failure)
        return outcome

    def tell(self, file: Path) -> None:
        """To the other workers: all at once."""
        half = file.with_suffix(".half")
        half.write_text(json.dumps({name: asdict(outcome) for name, outcome in self.items()}))
        half.rename(file)

    @classmethod
    async def told(cls, file: Path) -> Self:
        """By the worker that has placed the calls."""
        async with asyncio.timeout(TOLD_WITHIN_S):
            while not (outcomes := _read(file)):  # noqa: ASYNC110, another process writes it
                await asyncio.sleep(0.2)
        return cls({name: Outcome(**outcome) for name, outcome in outcomes.items()})


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def first_to_come(folder: Path) -> bool:
    """Whether no other worker of this run has asked."""
    try:
        (folder / "long_calls.begun").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


async def keep_quiet(call: Connected) -> None:
    """Neither side says anything."""


async def speak_once(call: Connected) -> None:
    """The caller speaks after five seconds: the silence is counted from there."""
    await asyncio.sleep(5)
    call.caller.audio.say(noise(0.5))


async def keep_talking(call: Connected) -> None:
    """The caller is never silent for long."""
    while not call.agent.closed.is_set():
        call.caller.audio.say(noise(0.5))
        await asyncio.sleep(2)


async def hold_the_line(call: Connected) -> None:
    """On hold, the caller's silence is not counted."""
    await call.caller.hold()
    await asyncio.sleep(SILENCE_MS / 1000 + 3)
    await call.caller.resume()


_QUIET: Final = {"end_call_after_silence_ms": SILENCE_MS}
_PLAYS: Final[dict[str, tuple[Callable[[Connected], Awaitable[None]], dict[str, int]]]] = {
    "quiet": (keep_quiet, _QUIET),
    "spoke once": (speak_once, _QUIET),
    "on hold": (hold_the_line, _QUIET),
    "no audio": (keep_quiet, {}),
    "too long": (keep_talking, {**_QUIET, "max_call_duration_ms": LENGTH_MS}),
    "quiet, overridden": (keep_quiet, _QUIET),
    "too long, overridden": (keep_talking, {**_QUIET, "max_call_duration_ms": LENGTH_MS}),
}
_OVERRIDDEN: Final = ", overridden"
"""The limits are not the agent's own, but what the inbound webhook says of this call."""


async def play_and_tell(stage: Stage, file: Path) -> Outcomes:
    """As play_all, and tell the other workers."""
    outcomes = await play_all(stage)
    outcomes.tell(file)
    return outcomes


async def play_all(stage: Stage) -> Outcomes:
    """Each behaviour's call, all of them at the same time."""
    results = await asyncio.gather(
        *(_play(stage, name, behave, limits) for name, (behave, limits) in _PLAYS.items()),
        return_exceptions=True,
    )
    return Outcomes(
        (name, Outcome(failure=repr(result)) if isinstance(result, BaseException) else result)
        for name, result in zip(_PLAYS, results, strict=True)
    )


async def _play(
    stage: Stage, name: str, behave: Callable[[Connected], Awaitable[None]], limits: dict[str, int]
) -> Outcome:
    if name.endswith(_OVERRIDDEN):
        hook = stage.webhooks.hook(Answer.inbound(agent_override={"agent": limits}))
        connected = stage.connected(number={"inbound_webhook_url": hook.url})
    else:
        connected = stage.connected(agent=limits, muted=name == "no audio")
    async with connected as call:
        start_s = time.monotonic()
        playing = asyncio.ensure_future(behave(call))
        await call.caller.bye(timeout_s=90)
        length_s = time.monotonic() - start_s
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
    return Outcome(length_s, await stage.controller.ended_call(call.call_id))
