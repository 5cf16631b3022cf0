"""By what another run of the controller goes on with a call whose own has died: kept with its record while it lasts.

The agent's settings of today may be others, and an `agent_override` holds for one call and is saved nowhere else.
"""

from __future__ import annotations

import json

from ari_agent.contract.agent import Agent
from ari_agent.contract.parsing.model import ContractModel, Flag, Identifier
from ari_agent.contract.response_engine import PromptEngine


class ResumePlan(ContractModel):
    """What of an answered phone call is known by its process alone. The API does not show this.

    agent: as overridden for this call. channel_id: of the caller, in Asterisk. app: the application there by which what
    belongs to the call is named, and in which its caller is. is_wideband: whether their codec counted
    as one with more than a telephone line's 4 kHz, so that a recording goes on in the format that it has.
    """

    agent: Agent
    channel_id: Identifier
    app: Identifier
    is_wideband: Flag = False

    def as_text(self) -> str:
        """Return the plan as `read` takes it. It holds what the agent's settings hold, its secrets too."""
        agent, engine = dict(self.agent.as_record()), self.agent.response_engine  # which alone hands out its token
        if isinstance(engine, PromptEngine) and engine.override is not None:
            agent["response_engine"] = {**agent["response_engine"], "override": engine.override}
        return json.dumps({**self.as_record(), "agent": agent}, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None) -> ResumePlan | None:
        """Return the plan that `as_text` has written; None where there is none, or another version has written it."""
        try:
            return None if text is None else cls.model_validate(json.loads(text))
        except ValueError:
            return None
