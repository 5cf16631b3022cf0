"""The record of a call in progress, as far as it may be shown. Pure."""

from __future__ import annotations

from ari_agent.calls.stored_content import no_content
from ari_agent.contract.call import Call


def live_record(call: Call) -> Call:
    """Return a call in progress without what its `data_storage_setting` keeps out of the database.

    What was said is in memory until the end of the call, with all personal data in it: what may not be stored, or not
    before it is scrubbed, is no more for the eyes of whoever watches calls.
    """
    gone = no_content(call).changes
    return call.model_copy(update=dict(gone)) if gone else call
