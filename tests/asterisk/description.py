"""Asterisk's own description of ARI, cut down to what this product uses.

`tests/data/ari/description.json` is an extract of the files that Asterisk ships in /usr/share/asterisk/rest-api; make
it anew with `python -m tests.asterisk.description FOLDER`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ari_agent.asterisk.events import EVENTS

EXTRACT: Final = Path(__file__).parents[1] / "data" / "ari" / "description.json"
FILES: Final = ("applications", "asterisk", "bridges", "channels", "endpoints", "events", "playbacks")
REQUESTS: Final = (
    "PUT /applications/{applicationName}/eventFilter",
    "POST /applications/{applicationName}/subscription",
    "PUT /asterisk/config/dynamic/{configClass}/{objectType}/{id}",
    "DELETE /asterisk/config/dynamic/{configClass}/{objectType}/{id}",
    "GET /asterisk/info",
    "GET /asterisk/modules",
    "GET /bridges",
    "POST /bridges/{bridgeId}",
    "DELETE /bridges/{bridgeId}",
    "POST /bridges/{bridgeId}/addChannel",
    "POST /bridges/{bridgeId}/removeChannel",
    "GET /channels",
    "POST /channels/create",
    "POST /channels/externalMedia",
    "DELETE /channels/{channelId}",
    "POST /channels/{channelId}/answer",
    "POST /channels/{channelId}/continue",
    "POST /channels/{channelId}/dial",
    "POST /channels/{channelId}/dtmf",
    "POST /channels/{channelId}/play/{playbackId}",
    "POST /channels/{channelId}/moh",
    "DELETE /channels/{channelId}/moh",
    "POST /channels/{channelId}/move",
    "POST /channels/{channelId}/ring",
    "DELETE /channels/{channelId}/ring",
    "GET /channels/{channelId}/rtp_statistics",
    "POST /channels/{channelId}/snoop/{snoopId}",
    "POST /channels/{channelId}/transfer_progress",
    "GET /channels/{channelId}/variable",
    "POST /channels/{channelId}/variable",
    "GET /channels/{channelId}/variables",
    "POST /channels/{channelId}/variables",
    "PUT /endpoints/sendMessage",
    "GET /endpoints/{tech}",
    "GET /events",
    "POST /events/claim",
    "POST /events/user/{eventName}",
    "DELETE /playbacks/{playbackId}",
)
MODELS: Final = (
    "Bridge",
    "CallerID",
    "Channel",
    "DialplanCEP",
    "Endpoint",
    "Event",
    "Playback",
    "ReferTo",
    "ReferredBy",
    "RequiredDestination",
    "TextMessage",
    *EVENTS,
)


@dataclass(frozen=True, slots=True)
class Request:
    """One operation. parameters: by name, as Asterisk describes them."""

    operation: str
    method: str
    path: re.Pattern[str]
    parameters: Mapping[str, Mapping[str, Any]]


def read() -> tuple[list[Request], Mapping[str, Mapping[str, Mapping[str, Any]]]]:
    """Operations, and models as properties by name."""
    extract = json.loads(EXTRACT.read_text())
    requests = [
        Request(
            operation=about["nickname"],
            method=key.split()[0],
            path=re.compile(re.sub(r"\{\w+\}", "[^/]+", key.split()[1])),
            parameters={parameter["name"]: parameter for parameter in about["parameters"]},
        )
        for key, about in extract["requests"].items()
    ]
    return requests, extract["models"]


def cut(folder: Path) -> dict[str, Any]:
    """The extract of a folder of Asterisk's files."""
    requests: dict[str, Any] = {}
    models: dict[str, Any] = {}
    for name in FILES:
        document = json.loads((folder / f"{name}.json").read_text())
        for api in document["apis"]:
            for operation in api.get("operations", []):
                requests[f"{operation['httpMethod']} {api['path']}"] = {
                    "nickname": operation["nickname"],
                    "parameters": [
                        {
                            "name": parameter["name"],
                            "in": parameter["paramType"],
                            "type": parameter["dataType"],
                            "required": parameter.get("required", False),
                        }
                        for parameter in operation.get("parameters", [])
                    ],
                }
        for model, about in document.get("models", {}).items():
            models[model] = {
                name: {"type": value["type"], "required": value.get("required", False)}
                for name, value in about["properties"].items()
            }
    return {
        "requests": {key: requests[key] for key in REQUESTS},
        "models": {name: models[name] for name in sorted(MODELS)},
    }


def as_text(extract: Mapping[str, Any]) -> str:
    """One line for each request and each model."""
    parts = [
        f' "{part}": {{\n' + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in items.items())
        for part, items in extract.items()
    ]
    return "{\n" + "\n },\n".join(parts) + "\n }\n}\n"


if __name__ == "__main__":
    EXTRACT.write_text(as_text(cut(Path(sys.argv[1]))))
