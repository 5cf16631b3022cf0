"""GET /metrics: Prometheus text, made at the moment of the scrape from counters that others keep anyway.

The registry belongs to one scrape of one application: nothing is global, and nothing is added to a call's path.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from ari_agent.api.dependencies import DEPENDENCIES, ApiDependencies, Handler, Measured, MetricsSource, Sample
from ari_agent.api.route import get

PREFIX: Final = "ari_agent_"
SOURCE_TIMEOUT_S: Final = 2.0


class RequestCounter:
    """Counts the answers of each path by method and status."""

    def __init__(self) -> None:
        self._counted: Counter[tuple[str, str, int]] = Counter()

    def count(self, request: web.Request, status: int) -> None:
        """Count one answer. Paths are counted by their pattern, unknown paths together, so that labels stay few."""
        resource = request.match_info.route.resource
        self._counted[request.method if resource else "", resource.canonical if resource else "unknown", status] += 1

    def samples(self) -> Iterator[Sample]:
        """Return one counter for each method, path and status."""
        for (method, path, status), count in sorted(self._counted.items()):
            yield Sample(
                "api_requests_total",
                "Requests answered by the API.",
                count,
                "counter",
                {"method": method, "path": path, "status": str(status)},
            )


REQUESTS: Final = web.AppKey("requests", RequestCounter)


@web.middleware
async def count_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count every answer, whatever gave it; the outermost middleware."""
    response = await handler(request)
    request.app[REQUESTS].count(request, response.status)
    return response


async def show_metrics(request: web.Request) -> web.Response:
    """Answer all metrics in Prometheus' text format. A source that fails is left out, and counted."""
    dependencies = request.app[DEPENDENCIES]
    own: tuple[MetricsSource, ...] = (
        lambda: _about_calls(dependencies),
        lambda: _about_the_outbox(dependencies),
        request.app[REQUESTS].samples,
    )
    asked = await asyncio.gather(*(_ask(source) for source in (*own, *dependencies.metrics)))
    failed = sum(1 for samples in asked if samples is None)
    samples: list[Measured] = [
        Sample("info", "Version of the controller.", 1, "gauge", {"version": version("ari-agent")})
    ]
    samples += [sample for answer in asked if answer is not None for sample in answer]
    samples.append(Sample("metrics_sources_failed", "Sources that gave no answer to this scrape.", failed))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(samples))
    return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})


async def _ask(source: MetricsSource) -> Iterable[Measured] | None:
    try:
        async with asyncio.timeout(SOURCE_TIMEOUT_S):
            answer = source()
            return list(await answer if inspect.isawaitable(answer) else answer)
    except Exception:  # a scrape shows what can be shown; the count of failures is among it
        return None


async def _about_calls(dependencies: ApiDependencies) -> Iterable[Sample]:
    states: Counter[tuple[str, str]] = Counter()
    for call in dependencies.switchboard.live():
        states[str(getattr(call.state, "value", call.state)), call.direction] += 1
    return [
        Sample("calls_live", "Calls in progress.", count, "gauge", {"state": state, "direction": direction})
        for (state, direction), count in sorted(states.items())
    ] or [Sample("calls_live", "Calls in progress.", 0, "gauge", {"state": "talking", "direction": "inbound"})]


async def _about_the_outbox(dependencies: ApiDependencies) -> Iterable[Sample]:
    outbox = dependencies.store.outbox
    return [
        Sample("webhooks_pending", "Webhook events that wait for delivery.", await outbox.depth()),
        Sample("webhooks_dead", "Webhook events that were given up.", await outbox.dead_count()),
    ]


class _Collector(Collector):
    """Return the samples in families, as the text format groups them, and whole families.

    Of these, the times at which they were made (`_created`) are left out: they are metrics of their own to Prometheus.
    """

    def __init__(self, samples: Iterable[Measured]) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for sample in self._samples:
            if isinstance(sample, Metric):
                sample.samples = [each for each in sample.samples if not each.name.endswith("_created")]
                yield sample
                continue
            family = families.get(sample.name)
            if family is None:
                make = CounterMetricFamily if sample.kind == "counter" else GaugeMetricFamily
                family = make(PREFIX + sample.name, sample.help, labels=sorted(sample.labels))
                families[sample.name] = family
            family.add_metric([sample.labels[name] for name in sorted(sample.labels)], sample.value)
        yield from families.values()


ROUTES: Final = (get("/metrics", show_metrics, text=True, public=True),)
