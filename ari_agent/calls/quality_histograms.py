"""How the quality of calls' audio is distributed over all calls of this process that have ended."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Final

from prometheus_client import Histogram
from prometheus_client.core import Metric

from ari_agent.contract.media_quality import MediaQuality

DIRECTIONS: Final = ("caller_to_agent", "agent_to_caller")
_SCORES: Final = (1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.3, 4.4, 4.5)
_LOSSES: Final = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class QualityHistograms:
    """Histograms of the opinion score and of the share of lost packets, 0 to 1, by direction."""

    def __init__(self) -> None:
        def new(name: str, text: str, buckets: Iterable[float]) -> Histogram:
            made = Histogram(name, text, ["direction"], registry=None, buckets=tuple(buckets))
            for direction in DIRECTIONS:
                made.labels(direction)  # there from the first scrape on, as rates over time need it
            return made

        self._mos = new("ari_agent_call_mos", "Estimated opinion score of calls' audio, 1 to 4.5.", _SCORES)
        self._loss = new("ari_agent_call_loss_ratio", "Share of calls' RTP packets that were lost.", _LOSSES)

    def observe(self, quality: MediaQuality) -> None:
        """Count a call that has ended; a direction of which something is not known is not counted for that."""
        for direction in DIRECTIONS:
            stream = getattr(quality, direction)
            if stream.mos is not None:
                self._mos.labels(direction).observe(stream.mos)
            if stream.loss_percent is not None:
                self._loss.labels(direction).observe(stream.loss_percent / 100)

    def collect(self) -> Iterable[Metric]:
        """Return the histograms as they are now."""
        return chain(self._mos.collect(), self._loss.collect())
