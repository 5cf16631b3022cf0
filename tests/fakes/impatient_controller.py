"""The controller, whose callers ring for a slot as long as the first argument says, in seconds."""

from __future__ import annotations

import asyncio
import sys

from ari_agent import logs
from ari_agent.config import load
from ari_agent.serve import serve

if __name__ == "__main__":
    settings = load(None)
    logs.set_up(settings.log_format)
    asyncio.run(serve(settings, inbound_wait_s=float(sys.argv[1])))
