"""What of a call is shown to who has a link to its page, and no login. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ari_agent.console.one_call.call_log import LogLine
from ari_agent.contract.call import Call
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.storage_setting import STRUCTURED


def for_others(call: Call, lines: Sequence[LogLine]) -> tuple[Call, Sequence[LogLine]]:
    """Return a call and its log without personal data, where that was found and scrubbed; else as they are.

    Nobody has looked for personal data in the log, nor in what was collected of what was said or given to the call, so
    nothing of that is left then.
    """
    scrubbed = call.scrubbed_transcript_with_tool_calls
    if scrubbed is None:
        return call, lines
    without: dict[str, Any] = dict.fromkeys([*TRANSCRIPTS, *STRUCTURED, "call_analysis"])
    kept = {"transcript_with_tool_calls": scrubbed, "scrubbed_transcript_with_tool_calls": scrubbed}
    return call.model_copy(update={**without, **kept}), [*map(_without_content, lines)]


def _without_content(line: LogLine) -> LogLine:
    if "content" not in line.facts:
        return line
    return LogLine(line.ms, line.event, {name: value for name, value in line.facts.items() if name != "content"})
