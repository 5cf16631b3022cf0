"""N calls' worth of media without Asterisk: the product's own sockets, jitter buffers, wheel, protocols, agent client.

    python -m tests.benchmarks.bridge --calls 300 --protocol twilio

Prints READY when every websocket is open and every UDP port is bound, and at SIGTERM a JSON line of counters (stderr).
README.md beside this file says how to load it and what came out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from functools import partial
from itertools import cycle
from pathlib import Path

import uvloop

from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.spool import Spool
from ari_agent.calls.media.call_media import AgentReady, MediaEvent, MediaSpec
from ari_agent.calls.media.call_tap import Levels
from ari_agent.calls.media.media_session import MediaSession
from ari_agent.calls.media.recording_file import STEREO_FILE, filler_of
from ari_agent.contract.recording import NOT_RECORDED, RecordingPlan
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.media.audio import ULAW, ulaw_to_linear
from ari_agent.media.socket import RtpPorts
from ari_agent.media.wave_file import WaveFormat
from ari_agent.media.wheel import Wheel, freeze_garbage_collector
from tests.benchmarks.console_watchers import ManyCalls, watched

_DIALLED_AT_ONCE = 50


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--protocol", choices=["twilio", "web"], default="twilio")
    parser.add_argument("--sample-rate", type=int, help="Hz; 8000 for twilio, 16000 for web when left out")
    parser.add_argument("--rtp-port", type=int, default=20000, help="the first call's UDP port")
    parser.add_argument("--rtp-step", type=int, default=2, help="from one call's port to the next")
    parser.add_argument("--peer-port", type=int, default=40000, help="the UDP port that the load comes from")
    parser.add_argument("--agent-url", default="ws://127.0.0.1:9300/")
    parser.add_argument("--record", type=Path, help="folder; every call is recorded into it")
    parser.add_argument("--listened-to", type=int, default=0, help="calls of which somebody hears both sides")
    parser.add_argument("--levels-each-s", type=float, help="how often somebody looks at the levels of every call")
    parser.add_argument("--watchers", type=int, help="browsers that watch the calls in a console of this process")
    parser.add_argument("--event-loop", choices=["uvloop", "asyncio"], default="uvloop")
    return parser.parse_args()


def _spec(number: int, engine: AudioWebsocketEngine, recording: RecordingPlan) -> MediaSpec:
    return MediaSpec(
        call_id=f"call_{number:032x}",
        from_number="+15551230000",
        to_number="+15551239999",
        direction="inbound",
        engine=engine,
        dynamic_variables={},
        metadata=None,
        end_call_after_silence_ms=3_600_000,
        allow_user_dtmf=True,
        recording=recording,
    )


async def _run(arguments: argparse.Namespace) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopped.set)
    asked = {
        "type": "audio-websocket",
        "audio_websocket_url": arguments.agent_url,
        "audio_websocket_protocol": arguments.protocol,
    }
    if arguments.sample_rate:
        asked |= {
            "sample_rate": arguments.sample_rate,
            "audio_encoding": "mulaw" if arguments.protocol == "twilio" else "s16le",
        }
    engine = AudioWebsocketEngine.model_validate(asked)
    last_port = arguments.rtp_port + (arguments.calls - 1) * arguments.rtp_step
    ports = RtpPorts("127.0.0.1", first=arguments.rtp_port, last=last_port, step=arguments.rtp_step)
    wheel = Wheel()
    events: Counter[str] = Counter()
    ready = asyncio.Semaphore(0)

    def note(event: MediaEvent) -> None:
        events[type(event).__name__] += 1
        if isinstance(event, AgentReady):
            ready.release()
        else:
            print(f"# {event}", flush=True)

    spool, recording = None, NOT_RECORDED
    if arguments.record:
        spool, recording = Spool(arguments.record / "spool", ArtefactStore(str(arguments.record))), RecordingPlan("on")
        await spool.start()

    def open_recording(number: int, of: WaveFormat) -> Callable[[bytes], None]:
        file = spool.open(f"call_{number:032x}", STEREO_FILE, filler=filler_of(of)) if spool else None
        return file.append if file else lambda _: None

    sessions = [
        MediaSession(
            _spec(number, engine, recording),
            rtp=ports,
            wheel=wheel,
            on_event=note,
            record_to=partial(open_recording, number),
        )
        for number in range(arguments.calls)
    ]
    for number, session in enumerate(sessions):
        await session.open()
        session.accept_from("127.0.0.1", arguments.peer_port)
        session.dial_agent()
        if number >= _DIALLED_AT_ONCE:
            await ready.acquire()
    for _ in range(min(arguments.calls, _DIALLED_AT_ONCE)):
        await ready.acquire()
    freeze_garbage_collector()
    for session in sessions:
        session.start()
    heard: Counter[str] = Counter()
    for session in sessions[: arguments.listened_to]:
        of = session.listen(lambda stereo: heard.update(bytes=len(ulaw_to_linear(stereo))))
        assert of is ULAW or arguments.protocol == "web"
    watching = (
        asyncio.create_task(_watch_levels(sessions, arguments.levels_each_s)) if arguments.levels_each_s else None
    )
    async with AsyncExitStack() as stack:
        if arguments.watchers is not None:
            come = await stack.enter_async_context(watched(_Shown(sessions), arguments.watchers))
            await come()
            freeze_garbage_collector()
        print("READY", flush=True)
        await stopped.wait()
    if watching:
        watching.cancel()
    totals: Counter[str] = Counter({"listeners_bytes": heard["bytes"]})
    for session in sessions:
        totals.update({name: value for name, value in asdict(session.stats).items() if isinstance(value, int)})
    await asyncio.gather(*(session.close() for session in sessions))
    if spool:
        await spool.close()
        totals["lost_bytes"] = spool.lost_bytes
    report = {"events": events, "wheel": repr(wheel), "worst_stall_s": wheel.worst_stall_s, **totals}
    print(json.dumps(report), file=sys.stderr)


class _Shown(ManyCalls):
    """The calls as the console lists them. Levels are looked at as they are, and shown as others each time."""

    def __init__(self, sessions: Sequence[MediaSession]) -> None:
        super().__init__(len(sessions))
        self._looked_at = cycle(sessions)

    def levels(self, call_id: str) -> Levels:
        """Those of one call."""
        _ = next(self._looked_at).levels
        return super().levels(call_id)


async def _watch_levels(sessions: Sequence[MediaSession], each_s: float) -> None:
    while True:
        json.dumps([session.levels for session in sessions])
        await asyncio.sleep(each_s)


def main() -> None:
    """Entry point."""
    arguments = _arguments()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if arguments.event_loop == "uvloop" else None) as runner:
        runner.run(_run(arguments))


if __name__ == "__main__":
    main()
