"""The demo round an Asterisk and a controller that run already: the services of docker/compose.yaml.

Both are the demo's own classes without the processes; what they would have made is in the environment, as
`docker/install.sh configure` wrote it to ari-agent.env.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp

from ari_agent.config import PREFIX
from ari_agent.demo.controller import Controller
from ari_agent.demo.pbx import Pbx
from ari_agent.errors import ConfigurationError

RUNNING: Final = PREFIX + "DEMO_RUNNING"
LOOK_AGAIN_S: Final = 2.0


class RunningPbx(Pbx):
    """An Asterisk that somebody else started and ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(
            app=needed(environment, "APP"),
            bind=needed(environment, "SIP_BIND"),
            ari_bind=needed(environment, "ARI_BIND"),
            sip_port=int(needed(environment, "SIP_PORT")),
            tls_port=int(needed(environment, "SIP_TLS_PORT")),
            ari_port=int(needed(environment, "ARI_PORT")),
        )
        self.ari_username = needed(environment, "ARI_USERNAME")
        self.ari_password = needed(environment, "ARI_PASSWORD")
        self.softphone_account = needed(environment, "SOFTPHONE_ACCOUNT")
        self.softphone_password = needed(environment, "SOFTPHONE_PASSWORD")

    @property
    def running(self) -> bool:
        """Always: the controller says when Asterisk is away."""
        return True

    async def start(self) -> None:
        """It runs."""

    async def stop(self) -> None:
        """It goes on running."""


class RunningController(Controller):
    """An `ari-agent serve` that somebody else started and ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__({name: needed(environment, name) for name in ("BIND", "API_KEY")}, folder=Path())

    async def start(self) -> None:
        """It runs; wait until it has its Asterisk and its database."""
        await self.ask("GET", "/readyz")

    async def ended(self) -> int:
        """Wait until its API answers no more."""
        while True:
            try:
                async with self._session.get("/healthz"):
                    await asyncio.sleep(LOOK_AGAIN_S)
            except (aiohttp.ClientError, TimeoutError):
                return 0

    def tail(self) -> str:
        """Where its log is."""
        return "see `docker compose logs controller`"


def needed(environment: Mapping[str, str], name: str) -> str:
    """A setting by its name without prefix. Raises ConfigurationError where it is missing."""
    try:
        return environment[PREFIX + name]
    except KeyError:
        raise ConfigurationError(f"{PREFIX}{name} is not set, and {RUNNING} needs it") from None
