"""What is refused when callers could not be told of a recording as an agent or number asks: it would not be made."""

from __future__ import annotations

from aiohttp import web

from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.calls.recording_consent import ConsentUnavailable
from ari_agent.contract.recording import RecordingConsent


async def refuse_unknown_consent(request: web.Request, consent: RecordingConsent | None) -> None:
    """Refuse a sentence that no call could have as things are now. consent: as the body has it; None is not refused.

    Raises:
        ConsentUnavailable: 400; says what is missing.
    """
    if consent is not None and (why := await request.app[DEPENDENCIES].consent_refusal(consent)):
        raise ConsentUnavailable(why)
