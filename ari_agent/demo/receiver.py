"""A webhook receiver: checks the signature, answers the inbound webhook, keeps what it was told.

    ARI_AGENT_API_KEY=... python -m ari_agent.demo.receiver --port 8766

`POST /inbound` is for a number's `inbound_webhook_url`; `POST /events` for an agent's `webhook_url`. The signature
is checked as any receiver of Retell's webhooks does it, with nothing of the product imported.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

FRESH_MS = 300_000


def is_signed(body: bytes, signature: str, api_key: str, *, now_ms: int) -> bool:
    """Return whether a signature was made with this key over this body, at most 5 minutes ago.

    signature: the header `X-Retell-Signature: v=<ms>,d=<hex>`.
    """
    match = re.fullmatch(r"v=([0-9]{1,15}),d=([0-9a-f]{64})", signature)
    if not match or abs(now_ms - int(match[1])) > FRESH_MS:
        return False
    expected = hmac.new(api_key.encode(), body + match[1].encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, match[2])


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook whose signature was right. message: its whole JSON object."""

    event: str
    message: dict[str, Any]

    @property
    def call(self) -> dict[str, Any]:
        """Return the call object of call events, or the `call_inbound` object of the inbound webhook."""
        found = self.message.get("call") or self.message.get("call_inbound")
        return found if isinstance(found, dict) else {}


def inbound_answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to the inbound webhook: variables for the agent, metadata for the record."""
    headers = asked.get("custom_sip_headers")
    caller = headers.get("x-caller") if isinstance(headers, dict) else None
    return {
        "call_inbound": {
            "dynamic_variables": {"customer_name": str(caller or asked.get("from_number", "unknown"))},
            "metadata": {"answered_by": "ari_agent.demo.receiver"},
        }
    }


class Receiver:
    """The HTTP server and what it has received.

    think_s: how long the inbound webhook waits with its answer; the caller rings meanwhile.
    received: in order. refused: how many had no right signature. inbound_answers: how many calls were let in.
    """

    def __init__(
        self, api_key: str, on_webhook: Callable[[Received], None] | None = None, *, think_s: float = 0.0
    ) -> None:
        self.received: list[Received] = []
        self.refused = self.inbound_answers = 0
        self._api_key, self._on_webhook, self._think_s = api_key, on_webhook, think_s
        self._changed = asyncio.Condition()
        application = web.Application(client_max_size=2**20)
        application.add_routes([web.post("/inbound", self._inbound), web.post("/events", self._event)])
        self._runner = web.AppRunner(application)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port, which the system chooses when 0 is given."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def wait_for(self, event: str, call_id: str | None = None) -> Received:
        """Return the first webhook of this name, for this call if one is named.

        Waits without end: give it a timeout.
        """
        async with self._changed:
            while True:
                for received in self.received:
                    if received.event == event and call_id in (None, received.call.get("call_id")):
                        return received
                await self._changed.wait()

    async def _inbound(self, request: web.Request) -> web.Response:
        received = await self._accept(request)
        await asyncio.sleep(self._think_s)
        self.inbound_answers += 1
        return web.json_response(inbound_answer(received.call))

    async def _event(self, request: web.Request) -> web.Response:
        await self._accept(request)
        return web.Response(status=204)

    async def _accept(self, request: web.Request) -> Received:
        body = await request.read()
        signature = request.headers.get("X-Retell-Signature", "")
        if not is_signed(body, signature, self._api_key, now_ms=int(time.time() * 1000)):
            self.refused += 1
            raise web.HTTPUnauthorized(text="X-Retell-Signature is missing, too old or wrong")
        try:
            message = json.loads(body)
        except ValueError:
            raise web.HTTPBadRequest(text="the body is not JSON") from None
        if not isinstance(message, dict):
            raise web.HTTPBadRequest(text="the body is not a JSON object")
        received = Received(str(message.get("event")), message)
        self.received.append(received)
        if self._on_webhook:
            self._on_webhook(received)
        async with self._changed:
            self._changed.notify_all()
        return received


async def _main(host: str, port: int, api_key: str) -> None:
    receiver = Receiver(api_key, lambda received: print(json.dumps(received.message, ensure_ascii=False), flush=True))
    port = await receiver.start(host, port)
    print(f"webhook receiver: http://{host}:{port}/inbound and http://{host}:{port}/events", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await receiver.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m ari_agent.demo.receiver", description="demo webhook receiver")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8766)
    options = parser.parse_args()
    if not (key := os.environ.get("ARI_AGENT_API_KEY", "")):
        sys.exit("ARI_AGENT_API_KEY: not set; the key that signs the webhooks")
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(options.host, options.port, key))
