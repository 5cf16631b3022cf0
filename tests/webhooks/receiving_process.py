"""A customer's server in a process of its own, to be killed: writes down what arrives, then answers 204.

python -m tests.webhooks.receiving_process PORT FILE API_KEY

Each line of the file: milliseconds since the epoch, call_id, event, and whether the signature is valid.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from aiohttp import web

from tests.fakes.webhook_server import signature_is_valid

THINKS_S = 0.02  # so that there are always some that arrived and are not answered


async def main(port: int, file: Path, api_key: str) -> None:
    """Until killed."""
    with file.open("a", buffering=1) as written:

        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            now_ms = time.time_ns() // 1_000_000
            valid = signature_is_valid(request.headers.get("X-Retell-Signature"), body, api_key, now_ms=now_ms)
            told = json.loads(body)
            written.write(f"{now_ms} {told['call']['call_id']} {told['event']} {valid}\n")
            await asyncio.sleep(THINKS_S)
            return web.Response(status=204)

        application = web.Application()
        application.router.add_post("/hook", take)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
