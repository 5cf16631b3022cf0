"""The JSON Schema files of `docs/schemas`: what they are named, what is in them, and the command that writes them.

python -m ari_agent.agents.schema.schema_files docs/schemas
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ari_agent.agents.schema import llm_messages, twilio_messages, web_messages
from ari_agent.agents.schema.message_model import MessageTable

TABLES: Final[Mapping[str, MessageTable]] = {
    "twilio-from-agent": twilio_messages.FROM_AGENT,
    "twilio-to-agent": twilio_messages.TO_AGENT,
    "web-from-agent": web_messages.FROM_AGENT,
    "web-to-agent": web_messages.TO_AGENT,
    "llm-from-agent": llm_messages.FROM_AGENT,
    "llm-to-agent": llm_messages.TO_AGENT,
}
"""The messages of each protocol and direction, by the name of their file without `.json`."""


def written() -> Mapping[str, str]:
    """Return what each file must hold, by its name."""
    return {f"{name}.json": json.dumps(table.json_schema(), indent=1) + "\n" for name, table in TABLES.items()}


def write(folder: Path) -> None:
    """Write all files into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in written().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
