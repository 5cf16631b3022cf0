from __future__ import annotations

import asyncio

import pytest

from ari_agent.api import health
from tests.api.conftest import Api, StartApi


async def fine() -> str | None:
    return None


async def away() -> str | None:
    return "not connected to http://127.0.0.1:8088/ari"


async def broken() -> str | None:
    raise RuntimeError("boom")


async def hanging() -> str | None:
    await asyncio.Event().wait()
    return None


async def test_health_is_200_whatever_is_missing(start_api: StartApi) -> None:
    api = await start_api(probes={"asterisk": away})
    response = await api.get("/healthz")
    assert (response.status, await response.json()) == (200, {"status": "ok"})


async def test_readiness_is_200_when_every_probe_is_content(start_api: StartApi) -> None:
    api = await start_api(probes={"asterisk": fine, "database": fine})
    response = await api.get("/readyz")
    assert (response.status, await response.json()) == (200, {"status": "ready"})


async def test_readiness_names_what_is_missing(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_TIMEOUT_S", 0.01)
    api = await start_api(probes={"asterisk": away, "database": fine, "disk": broken, "slow": hanging})
    response = await api.get("/readyz")
    body = await response.json()
    assert (response.status, body["status"]) == (503, "error")
    assert body["missing"] == {
        "asterisk": "not connected to http://127.0.0.1:8088/ari",
        "disk": "the probe failed; the log has the details",
        "slow": "no answer within 0.01 s",
    }
    assert "asterisk: not connected" in body["message"]


async def test_the_server_does_not_tell_its_versions(api: Api) -> None:
    assert (await api.get("/healthz")).headers["Server"] == "ari-agent"
