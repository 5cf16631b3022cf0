"""How long the turns of one call took: the record's `latency`. Pure.

Source: Retell, "Get Call" (2026-08): percentiles over the turns in which the agent spoke, in milliseconds.

    the user stops ──asr──▶ text ──▶ request ──llm──▶ first sentence ──tts──▶ first sound
         └──────────────────────────── e2e ──────────────────────────────────────┘
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from ari_agent.contract.call import Latency, LatencySeries

Stretch: TypeAlias = Literal["e2e", "asr", "llm", "llm_websocket_network_rtt", "tts"]

MOST_VALUES: Final = 2_000
"""Of each kind in one call; a turn every two seconds for an hour."""


class CallLatency:
    """One call's."""

    def __init__(self) -> None:
        self._values: dict[Stretch, list[float]] = {}

    def took(self, stretch: Stretch, duration_ms: float) -> None:
        """One turn's. What cannot be, for clocks that disagree by a frame, is 0."""
        values = self._values.setdefault(stretch, [])
        if len(values) < MOST_VALUES:
            values.append(round(max(0.0, duration_ms), 1))

    def report(self) -> Latency | None:
        """For the record; None where nothing was measured."""
        if not self._values:
            return None
        return Latency(**{stretch: _series(values) for stretch, values in self._values.items()})


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
