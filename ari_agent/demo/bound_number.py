"""An agent and the number that it answers, made over the HTTP API as anybody would, and removed again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import quote

from ari_agent.demo.controller import ControllerApi, ControllerUnavailable

# The key is required, also of a number that no calls go out from.
NO_TRUNK: Final[Mapping[str, str]] = {"termination_uri": "127.0.0.1"}


@asynccontextmanager
async def bound_number(
    api: ControllerApi,
    number: str,
    settings: Mapping[str, Any],
    *,
    webhooks: str,
    trunk: Mapping[str, str] = NO_TRUNK,
) -> AsyncIterator[None]:
    """Have an agent with these settings, and the number that it answers, for as long as the context is open.

    webhooks: the URL of the receiver that gets the number's and the agent's. trunk: where the number's calls go out.
    """
    common = {"agent_name": f"demo at {number}", "webhook_url": f"{webhooks}/events", "recording": "on"}
    agent = await api.ask("POST", "/create-agent", {**settings, **common})
    path = f"/delete-phone-number/{quote(number)}"
    try:
        with suppress(ControllerUnavailable):  # what a demo that was killed has left in a database that lives on
            await api.ask("DELETE", path)
        await api.ask(
            "POST",
            "/import-phone-number",
            {
                **trunk,
                "phone_number": number,
                "inbound_agents": [{"agent_id": agent["agent_id"], "weight": 1}],
                "inbound_webhook_url": f"{webhooks}/inbound",
            },
        )
        yield
    finally:
        for removed in (path, f"/delete-agent/{agent['agent_id']}"):
            with suppress(ControllerUnavailable):
                await api.ask("DELETE", removed)
