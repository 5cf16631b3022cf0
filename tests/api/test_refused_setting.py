"""What is refused when an agent for calls is saved, because nobody does it to the speech of its calls."""

from __future__ import annotations

from typing import Any

import pytest

from ari_agent.api.without_effect import HEADER
from tests.api.conftest import AUDIO, CUSTOM_LLM, Api, make_agent

OTHERS = "noise-and-background-speech-cancellation"
TEXT: dict[str, Any] = {"response_engine": CUSTOM_LLM, "voice_id": "flite-slt"}
REFUSED = [({"enable_backchannel": True}, "set it to false"), ({"denoising_mode": OTHERS}, "noise-cancellation")]


@pytest.mark.parametrize(("asked", "right"), REFUSED)
async def test_a_text_agent_is_not_saved_with_it(api: Api, asked: dict[str, Any], right: str) -> None:
    (name,) = asked
    made = await api.post("/create-agent", json={**TEXT, **asked})
    agent = await make_agent(api, **TEXT)
    changed = await api.patch(f"/update-agent/{agent['agent_id']}", json=asked)
    for response in (made, changed):
        message = (await response.json())["message"]
        assert response.status == 400
        assert message.startswith(f"{name}: ")
        assert right in message


@pytest.mark.parametrize("mode", ["no-denoise", "noise-cancellation"])
async def test_what_clients_send_by_default_is_taken(api: Api, mode: str) -> None:
    defaults = {"enable_backchannel": False, "backchannel_frequency": 0.8, "denoising_mode": mode}
    assert (await api.post("/create-agent", json={**TEXT, **defaults})).status == 201


@pytest.mark.parametrize("asked", [asked for asked, _ in REFUSED])
async def test_of_an_audio_agent_it_is_kept_and_named(api: Api, asked: dict[str, Any]) -> None:
    made = await api.post("/create-agent", json={"response_engine": AUDIO, **asked})
    assert (made.status, made.headers[HEADER]) == (201, *asked)
    agent_id = (await made.json())["agent_id"]
    assert (await api.patch(f"/update-agent/{agent_id}", json={"agent_name": "Ada"})).status == 200
    assert (await api.patch(f"/update-agent/{agent_id}", json=TEXT)).status == 200, "it was stored before"
