"""When the steps of each reply happened: of `reply_time --steps`, which runs the controller as this module.

    python -m tests.benchmarks.reply_steps FILE serve

is `ari-agent serve` that writes a line of JSON to FILE at each step, in time.monotonic(), the clock of all processes.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

STEPS: Final = ("voice ended", "pause", "decoding", "text", "asked", "synthesis due", "speaking", "spoken", "heard")
"""In their order. `decoding`: of the final text or, if that was decoded ahead, of what became it."""
_WORKER: Final = "ari_agent.speech.recognition_worker"


class StepLog:
    """A file that several processes write to, a line each time."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, step: str, **about: Any) -> None:
        """Write that the step happened now."""
        os.write(self._file, json.dumps({"step": step, "at_s": time.monotonic(), **about}).encode() + b"\n")


def read(path: Path) -> Sequence[Mapping[str, Any]]:
    """All that was noted, in order of time."""
    noted = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted(noted, key=lambda one: one["at_s"])


def steps_of(noted: Sequence[Mapping[str, Any]], reply: Mapping[str, Any]) -> Mapping[str, float] | None:
    """When the steps of one reply happened; None where one is missing. reply: `call_id`, `said`, and three steps."""

    def last(step: str, before_s: float, **about: Any) -> Mapping[str, Any]:
        found = [
            one
            for one in noted
            if one["step"] == step
            and one["at_s"] <= before_s
            and all((one[name] or "").startswith(is_) for name, is_ in about.items())
        ]
        return found[-1]

    call = {"call": reply["call_id"]}
    try:
        spoken = last("spoken", reply["heard"], said=reply["said"])["at_s"]
        speaking = last("speaking", spoken, said=reply["said"])["at_s"]
        due = last("synthesis due", speaking, said=reply["said"])["at_s"]
        text = last("text", reply["asked"], **call)
        pause = last("pause", text["at_s"], **call)["at_s"]
        decoding = last("decoding", text["at_s"], heard=text["heard"])["began_s"]
    except IndexError:
        return None
    times = (reply["voice ended"], pause, decoding, text["at_s"], reply["asked"], due, speaking, spoken, reply["heard"])
    return dict(zip(STEPS, times, strict=True))


def _serve(log: StepLog, path: str) -> None:
    from ari_agent.__main__ import main  # noqa: PLC0415 - the worker does without
    from ari_agent.speech import worker_recognizer  # noqa: PLC0415
    from ari_agent.speech.flite_synthesizer import FliteSynthesizer  # noqa: PLC0415

    recognition: Any = worker_recognizer._WorkerRecognition
    flite: Any = FliteSynthesizer
    start = asyncio.create_subprocess_exec

    async def started(program: str, *arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        if _WORKER in arguments:
            arguments = ("-m", __spec__.name, path, "worker")
        return await start(program, *arguments, **options)

    asyncio.create_subprocess_exec = started  # type: ignore[assignment]
    _before(recognition, "speech_stopped", lambda self: log.note("pause", call=self.options.call_id))
    _before(
        recognition,
        "finish",
        lambda self, _, heard: log.note("text", call=self.options.call_id, heard=heard["text"]),
    )
    attempt, run = flite._attempt, flite._run

    async def noted_run(self: Any, program: str, name: str, speed: float, text: bytes, *rest: Any, **more: Any) -> None:
        said = text.decode().strip()
        log.note("speaking", said=said)
        await run(self, program, name, speed, text, *rest, **more)
        log.note("spoken", said=said)

    def noted_attempt(self: Any, text: str, voice: Any) -> Any:
        log.note("synthesis due", said=text.strip())
        return attempt(self, text, voice)

    flite._attempt, flite._run = noted_attempt, noted_run
    sys.exit(main(sys.argv[2:]))


def _before(owner: Any, name: str, note: Callable[..., None]) -> None:
    method = getattr(owner, name)

    @functools.wraps(method)
    def noted(*arguments: Any) -> Any:
        note(*arguments)
        return method(*arguments)

    setattr(owner, name, noted)


def _work(log: StepLog) -> None:
    from ari_agent.speech import recognition_worker  # noqa: PLC0415
    from ari_agent.speech.moonshine_decoder import MoonshineModel  # noqa: PLC0415

    decode = MoonshineModel.text

    def text(self: MoonshineModel, pcm: bytes, *gives_up: Any) -> str | None:
        began_s = time.monotonic()
        heard = decode(self, pcm, *gives_up)
        log.note("decoding", heard=heard, began_s=began_s, ahead=bool(gives_up))
        return heard

    MoonshineModel.text = text  # type: ignore[method-assign, assignment]
    recognition_worker.main()


if __name__ == "__main__":
    if sys.argv[2] == "worker":
        _work(StepLog(sys.argv[1]))
    else:
        _serve(StepLog(sys.argv[1]), sys.argv[1])
