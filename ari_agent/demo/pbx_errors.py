"""The errors of the private Asterisk that the demo and the tests run. Pure."""

from __future__ import annotations

from ari_agent.errors import AriAgentError


class PbxError(AriAgentError):
    """Raised when the Asterisk of the demo and the tests cannot be installed, started or controlled: exit status 1."""


class PortBusy(PbxError):
    """Raised when a port that the demo needs is taken. variable: the setting that chooses another one."""

    def __init__(self, variable: str, bind: str, port: int, why: str) -> None:
        super().__init__(f"{bind}:{port} cannot be used ({why}): choose another port with {variable}")
        self.variable, self.bind, self.port, self.why = variable, bind, port, why


class PortLost(PbxError):
    """Raised when a port that was free is another program's by the time that Asterisk binds it. line: of its log."""

    def __init__(self, line: str) -> None:
        super().__init__(f"Asterisk has not all of its ports: {line}")
        self.line = line
