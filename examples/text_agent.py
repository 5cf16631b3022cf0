"""A voice agent that reads and writes: ari-agent listens, speaks and takes turns. Retell's custom-LLM protocol.

    pip install websockets
    python examples/text_agent.py --port 8771

The agent's `llm_websocket_url` is ws://127.0.0.1:8771; ari-agent appends the call's id to it. The agent tells the time,
transfers, and says goodbye. A real agent asks a language model where `answer` is.
"""

import argparse
import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from websockets.asyncio.server import ServerConnection, serve

TRANSFER_TO = "+15551234567"


def answer(transcript: Sequence[Mapping[str, str]]) -> dict[str, object]:
    """What to say, and what to do then. transcript: all that was said; its last entry is to be answered."""
    heard = transcript[-1]["content"].lower()
    if "bye" in heard:
        return {"content": "Goodbye.", "end_call": True}
    if "person" in heard:
        return {"content": "One moment, please.", "transfer_number": TRANSFER_TO}
    if "time" in heard:
        return {"content": f"It is {datetime.now():%H:%M}."}
    return {"content": f"You said: {transcript[-1]['content']}"}


async def call(websocket: ServerConnection) -> None:
    async def respond(response_id: int, **said: object) -> None:
        message = {"response_type": "response", "response_id": response_id, "content_complete": True, **said}
        await websocket.send(json.dumps(message))

    await websocket.send(json.dumps({"response_type": "config", "config": {"auto_reconnect": True}}))
    await respond(0, content="Hello, how can I help you?")  # 0 is the greeting; empty content lets the caller begin
    async for text in websocket:
        match json.loads(text):
            case {"interaction_type": "ping_pong", "timestamp": timestamp}:  # because of auto_reconnect
                await websocket.send(json.dumps({"response_type": "ping_pong", "timestamp": timestamp}))
            case {"interaction_type": "response_required", "response_id": int(response_id), "transcript": transcript}:
                await respond(response_id, **answer(transcript))
            case {"interaction_type": "reminder_required", "response_id": int(response_id)}:
                await respond(response_id, content="Are you still there?")


async def main(host: str, port: int) -> None:
    async with serve(call, host, port) as server:
        print(f"text agent: ws://{host}:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8771)
    asyncio.run(main(**vars(parser.parse_args())))
