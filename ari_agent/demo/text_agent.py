"""A small text agent on a websocket, in Retell's custom-LLM protocol: the demo's own, and an example to start from.

    python -m ari_agent.demo.text_agent --port 8766

Give `ws://HOST:8766/llm` as `llm_websocket_url`; ari-agent dials it with the call's id behind it, listens to the
caller, and speaks what is written here. The agent greets, says what it has understood, and does what it is asked:

    "transfer me to a person"       announces it, and transfers to --transfer-to
    "goodbye"                       says goodbye, and hangs up
    "press five"                    sends DTMF
    "help"                          uses a tool (for the record), and tells what it can do
    "read me the terms"             says something that nobody can interrupt
    "tell me a story"               speaks for long, to be interrupted
    "wait stop i have a question"   changes how it listens, and waits
    "repeat that"                   says again what it said last

A real agent would put a language model where `answer_to` is. What it writes is sent word by word, as a model writes,
and not to its end if something newer is asked meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

OPENING: Final = 0
CONFIG: Final = {"auto_reconnect": True, "call_details": True, "transcript_with_tool_calls": True}
ABILITIES: Final = "I can transfer you to a person, press a key, tell you a story, or say goodbye."
STORY: Final = (
    "Once upon a time there was a telephone that nobody answered. It rang in the morning. It rang in the evening. "
    "One day somebody asked it why. And it said that it had only ever wanted to hear a voice."
)
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent does about something the user said.

    text: what is spoken. fields: of the `response` message beside it. listening: how the agent listens from now on.
    transfers: whether the user is transferred. uses_tool: whether a tool call goes into the transcript.
    """

    text: str
    fields: Mapping[str, object] = field(default_factory=dict)
    listening: Mapping[str, float] | None = None
    transfers: bool = False
    uses_tool: bool = False


RULES: Final = (
    ("goodbye|good bye|bye|hang up", Answer("Goodbye, and thank you for calling.", {"end_call": True})),
    ("transfer|person|human|operator", Answer("One moment, I am transferring you.", transfers=True)),
    ("wait|stop|question", Answer("Go ahead, I am listening.", listening={"responsiveness": 0.5})),
    ("help|what can you do", Answer(ABILITIES, uses_tool=True)),
    ("terms", Answer("This call is a demonstration. It is not recorded.", {"no_interruption_allowed": True})),
    ("story", Answer(STORY)),
    ("yes|yeah", Answer("That is a yes.")),
    ("no", Answer("That is a no.")),
)
"""What the user said, as a regular expression of whole words, and the answer; the first that is found counts."""


def answer_to(heard: str, *, said: str = "") -> Answer:
    """Return the agent's answer. heard: what the user said, in any spelling. said: what the agent said last."""
    words = re.sub(r"[^a-z0-9' ]+", " ", heard.lower()).strip()
    if words in ("", "unintelligible audio"):
        return Answer("Sorry, I did not understand that.")
    if re.search(r"\brepeat\b", words):
        return Answer(said or "I have not said anything yet.")
    if key := re.search(rf"\bpress (\d|{'|'.join(_DIGITS)})\b", words):
        digit = int(key[1]) if key[1].isdecimal() else _DIGITS.index(key[1])
        return Answer(f"I press {_DIGITS[digit]}.", {"digit_to_press": str(digit)})
    for pattern, answer in RULES:
        if re.search(rf"\b(?:{pattern})\b", words):
            return answer
    return Answer(f"I understood: {heard.strip()}")


