"""The dialplan of docs/existing-pbx.md, as it stands there, in a real Asterisk."""

from __future__ import annotations

import re
from pathlib import Path

from tests.integration.stage import staged

PAGE = (Path(__file__).parents[2] / "docs" / "existing-pbx.md").read_text()


def documented() -> str:
    """The lines of the page, in a context of its own; the reception is one that answers 486."""
    match = re.search(r"^\[from-trunk\]\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert match and "Dial(PJSIP/reception,30)" in match[1]
    lines = match[1].replace("Dial(PJSIP/reception,30)", "Hangup(17)")
    return f"[from-trunk](+)\nexten = _*55X.,1,Goto(documented,+${{EXTEN:3}},1)\n[documented]\n{lines}"


async def test_reception_rings_where_the_agent_fails_or_no_controller_is_there(tmp_path: Path) -> None:
    async with staged(tmp_path, pbx_options={"extensions": documented()}) as stage:
        agent = stage.agents.agent()
        agent.engine["audio_websocket_url"] = "ws://127.0.0.1:9/"
        number = await stage.import_number(await stage.create_agent(agent))
        heard = []
        for dialled in (f"*55{number.removeprefix('+')}", "*5515550000"):
            async with stage.caller() as caller:
                await caller.dial(dialled)
                heard.append((await caller.refused(timeout_s=30)).status)
        await stage.controller.kill()
        async with stage.caller() as caller:
            await caller.dial(f"*55{number.removeprefix('+')}")
            heard.append((await caller.refused(timeout_s=30)).status)
    assert heard[0] == heard[2] == 486  # the reception
    assert heard[1] != 486  # nobody's number: refused, and no fault of an agent
