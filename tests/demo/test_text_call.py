"""A caller who is not understood says it again."""

from __future__ import annotations

import pytest

from ari_agent.demo.report import StepFailed
from ari_agent.demo.text_agent_log import TextAgentLog
from ari_agent.demo.text_call import say_until_understood

PATIENCE_S = 0.05


class Agent:
    """An agent's log, into which what the user says comes when it is said for the `understood`th time."""

    def __init__(self, *, understood: int, words: str = "help") -> None:
        self.talk = TextAgentLog(lambda *_: None)
        self.said = 0
        self._understood, self._words = understood, words
        self._tell("agent", "How can I help you?")

    async def say(self) -> None:
        self.said += 1
        if self.said == self._understood:
            self._tell("user", self._words)

    def _tell(self, role: str, content: str) -> None:
        self.talk.note("call_1", {"transcript": [{"role": role, "content": content}]})


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_it_is_said_until_it_is_understood(times: int) -> None:
    agent = Agent(understood=times)
    patience_s = PATIENCE_S if times > 1 else 60.0
    assert await say_until_understood(agent.say, agent.talk, "help", patience_s=patience_s) == times
    assert agent.said == times


async def test_other_words_are_not_what_was_said() -> None:
    agent = Agent(understood=1, words="operator")
    with pytest.raises(StepFailed, match=r'said "help" 3 times'):
        await say_until_understood(agent.say, agent.talk, "help", patience_s=PATIENCE_S)
    assert agent.said == 3
