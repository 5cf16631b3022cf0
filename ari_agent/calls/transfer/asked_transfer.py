"""What every transfer has, however it is done: what was asked for, and who is told how it went."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import ValidationError

from ari_agent.contract.call_control import TransferOutcome, TransferRequest
from ari_agent.contract.parsing.explain import explain
from ari_agent.errors import InvalidTransferTarget

TellOutcome = Callable[[TransferOutcome], None]


def failed(message: str) -> TransferOutcome:
    """Return the outcome of a transfer that could not begin, with this message."""
    return TransferOutcome(status="failed", message=message)


@dataclass(slots=True)
class AskedTransfer:
    """One transfer. tell: called exactly once, with the outcome, for the agent or the API that asked."""

    request: TransferRequest
    tell: TellOutcome
    _told: bool = field(default=False, kw_only=True)

    def fill(self, fill: Callable[[str], str]) -> None:
        """Replace the dynamic variables in destination and headers by their values.

        Raises:
            InvalidTransferTarget: then it is no destination, or a header that cannot be sent.
        """
        try:
            self.request = self.request.filled(fill)
        except ValidationError as error:
            raise InvalidTransferTarget(self.request.to, explain(error, root="transfer")) from None

    def finish(self, outcome: TransferOutcome) -> None:
        """Tell the outcome to whoever asked for the transfer; a second outcome is not told."""
        if not self._told:
            self._told = True
            self.tell(outcome)
