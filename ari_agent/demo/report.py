"""Reports what the demo saw, step by step: printed as it happens, and counted and as JSON at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

STEPS: Final[Mapping[str, str]] = {
    "ring": "the caller hears ringing",
    "webhook": "the inbound webhook is asked, signed",
    "headers": "SIP headers become variables",
    "agent": "the agent's websocket is dialled",
    "audio_to_caller": "the caller hears the agent",
    "audio_to_agent": "the agent hears the caller",
    "echo": "speech goes round",
    "dtmf": "a key reaches the agent",
    "clear": "the agent is interrupted",
    "transfer": "REFER moves the caller",
    "hang_up": "both ends are told that it is over",
    "record": "the call is on record",
    "webhooks": "the call's webhooks arrive, signed",
    "links": "recording and public log are fetched by their links",
    "recording": "both voices are in the recording, in time",
    "public_log": "the public log tells every step",
    "conversation": "a text agent is talked to in a second call",
    "consultation": "in a third call, the agent talks to a second phone first",
    "handover": "the caller and the second phone are left alone",
    "prompt": "in a fourth call, an agent with a prompt uses its tools and hangs up",
}
"""The steps of the scripted calls, in order, each with the sentence that is printed for it."""


class StepFailed(Exception):
    """A step was not what it must be; the text says what was seen instead."""


class Report:
    """The outcome of each step, in the order of STEPS. A step that was never reached counts as not seen.

    One that was left out counts neither way. pages: the address of the controller's web pages, "" where there are none.
    """

    def __init__(self, console: Console) -> None:
        self.pages = ""
        self._console = console
        self._seen: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._wanted = dict(STEPS)

    @property
    def ok(self) -> bool:
        """Return whether every step was seen and none failed."""
        return all(map(self._is_seen, self._wanted))

    def leave_out(self, name: str, why: str) -> None:
        """Leave a step out, because it cannot be done here, and say why."""
        del self._wanted[name]
        self.say(f"left out: {STEPS[name]}: {why}")

    def say(self, text: str) -> None:
        """Print a line beside the steps."""
        # Not broken into lines: a link must remain one.
        self._console.print(f"[dim]  {escape(text)}[/dim]", highlight=False, soft_wrap=True)

    @asynccontextmanager
    async def step(self, name: str, *, timeout_s: float) -> AsyncIterator[Callable[[str], None]]:
        """Run one step; it yields a function that takes the description of what was seen, which makes the step seen.

        Raises:
            StepFailed: the time is over, or the body raised it.
        """
        try:
            async with asyncio.timeout(timeout_s):
                yield lambda text: self._note(name, text)
            if name not in self._seen:
                raise StepFailed("nothing was seen")
        except (StepFailed, TimeoutError) as error:
            self._failed[name] = str(error) or f"not seen within {timeout_s:g} s"
            self._print(name)
            raise StepFailed(f"{name}: {self._failed[name]}") from None
        self._print(name)

    def _is_seen(self, name: str) -> bool:
        return name in self._seen and name not in self._failed

    def _note(self, name: str, text: str) -> None:
        self._seen[name] = f"{self._seen[name]}; {text}" if name in self._seen else text

    def _print(self, name: str) -> None:
        mark, text = self._verdict(name)
        self._console.print(f"{mark} [bold]{STEPS[name]}[/bold]: {escape(text)}", highlight=False)

    def _verdict(self, name: str) -> tuple[str, str]:
        if name in self._failed:
            return "[red]✗[/red]", self._failed[name]
        return ("[green]✓[/green]", self._seen[name]) if name in self._seen else ("[yellow]-[/yellow]", "not reached")

    def summary(self) -> str:
        """Return how many steps were seen, and the names of those that were not; each was printed as it happened."""
        missing = [title for name, title in self._wanted.items() if not self._is_seen(name)]
        told = f"{len(self._wanted) - len(missing)} of {len(self._wanted)} steps were seen."
        return f"{told} Not seen: {'; '.join(missing)}." if missing else told

    def as_json(self, call: Mapping[str, Any], prompt_call: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the last line of `demo --once` as an object.

        call: the call object of the first call. prompt_call: the figures of the fourth one. Each is empty where it was
        never got.
        """
        return {
            "ok": self.ok,
            "steps": {name: self._is_seen(name) for name in self._wanted},
            "seen": {name: self._verdict(name)[1] for name in self._wanted},
            "call": dict(call),
            "prompt_call": dict(prompt_call or {}),
            "console": self.pages,
        }


def overload(load: float, cores: int) -> str | None:
    """Return what to do where the machine had more to do than it can, for which audio is late; None where it had not.

    load: how many programs wanted a core on average, over a minute.
    """
    if load <= cores:
        return None
    return (
        f"This machine has too much to do: {load:.1f} programs at a time wanted one of its cores ({cores}) in the last "
        "minute, and audio is late then. Try again when it has less to do."
    )
