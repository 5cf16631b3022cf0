"""How long the turns of all calls of this process took, as histograms of Prometheus.

A call observes a measurement when it is made, at the end of a turn; a scrape takes what there is. Every label is there
from the start, so that a dashboard shows 0 and not nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric

from ari_agent.calls.media.call_latency import Stretch
from ari_agent.calls.media.call_media import AgentBack, LatencyMeasured, MediaEvent

AgentKind: TypeAlias = Literal["audio", "text"]

TURN_BUCKETS_S: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0)
"""People answer each other within 0.2 s and find 1 s long: fine where that is decided, coarse where it is lost."""
ROUND_TRIP_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.0)
"""From the same machine to the other side of the world."""
AWAY_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)
"""From a server behind a load balancer, which is dialled once, to one that starts for as long as it is waited for."""

_PARTS: Final[dict[AgentKind, tuple[Stretch, ...]]] = {
    "audio": ("e2e",),
    "text": ("e2e", "asr", "llm", "tts", "queue"),
}


class LatencyHistograms:
    """Histograms in seconds: of the parts of a turn, round trips to agents, and absences of agents that came back."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._turns = Histogram(
            "ari_agent_turn_latency_seconds",
            "How long the parts of a turn took; e2e is from the caller's end to the agent's first sound.",
            ("agent", "part"),
            buckets=TURN_BUCKETS_S,
            registry=self._registry,
        )
        self._round_trips = Histogram(
            "ari_agent_agent_round_trip_seconds",
            "How long agents took to answer a ping of their websocket.",
            ("agent",),
            buckets=ROUND_TRIP_BUCKETS_S,
            registry=self._registry,
        )
        self._absences = Histogram(
            "ari_agent_agent_away_seconds",
            "How long audio agents that were lost in a call were away, until they were reached again.",
            ("agent",),
            buckets=AWAY_BUCKETS_S,
            registry=self._registry,
        )
        self._absences.labels("audio")
        for kind, parts in _PARTS.items():
            self._round_trips.labels(kind)
            for part in parts:
                self._turns.labels(kind, part)

    def observe(self, kind: AgentKind, measured: LatencyMeasured) -> None:
        """Count one measurement of a call whose agent is of this kind."""
        took_s = measured.duration_ms / 1000
        if measured.stretch == "llm_websocket_network_rtt":
            self._round_trips.labels(kind).observe(took_s)
        else:
            self._turns.labels(kind, measured.stretch).observe(took_s)

    def observing(self, kind: AgentKind, on_event: Callable[[MediaEvent], None]) -> Callable[[MediaEvent], None]:
        """Return an `on_event` for one call that observes what it measures, and passes everything on."""

        def observe(event: MediaEvent) -> None:
            if isinstance(event, LatencyMeasured):
                self.observe(kind, event)
            elif isinstance(event, AgentBack):
                self._absences.labels(kind).observe(event.away_ms / 1000)
            on_event(event)

        return observe

    def collect(self) -> Iterator[Metric]:
        """Return the histograms as they are now."""
        yield from self._registry.collect()
