"""The JSON Schema files of `docs/schemas`: what they are named, what is in them, and the command that writes them.

python -m ari_agent.agents.schema.schema_files docs/schemas
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from ari_agent.agents.schema.message_tables import TABLES


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
