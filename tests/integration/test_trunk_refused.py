"""An Asterisk whose sorcery.conf lacks the shipped lines: the import says so, and so does the record of a call."""

from __future__ import annotations

from pathlib import Path

from tests.integration.stage import staged


async def test_an_asterisk_that_takes_no_trunk_is_told_at_the_import_and_in_the_record(tmp_path: Path) -> None:
    async with staged(tmp_path, pbx_options={"files": {"sorcery.conf": "[res_pjsip]\n"}}) as stage:
        agent_id = await stage.create_agent(stage.agents.agent())
        number = stage.new_number()
        body = {"phone_number": number, "termination_uri": "sip.example.com"}
        imported = await stage.controller.post("/import-phone-number", body, expect=201)
        assert "sorcery.conf must map endpoint, auth and aor" in imported.headers["X-Ari-Agent-Warning"]
        asked = {"from_number": number, "to_number": "+14155550199", "override_agent_id": agent_id}
        placed = (await stage.controller.post("/v2/create-phone-call", asked, expect=201)).json
        record = await stage.controller.ended_call(placed["call_id"])
    assert record["disconnection_reason"] == "dial_failed"
    assert "sorcery.conf must map endpoint, auth and aor" in " ".join(record["faults"])


async def test_an_asterisk_that_takes_no_registration_is_told_at_the_import(tmp_path: Path) -> None:
    kinds = ("endpoint", "auth", "aor")
    lines = [f"{kind} = config,pjsip.conf,criteria=type={kind}\n{kind} = memory" for kind in kinds]
    only_for_calls_out = "\n".join(["[res_pjsip]", *lines, ""])
    async with staged(tmp_path, pbx_options={"files": {"sorcery.conf": only_for_calls_out}}) as stage:
        plain = {"phone_number": stage.new_number(), "termination_uri": "sip.example.com"}
        imported = await stage.controller.post("/import-phone-number", plain, expect=201)
        assert "X-Ari-Agent-Warning" not in imported.headers
        body = {**plain, "phone_number": stage.new_number(), "registration": {}}
        imported = await stage.controller.post("/import-phone-number", body, expect=201)
        assert "identify and registration" in imported.headers["X-Ari-Agent-Warning"]
