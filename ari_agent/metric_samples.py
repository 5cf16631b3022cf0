"""The metrics of calls, their audio, Asterisk and webhooks that /metrics shows, read at the moment of each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import get_args

from prometheus_client.core import Metric

from ari_agent.analysis.runner import AnalysisRunner, Outcome
from ari_agent.api.dependencies import MetricsSource, Sample
from ari_agent.artefacts.spool import Spool
from ari_agent.asterisk.ari import Ari
from ari_agent.asterisk.rest import RequestTotals
from ari_agent.calls.asterisk_state import asterisk_state
from ari_agent.calls.concurrency_slots import SlotPool
from ari_agent.calls.switchboard import Switchboard
from ari_agent.contract.node import NodeInfo, NodeLoad, NodeState
from ari_agent.media.wheel import Wheel
from ari_agent.nodes.sole_node import AnyNode
from ari_agent.routing.dial_policy import DialRule, DialRules
from ari_agent.webhooks.delivery import Delivery


def sources(
    *,
    switchboard: Switchboard,
    slots: SlotPool,
    wheel: Wheel,
    ari: Ari,
    delivery: Delivery,
    analyses: AnalysisRunner,
    spool: Spool,
    rules: DialRules,
    node: AnyNode,
) -> Sequence[MetricsSource]:
    """Return what /metrics asks at each scrape."""
    return (
        lambda: of_calls(switchboard),
        lambda: of_quality(switchboard),
        lambda: of_slots(slots),
        lambda: of_wheel(wheel),
        lambda: of_ari(ari),
        lambda: of_delivery(delivery),
        lambda: of_analyses(analyses),
        lambda: of_spool(spool),
        lambda: of_dial_policy(rules),
        lambda: of_nodes(node.nodes()),
        switchboard.latencies.collect,
    )


def measure_node(node: AnyNode, switchboard: Switchboard, slots: SlotPool, ari: Ari) -> None:
    """Have a node tell the others how busy this controller is, and whether it drains, from now on."""

    def load() -> NodeLoad:
        asterisk = asterisk_state(ari)
        return NodeLoad(calls=len(switchboard.live()), slots_in_use=slots.in_use, asterisks=(asterisk,))

    node.load = load
    node.is_draining = lambda: switchboard.stopping


def of_nodes(nodes: Sequence[NodeInfo]) -> Iterator[Sample]:
    """How many controllers share the database, by their state, and how long ago each was heard of."""
    for state in get_args(NodeState):
        count = sum(node.state == state for node in nodes)
        yield Sample("nodes", "Controllers on this database, by state.", count, labels={"state": state})
    for node in nodes:
        labels = {"node": node.name, "app": node.app, "node_id": str(node.node_id or "")}
        age_s = node.heartbeat_age_ms / 1000
        yield Sample("node_heartbeat_age_seconds", "How long ago a controller was heard of.", age_s, labels=labels)


def of_calls(switchboard: Switchboard) -> Iterator[Sample]:
    """How many calls ended, and the media counters summed over all calls of this process."""
    yield Sample("calls_ended_total", "Calls that ended.", switchboard.ended_calls, "counter")
    for name, value in switchboard.media_totals().items():
        if name == "queued_ms":
            yield Sample("media_queued_ms", "Agent audio that waits to be played.", value)
        else:
            labels = {"counter": name}
            yield Sample("media_total", "Media counters, summed over all calls.", value, "counter", labels)


def of_quality(switchboard: Switchboard) -> Iterable[Metric]:
    """Histograms of the quality of the audio of calls that ended."""
    return switchboard.quality.collect()


async def of_slots(slots: SlotPool) -> Sequence[Sample]:
    """How many concurrency slots there are, are taken, and are waited for, of the whole workspace."""
    usage = await slots.usage()
    return (
        Sample("slots_in_use", "Calls that hold a concurrency slot.", usage.in_use),
        Sample("slots_limit", "Concurrency slots in all.", slots.limit),
        Sample("slots_waiting", "Callers who wait, ringing, for a slot.", usage.waiting),
    )


def of_wheel(wheel: Wheel) -> Iterator[Sample]:
    """How well the wheel, which sends all audio, keeps its pace of one frame every 20 ms."""
    yield Sample("wheel_late_turns_total", "Frames sent late, after a stall.", wheel.late_ticks, "counter")
    yield Sample("wheel_skipped_turns_total", "Frames never sent, after a long stall.", wheel.skipped_ticks, "counter")
    yield Sample("wheel_worst_stall_seconds", "Longest stall since the start.", wheel.worst_stall_s)


def of_ari(ari: Ari) -> Iterator[Sample]:
    """The connection to Asterisk: requests by operation and outcome, and events by type."""
    yield Sample("asterisk_connected", "1 while the event websocket is open.", int(ari.connected))
    yield Sample(
        "asterisk_reconnects_total",
        "Times the event websocket was opened again.",
        ari.event_counters.reconnects,
        "counter",
    )
    rest = ari.rest_seconds or {("", "unreachable"): RequestTotals()}  # a metric without a sample is none
    for (operation, outcome), totals in rest.items():
        labels = {"operation": operation, "outcome": outcome}
        yield Sample("ari_requests_total", "Requests to Asterisk.", totals.count, "counter", labels)
        yield Sample("ari_request_seconds_total", "Time these requests took.", totals.seconds, "counter", labels)
    for event, count in ari.event_counters.events.items():
        yield Sample("ari_events_total", "Events of Asterisk.", count, "counter", {"event": event})


def of_dial_policy(rules: DialRules) -> Iterator[Sample]:
    """How often each rule of the dial policy has refused to dial somebody."""
    for rule in DialRule:
        count, labels = rules.refusals[rule], {"rule": rule.value}
        yield Sample("dials_refused_total", "What the dial policy did not let be dialled.", count, "counter", labels)


def of_analyses(runner: AnalysisRunner) -> Iterator[Sample]:
    """Analyses of calls and chats by a model: how many ended how, how long after the end, how many are in progress."""
    for outcome in Outcome:
        value, labels = runner.outcomes[outcome], {"outcome": outcome.value}
        yield Sample("analyses_total", "Analyses by a model, by outcome.", value, "counter", labels)
    after = "Time from the end of calls and chats to their analysis by a model, summed over all."
    yield Sample("analysis_seconds_total", after, runner.after_end_s, "counter")
    yield Sample("analyses_in_progress", "Analyses by a model in progress.", runner.under_way)


def of_spool(spool: Spool) -> Iterator[Sample]:
    """The recordings and logs that are written, that wait for the store, and what a full or slow disk has lost."""
    yield Sample("spool_files_growing", "Recordings and logs of calls in progress.", spool.growing)
    yield Sample("spool_files_waiting", "Complete recordings and logs that the store does not have yet.", spool.waiting)
    lost = "Bytes of recordings and logs that the disk has not taken, or not in time."
    yield Sample("spool_lost_bytes_total", lost, spool.lost_bytes, "counter")


def of_delivery(delivery: Delivery) -> Iterator[Sample]:
    """Webhook requests: how many succeeded, failed and were given up, and how many are in progress."""
    for outcome in ("delivered", "failed", "died"):
        value = getattr(delivery, outcome)
        yield Sample("webhook_attempts_total", "Webhook requests, by outcome.", value, "counter", {"outcome": outcome})
    yield Sample("webhooks_in_flight", "Webhook requests in progress.", delivery.in_flight)
