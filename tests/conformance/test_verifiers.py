"""Webhooks as they are delivered, judged by the verifiers that Retell ships."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest

from ari_agent.contract.parsing.json_text import compact_json
from ari_agent.contract.webhook_event import WebhookEvent, WebhookEventName
from ari_agent.store.store import Store
from ari_agent.webhooks.delivery import Delivery
from tests.conformance.clients import Unavailable, old_python, run_node
from tests.store.samples import a_call
from tests.webhooks.receiver import API_KEY, Receiver


class Signed(NamedTuple):
    """A body and its header, as they came, and the key they are checked with."""

    body: str
    key: str
    signature: str


FACTS: Sequence[dict[str, Any]] = (
    {},
    {"transcript": "Grüße aus Köln, 東京, 🙂", "cost": 0.1},
    {"transcript": 'a "quoted"\nline / with \\ and \u2028 and </script>', "nothing": "", "numbers": [1, 1.5, 2**53]},
    {
        "call_cost": {"combined_cost": 5.0, "product_costs": [{"unit_price": 0.07, "cost": 1e16}]},
        "words": [{"word": "ja", "start": 0.0, "end": 0.66}],
        "metadata": {"größe": {"tief": [{"ids": [2**53 - 1, -1, 0], "none": None, "yes": True}]}, "": {}},
    },
)


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Signed]:
    """What a receiver got."""
    return asyncio.run(_deliver(tmp_path_factory.mktemp("verifiers")))


async def _deliver(folder: Path) -> Sequence[Signed]:
    store = Store(f"sqlite:///{folder}/calls.db")
    await store.open()
    async with Receiver() as receiver, aiohttp.ClientSession() as session:
        delivery = Delivery(store.outbox, session, API_KEY)
        store.outbox.on_added = delivery.wake
        running = asyncio.create_task(delivery.run())
        for number, facts in enumerate(FACTS):
            call_id = f"call_{number}"
            body = compact_json({"event": "call_ended", "call": {"call_id": call_id, **facts}})
            event = WebhookEvent(call_id, WebhookEventName.CALL_ENDED, receiver.url, body)
            await store.calls.save(a_call(call_id), [event])
        await receiver.wait_for(len(FACTS))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await store.close()
    return [Signed(a.body.decode(), API_KEY, a.headers["x-retell-signature"]) for a in receiver.arrivals]


def _spoilt(one: Signed) -> Sequence[Signed]:
    """Each with one thing wrong."""
    stamp, digest = one.signature.split(",")
    return (
        one._replace(body=one.body.replace("call_ended", "call_ender")),
        one._replace(body=one.body + " "),
        one._replace(key="key_other"),
        one._replace(signature=f"v={int(stamp[2:]) + 1},{digest}"),
        one._replace(signature=f"{stamp}, {digest}"),
        one._replace(signature=""),
    )


def newest_python(given: Sequence[Signed]) -> Sequence[bool]:
    from retell import Retell

    client: Any = Retell(api_key="unused")  # its verifier is not typed
    return [client.verify(one.body, api_key=one.key, signature=one.signature) for one in given]


OLD_SCRIPT = """
import json, sys
from retell import Retell
import httpx
client = Retell(api_key="unused", http_client=httpx.Client(base_url="http://127.0.0.1:9"))
given = json.load(sys.stdin)
print(json.dumps([client.verify(body, api_key=key, signature=signature) for body, key, signature in given]))
"""


def old_python_sdk(given: Sequence[Signed]) -> Sequence[bool]:
    done = subprocess.run(
        [str(old_python()), "-c", OLD_SCRIPT], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    answers: list[bool] = json.loads(done.stdout)
    return answers


def npm(given: Sequence[Signed]) -> Sequence[bool]:
    answers: list[bool] = run_node("verify.js", [one._asdict() for one in given])
    return answers


def test_a_server_that_serialises_what_it_parsed_gets_the_same_bytes(delivered: Sequence[Signed]) -> None:
    """As the oldest examples check the signature: of `JSON.stringify(req.body)`, of `json.dumps(...)`."""
    bodies = [one.body for one in delivered]
    assert [json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False) for body in bodies] == bodies
    try:
        assert run_node("serialise.js", bodies) == bodies
    except Unavailable as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("verifier", [newest_python, old_python_sdk, npm])
def test_the_official_verifier_accepts_what_we_send_and_nothing_else(
    delivered: Sequence[Signed], verifier: Callable[[Sequence[Signed]], Sequence[bool]]
) -> None:
    spoilt = [bad for one in delivered for bad in _spoilt(one)]
    try:
        answers = verifier([*delivered, *spoilt])
    except Unavailable as why:
        pytest.skip(str(why))
    assert list(answers) == [True] * len(delivered) + [False] * len(spoilt)