class TextConversation:
    """The agent's side of one call.

    send: sends a message to ari-agent. word_pause_s: between the words of an answer.
    """

    def __init__(self, send: Callable[[str], Any], *, transfer_to: str, word_pause_s: float) -> None:
        self._send, self._transfer_to, self._word_pause_s = send, transfer_to, word_pause_s
        self._speaking: asyncio.Task[None] | None = None
        self._tools, self._prefix = 0, f"tool_{secrets.token_hex(4)}"  # unique across connections

    async def begin(self) -> None:
        """Send the config: which messages the agent wants to get."""
        await self._write(response_type="config", config=CONFIG)

    async def take(self, message: Mapping[str, Any]) -> None:
        """Do what one message of ari-agent's asks for."""
        match message:
            case {"interaction_type": "ping_pong", "timestamp": timestamp}:
                await self._write(response_type="ping_pong", timestamp=timestamp)
            case {"interaction_type": "call_details", "call": dict(call)}:
                await self._say(OPENING, Answer(_greeting(call)))  # on a call's second connection nobody hears it again
            case {"interaction_type": "reminder_required", "response_id": int(response_id)}:
                await self._say(response_id, Answer("Are you still there?"))
            case {"interaction_type": "response_required", "response_id": int(response_id), "transcript": [*said]}:
                await self._say(response_id, answer_to(_last(said, "user"), said=_last(said, "agent")))

    async def close(self) -> None:
        """Stop speaking, because the call is over."""
        if self._speaking:
            self._speaking.cancel()
            await asyncio.wait([self._speaking])

    async def _say(self, response_id: int, answer: Answer) -> None:
        """Speak in a task of its own, so that pings are answered meanwhile; what was being said is cut off."""
        await self.close()
        self._speaking = asyncio.create_task(self._speak(response_id, answer))

    async def _speak(self, response_id: int, answer: Answer) -> None:
        with suppress(ConnectionClosed):
            if answer.uses_tool:
                await self._use_tool()
            if answer.listening:
                await self._write(response_type="update_agent", agent_config=answer.listening)
            protected = {name: value for name, value in answer.fields.items() if name == "no_interruption_allowed"}
            *first, last = re.findall(r"\S+\s*", answer.text) or [""]
            for word in first:
                await self._respond(response_id, word, content_complete=False, **protected)
                await asyncio.sleep(self._word_pause_s)
            transfer = {"transfer_number": self._transfer_to} if answer.transfers else {}
            await self._respond(response_id, last, content_complete=True, **answer.fields, **transfer)

    async def _respond(self, response_id: int, content: str, **fields: object) -> None:
        await self._write(response_type="response", response_id=response_id, content=content, **fields)

    async def _use_tool(self) -> None:
        self._tools += 1
        tool_call_id = f"{self._prefix}_{self._tools}"
        await self._write(
            response_type="tool_call_invocation", tool_call_id=tool_call_id, name="list_abilities", arguments="{}"
        )
        await self._write(
            response_type="tool_call_result", tool_call_id=tool_call_id, content=ABILITIES, successful=True
        )

    async def _write(self, **message: object) -> None:
        await self._send(json.dumps(message))


def _last(said: Sequence[Mapping[str, Any]], role: str) -> str:
    return next((str(utterance["content"]) for utterance in reversed(said) if utterance["role"] == role), "")


def _greeting(call: Mapping[str, Any]) -> str:
    variables = call.get("retell_llm_dynamic_variables")
    name = variables.get("customer_name") if isinstance(variables, dict) else None
    return f"Hello{f' {name}' if name else ''}, this is the demo agent. How can I help you?"


@asynccontextmanager
async def serve_text_agent(
    host: str,
    port: int,
    *,
    transfer_to: str,
    word_pause_s: float = 0.02,
    on_message: Callable[[str, Mapping[str, Any]], None] | None = None,
) -> AsyncIterator[Server]:
    """Serve the agent as a websocket server, for as long as the context is open.

    transfer_to: the number that users are transferred to. word_pause_s: between the words of an answer.
    on_message: gets every message of ari-agent's, with the call's id, in order.
    """

    async def converse(websocket: ServerConnection) -> None:
        path = urlsplit(websocket.request.path if websocket.request else "").path
        call = re.fullmatch(r"/llm/([^/]+)", path)
        if call is None:
            await websocket.close(1008, "give ws://HOST:PORT/llm as llm_websocket_url")
            return
        conversation = TextConversation(websocket.send, transfer_to=transfer_to, word_pause_s=word_pause_s)
        try:
            await conversation.begin()
            async for text in websocket:
                message = json.loads(text)
                if on_message:
                    on_message(call[1], message)
                await conversation.take(message)
        except ValueError as error:  # bad JSON
            await websocket.close(1007, f"not a message of this protocol: {error}"[:120])
        except ConnectionClosed:
            return  # the call ended while we were speaking
        finally:
            await conversation.close()

    async with serve(converse, host, port, max_size=2**20, compression=None) as server:
        yield server


def _show(call_id: str, message: Mapping[str, Any]) -> None:
    kind = message.get("interaction_type")
    if kind not in ("ping_pong", "update_only"):
        print(call_id, kind, *(repr(said["content"]) for said in message.get("transcript", ())[-1:]), flush=True)


async def _main(host: str, port: int, transfer_to: str) -> None:
    async with serve_text_agent(host, port, transfer_to=transfer_to, on_message=_show) as server:
        print(f"demo text agent: llm_websocket_url is ws://{host}:{port}/llm", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m ari_agent.demo.text_agent", description="demo text agent")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--transfer-to", default="+15550100002", help="number that callers are transferred to")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_main(options.host, options.port, options.transfer_to))
