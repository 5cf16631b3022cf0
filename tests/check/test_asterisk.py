"""`ari-agent check` on a real Asterisk: nothing is wrong with the shipped one; of each thing broken it says which."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest

from ari_agent.asterisk.inspection import Inspection
from ari_agent.check.asterisk import check_asterisk
from ari_agent.demo.pbx import Pbx

pytestmark = [pytest.mark.asterisk, pytest.mark.timeout(180)]

CONF = Path(__file__).parents[2] / "asterisk-conf"


def pbx(**files: str) -> Pbx:
    """An Asterisk with these files, by their names without .conf, in place of the shipped ones."""
    whole = {f"{name}.conf": text for name, text in files.items()}
    return Pbx(sip_port=0, tls_port=0, ari_port=0, rtp_ports=(21200, 21399), files=whole)


async def told(
    asterisk: Pbx, *, app: str = "ari_agent", url: str | None = None, password: str | None = None, serving: bool = False
) -> Mapping[str, str]:
    """What check says is not ok, by the name of the thing."""
    url = url or asterisk.ari_url
    inspection = Inspection(
        url=url, username=asterisk.ari_username, password=password or asterisk.ari_password, app=app
    )
    try:
        found = await check_asterisk(inspection, url=url, serving=serving)
    finally:
        await inspection.close()
    assert len({finding.what for finding in found}) == len(found)
    kinds = {True: "problem", False: "warning"}
    return {f"{finding.what} {kinds[bool(finding.problem)]}": str(finding) for finding in found if str(finding) != "ok"}


def modules_without(*names: str) -> str:
    lines = (CONF / "modules.conf").read_text().splitlines()
    kept = [line for line in lines if line.removeprefix("load = ") not in names]
    assert len(kept) == len(lines) - len(names)
    return "\n".join(kept)


async def test_nothing_is_wrong_with_the_shipped_asterisk_and_what_is_wrong_with_the_way_to_it_is_named() -> None:
    async with pbx() as asterisk:
        assert await told(asterisk) == {}
        assert "0 active channels" in await asterisk.cli("core show channels count")
        (asked,) = (await told(asterisk, password="wrong")).values()
        assert "ARI_AGENT_ARI_USERNAME or ARI_AGENT_ARI_PASSWORD" in asked
        (asked,) = (await told(asterisk, url=asterisk.ari_url.removesuffix("/ari"))).values()
        assert f"does not end in /ari: set it to {asterisk.ari_url}" in asked
        # Under another name than the dialplan's:
        found = await told(asterisk, app="other")
        assert "no line Stasis(other)" in found["dialplan problem"]
        assert "There is Stasis(ari_agent)" in found["dialplan problem"]
        assert "leads to Stasis(ari_agent), not to other" in found["ari-agent-refer problem"]
        headers = {"Authorization": aiohttp.encode_basic_auth(asterisk.ari_username, asterisk.ari_password)}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.ws_connect(f"{asterisk.ari_url}/events", params={"app": "ari_agent"}),
        ):
            found = await told(asterisk)
            assert list(found) == ["application problem"]
            assert "give this one its own ARI_AGENT_APP" in found["application problem"]
            assert await told(asterisk, serving=True) == {}
        await asterisk.kill()
        (asked,) = (await told(asterisk)).values()
        assert "Is Asterisk running" in asked and "ARI_AGENT_ARI_URL" in asked


async def test_modules_that_are_missing_are_named_and_a_dialplan_that_cannot_be_seen_is_a_warning() -> None:
    missing = ("chan_rtp.so", "app_transfer.so", "func_config.so", "func_dialplan.so")
    async with pbx(modules=modules_without(*missing)) as asterisk:
        found = await told(asterisk)
    assert "chan_rtp.so (every call's audio)" in found["modules problem"]
    assert "app_transfer" not in found["modules problem"]  # it is a warning, which a problem goes before
    assert "load func_config.so" in found["dialplan warning"]
    assert "load func_dialplan.so" in found["ari-agent-refer warning"]


async def test_a_dialplan_without_our_lines_and_a_sorcery_conf_without_memory_are_named() -> None:
    extensions = "[from-trunk]\nexten = _X!,1,Dial(PJSIP/100)\n"
    async with pbx(extensions=extensions, sorcery="[res_pjsip]\n") as asterisk:
        found = await told(asterisk)
    assert "no line Stasis(ari_agent)" in found["dialplan problem"]
    assert "from-trunk" in found["dialplan problem"]
    for context in ("ari-agent-refer", "ari-agent-fallback", "ari-agent-amd"):
        assert f"lacks [{context}]" in found[f"{context} warning"]
    assert "sorcery.conf must map" in found["trunks warning"]


async def test_a_user_who_may_only_read_is_named() -> None:
    async with pbx() as asterisk:
        path = asterisk.work_path.parent / "etc" / "ari.conf"
        path.write_text(path.read_text().replace("read_only = no", "read_only = yes"))
        await asterisk.cli("module reload res_ari.so")
        await asyncio.sleep(0.1)
        found = await told(asterisk)
    assert list(found) == ["ari rights problem"]
    assert "read_only = no" in found["ari rights problem"]
