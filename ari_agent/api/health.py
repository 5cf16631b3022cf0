"""GET /healthz: the process lives. GET /readyz: it can take calls, or what it lacks."""

from __future__ import annotations

import asyncio
import logging
from typing import Final, Literal

from aiohttp import web

from ari_agent.api.answer import ErrorBody, answer
from ari_agent.api.dependencies import DEPENDENCIES, Probe
from ari_agent.api.route import get
from ari_agent.contract.parsing.model import ContractModel

log = logging.getLogger(__name__)

PROBE_TIMEOUT_S: Final = 2.0


class Health(ContractModel):
    """The answer of /healthz, as JSON."""

    status: Literal["ok"] = "ok"


class Readiness(ContractModel):
    """The answer of /readyz when nothing is missing."""

    status: Literal["ready"] = "ready"


class Missing(ErrorBody):
    """The answer of /readyz when something is missing.

    missing: the name of each probe that failed, and what it says.
    """

    missing: dict[str, str]


async def show_health(_: web.Request) -> web.Response:
    """Answer 200 as long as the event loop runs: a restart helps with nothing else."""
    return answer(Health())


async def show_readiness(request: web.Request) -> web.Response:
    """Answer 200 when every probe succeeds, else 503 with what is missing."""
    probes = request.app[DEPENDENCIES].probes
    found = await asyncio.gather(*(_ask(probe) for probe in probes.values()))
    missing = {name: what for name, what in zip(probes, found, strict=True) if what is not None}
    if not missing:
        return answer(Readiness())
    message = "; ".join(f"{name}: {what}" for name, what in missing.items())
    return answer(Missing(message=message, error_message=message, missing=missing), status=503)


async def _ask(probe: Probe) -> str | None:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return await probe()
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT_S:g} s"
    except Exception:  # a probe that breaks means not ready; what broke belongs in the log
        log.exception("readiness probe failed")
        return "the probe failed; the log has the details"


ROUTES: Final = (
    get("/healthz", show_health, answers=Health, public=True),
    get("/readyz", show_readiness, answers=Readiness, otherwise={503: Missing}, public=True),
)
