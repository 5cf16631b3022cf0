"""How long the turns of one call took: the record's `latency`. Pure.

Source: Retell, "Get Call" (2026-08): percentiles over the turns in which the agent spoke, in milliseconds.

    the user stops ──asr──▶ text ──▶ request ──llm──▶ first sentence ──queue, tts──▶ first sound
         └──────────────────────────── e2e ─────────────────────────────────────────────┘

Of an audio agent, whose parts are its own, e2e is known (turn_clock.py) and the round trip to it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from ari_agent.contract.call import Latency, LatencySeries, TurnDetectors

Stretch: TypeAlias = Literal["e2e", "asr", "llm", "llm_websocket_network_rtt", "tts", "queue"]

Detector: TypeAlias = Literal["voice_activity", "level"]
"""What has found where a caller's speech ended."""

MOST_VALUES: Final = 2_000
"""The most values that are kept of each kind in one call, enough for a turn every two seconds for an hour."""


def _to_nobody(_stretch: Stretch, _duration_ms: float, _ago_ms: float) -> None:
    """Drop a measurement, because nobody asked for each."""


class CallLatency:
    """Measures how long the turns of one call take. Every time is in milliseconds of the same clock.

    tell: gets each measurement in milliseconds, also those above MOST_VALUES, and how long ago it was over.
    """

    def __init__(self, tell: Callable[[Stretch, float, float], None] = _to_nobody) -> None:
        self.tell = tell
        self._values: dict[Stretch, list[float]] = {}
        self._detectors = Counter[str]()  # by the fields of TurnDetectors
        self._voice_ended_ms: float | None = None  # and its text has not come
        self._turn_ended_ms: float | None = None  # and nothing of the answer was heard
        self._asked_ms: float | None = None  # and not a sentence of the answer has come
        self._answer_came_ms: float | None = None  # and nothing of it was heard
        self._first_sound_ms: float | None = None  # that the synthesizer took for it

    def voice_ended(self, ended_ms: float) -> None:
        """Note that the user's voice ended at ended_ms: `asr` is measured from then on."""
        self._voice_ended_ms = ended_ms

    def text_came(self, now_ms: float) -> None:
        """Note that the recognizer's final text has come, which ends the measurement of `asr`."""
        if self._voice_ended_ms is not None:
            self.took("asr", now_ms - self._voice_ended_ms)
            self._voice_ended_ms = None

    def turn_ended(self, voice_ended_ms: float) -> None:
        """Note that the user's turn is over: `e2e` is measured from voice_ended_ms, when the user's voice ended."""
        self._turn_ended_ms = voice_ended_ms

    def asked(self, now_ms: float) -> None:
        """Note that the agent's server was asked for an answer: `llm` is measured from now_ms on."""
        self._asked_ms = now_ms
        self._answer_came_ms = self._first_sound_ms = None

    def answer_came(self, now_ms: float) -> None:
        """Note that a sentence of an answer has come; the first one ends the measurement of `llm`."""
        if self._asked_ms is not None:
            self.took("llm", now_ms - self._asked_ms)
            self._asked_ms = None
            self._answer_came_ms = now_ms

    def answer_heard(self, now_ms: float) -> None:
        """Note that the caller begins to hear an answer, which ends the measurement of `e2e` and `queue`."""
        if self._turn_ended_ms is None:
            return
        self.took("e2e", now_ms - self._turn_ended_ms)
        self._turn_ended_ms = None
        if self._answer_came_ms is not None:
            self.took("queue", now_ms - self._answer_came_ms - (self._first_sound_ms or 0.0))
            self._answer_came_ms = None

    def turn_found(self, waited_ms: float | None, detector: Detector, *, ago_ms: float = 0.0) -> None:
        """Count a turn that was found from outside, as `e2e`; None is what was taken for a turn, and is none.

        ago_ms: how long ago the answer began.
        """
        self._detectors["dismissed" if waited_ms is None else detector] += 1
        if waited_ms is not None:
            self.took("e2e", waited_ms, ago_ms=ago_ms)

    def took(self, stretch: Stretch, duration_ms: float, *, ago_ms: float = 0.0) -> None:
        """Count one stretch of one turn; a negative duration, from clocks that disagree by a frame, counts as 0.

        ago_ms: how long ago it was over.
        """
        took_ms = round(max(0.0, duration_ms), 1)
        if stretch == "tts" and self._first_sound_ms is None:
            self._first_sound_ms = took_ms
        values = self._values.setdefault(stretch, [])
        if len(values) < MOST_VALUES:
            values.append(took_ms)
        self.tell(stretch, took_ms, ago_ms)

    def report(self) -> Latency | None:
        """Return the percentiles and values for the call's record; None where nothing was measured."""
        if not self._values and not self._detectors:
            return None
        detectors = TurnDetectors(**self._detectors) if self._detectors else None
        return Latency(
            **{stretch: _series(values) for stretch, values in self._values.items()}, e2e_detectors=detectors
        )


def _series(values: Sequence[float]) -> LatencySeries:
    ordered = sorted(values)

    def percentile(share: float) -> float:  # nearest rank
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return LatencySeries(
        p50=percentile(0.5),
        p90=percentile(0.9),
        p95=percentile(0.95),
        p99=percentile(0.99),
        min=ordered[0],
        max=ordered[-1],
        num=len(ordered),
        values=tuple(values),
    )
