"""A language model behind the chat completions API, streamed: OpenAI, Ollama, vLLM and others, by OpenAI's client.

Source: OpenAI's API reference, "Create chat completion" with `stream` (2026-11). What a model does not know of a
request (`stream_options`, a temperature, tools) is left out of its requests from then on, where its refusal names it.

    no connection, 408, 409, 429, 5xx, nothing said in time   asked once more, unless something was said already
    an answer that ends without a beginning                   likewise
    another status, or an answer that is none                 ModelFailed
    a model that thinks for longer than silent_s              ModelFailed
    a backup, and the first model says nothing for so long    both are asked; whoever speaks first goes on
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from ari_agent.endpoint import Endpoint, may_pass, printable, reason, refuses_key
from ari_agent.errors import ConfigurationError
from ari_agent.prompt_agents.model import ModelFailed, ModelRequest, Piece, Text, Thoughts, TokensUsed, ToolCallParts

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log = logging.getLogger(__name__)

DEFAULT_URL: Final = "https://api.openai.com/v1"
MAX_CHARACTERS: Final = 32 * 1024
"""Of one answer; what comes behind is not read."""
FIRST_PIECE_S: Final = 10.0
"""How long a model may say nothing at all; nobody waits longer on the phone."""
STALL_S: Final = 10.0
"""How long it may pause within an answer."""
SILENT_S: Final = 20.0
"""How long it may send what nobody hears: its thoughts, and the arguments of tools."""
_RETRY_AFTER_S: Final = 0.3
_LONGEST_RETRY_AFTER_S: Final = 2.0
_DOES_NOT_KNOW: Final = re.compile(
    r"support|unknown|unrecognized|unexpected|not permitted|not allowed|requires --enable", re.IGNORECASE
)
_MAY_BE_LEFT_OUT: Final = {
    "stream_options": re.compile(r"\bstream_options\b"),
    "temperature": re.compile(r"\btemperature\b"),
    "tools": re.compile(r"\btools?\b(?!_)|function call", re.IGNORECASE),
}
"""What an answer can be had without, and how a refusal names it."""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """Which server, and the model that it is asked for where a prompt names none. api_key: "" where it wants none."""

    model: str
    url: str = DEFAULT_URL
    api_key: str = field(default="", repr=False)
    first_piece_s: float = FIRST_PIECE_S
    stall_s: float = STALL_S
    silent_s: float = SILENT_S


class ChatModel:
    """A server that is asked for answers; the process has one.

    Raises:
        ConfigurationError: the URL is none, there is no key for OpenAI's own server, or its client is not installed.
    """

    def __init__(self, server: ModelServer) -> None:
        endpoint = Endpoint.of(server.url, setting="ARI_AGENT_LLM_URL")
        if endpoint.is_of("openai.com") and not server.api_key:
            raise ConfigurationError("ARI_AGENT_LLM_API_KEY: not set; OpenAI needs a key")
        try:
            import httpx2  # noqa: PLC0415 - comes with OpenAI's client
            import openai  # noqa: PLC0415 - an extra, and a second to import
        except ImportError:
            raise ConfigurationError(
                "ARI_AGENT_LLM_MODEL is set, and OpenAI's client is not installed: pip install 'ari-agent[llm]'"
            ) from None
        from ari_agent.prompt_agents.bounded_http import new_client  # noqa: PLC0415 - needs httpx2

        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells the URL of every request, query included
        timeout = openai.Timeout(server.first_piece_s, connect=5.0)
        self._openai: Any = openai
        self._httpx: Any = httpx2
        self._server = server
        self._client: AsyncOpenAI = openai.AsyncOpenAI(
            base_url=endpoint.base,
            api_key=server.api_key or "none",
            default_headers=None if server.api_key else dict(endpoint.authorization),
            default_query=dict(parse_qsl(endpoint.query)),
            max_retries=0,
            timeout=timeout,
            http_client=new_client(timeout),
        )
        self._left_out: set[tuple[str, str]] = set()  # what a model does not know, with the name of the model

    @property
    def name(self) -> str:
        """The model that is asked where a prompt names none."""
        return self._server.model

    @property
    def host(self) -> str:
        """The server's host, for people."""
        return self._client.base_url.host

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.close()

    async def known(self) -> list[str]:
        """Return the names of the models that the server tells of; none where it has no such list.

        Raises:
            ModelFailed: it is not reached, or refuses the key; the message says which, without a secret.
        """
        openai = self._openai
        try:
            async with asyncio.timeout(self._server.first_piece_s):
                page = await self._client.models.list()
            return [self._shown(model.id) for model in page.data or () if isinstance(model.id, str)]
        except openai.NotFoundError:
            return []
        except openai.APIStatusError as error:
            raise ModelFailed(f"{self.host} answered {error.status_code} for the list of its models") from None
        except (openai.APIConnectionError, TimeoutError) as error:
            raise ModelFailed(f"{self.host} is not reached: {type(error.__cause__ or error).__name__}") from None
        except Exception as error:  # whatever its client makes of an answer that is none
            raise ModelFailed(f"{self.host} tells no models: {self._shown(str(error))}") from None

    async def answer(self, request: ModelRequest) -> AsyncGenerator[Piece, None]:
        """Yield an answer as it comes: text, then the tools that the model calls, and what it has cost.

        Raises:
            ModelFailed: there is no answer, or it breaks off; the message says why, without a secret.
        """
        asked = [_Asked(self._twice(request, request.model or self._server.model))]
        try:
            speaker = await self._speaker(request, asked)
            for other in asked:
                if other is not speaker:
                    await other.stop()
            while (piece := await speaker.next()) is not None:
                yield piece
        finally:
            for each in asked:
                each.cancel()
            for each in asked:
                await each.stop()

    async def _speaker(self, request: ModelRequest, asked: list[_Asked]) -> _Asked:
        """Return who speaks first; a backup is asked as well where the first model says nothing in time, or fails."""
        (first,) = asked
        if request.backup is None:
            await first.begun
            return first
        await asyncio.wait([first.begun], timeout=request.backup.after_ms / 1000)
        if first.has_begun:
            return first
        log.info("a model says nothing in time: %s is asked as well", request.backup.model)
        asked.append(_Asked(self._twice(request, request.backup.model)))
        waiting = {each.begun for each in asked if not each.begun.done()}
        while waiting:
            _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if speaker := next((each for each in asked if each.has_begun), None):
                return speaker
        await asked[-1].begun  # which has failed like the first one
        return asked[-1]

    async def _twice(self, request: ModelRequest, model: str) -> AsyncGenerator[Piece, None]:
        """Ask a model, and once more where that may help and it has said nothing yet."""
        chances = 2
        while True:
            has_spoken = False
            try:
                async with contextlib.aclosing(self._once(request, model)) as pieces:
                    async for piece in pieces:
                        has_spoken = True
                        yield piece
                return
            except _Unknown as unknown:
                told = (model, self.host, unknown.name, unknown)
                log.warning("%s at %s does not know %s, which is left out from now on: %s", *told)
                self._left_out.add((model, unknown.name))
            except _Passing as trouble:
                chances -= 1
                if has_spoken or not chances:
                    raise ModelFailed(str(trouble)) from None
                log.info("the model is asked again: %s", trouble)
                await asyncio.sleep(trouble.after_s)

    async def _once(self, request: ModelRequest, model: str) -> AsyncGenerator[Piece, None]:
        openai, httpx2 = self._openai, self._httpx
        asked: dict[str, Any] = {
            "model": model,
            "messages": list(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": request.temperature,
        }
        if request.tools:
            asked["tools"] = list(request.tools)
        asked = {name: value for name, value in asked.items() if (model, name) not in self._left_out}
        try:
            async with asyncio.timeout(self._server.first_piece_s):
                stream = await self._client.chat.completions.create(**asked)
            async with stream:
                async for piece in self._read(stream, model):
                    yield piece
        except TimeoutError:
            raise _Passing(f"{model} at {self.host} said nothing for too long") from None
        except openai.APIStatusError as error:
            raise self._refused(error, model, asked) from None
        except openai.APIConnectionError as error:
            raise _Passing(f"{self.host} is not reached: {type(error.__cause__ or error).__name__}") from None
        except openai.APIError as error:  # told within the answer
            raise ModelFailed(f"{model} at {self.host} failed: {self._shown(error.message)}") from None
        except httpx2.TransportError as error:
            raise _Passing(f"{self.host} broke off: {type(error).__name__}") from None
        except (ModelFailed, _Passing):
            raise
        except Exception as error:  # whatever its client makes of an answer that is none
            raise ModelFailed(f"the answer of {model} at {self.host} is none: {self._shown(str(error))}") from None

    async def _read(self, stream: AsyncIterator[Any], model: str) -> AsyncGenerator[Piece, None]:
        calls, thoughts, room = ToolCallParts(), Thoughts(), MAX_CHARACTERS
        used: TokensUsed | None = None
        has_begun = False
        silent_until_s = (now_s := asyncio.get_running_loop().time)() + self._server.silent_s
        async for chunk in self._in_time(stream):
            if usage := getattr(chunk, "usage", None):  # some tell it with every piece, as it has become
                used = TokensUsed(model, _count(usage.prompt_tokens), _count(usage.completion_tokens))
            for choice in (chunk.choices or ())[:1]:
                has_begun, delta = True, choice.delta
                text = thoughts.left_out_of(_text(delta.content))[:room]
                room -= len(text)
                if text:
                    yield Text(text)
                    silent_until_s = now_s() + self._server.silent_s
                for part in delta.tool_calls or ():
                    function = part.function
                    index = part.index if isinstance(part.index, int) else 0
                    name, arguments = (function.name, function.arguments) if function else (None, None)
                    calls.add(index, _text(part.id), _text(name), _text(arguments))
            if room <= 0:
                return
            if now_s() > silent_until_s:
                raise ModelFailed(f"{model} at {self.host} thinks for too long")
        if not (has_begun or used):
            raise _Passing(f"{model} at {self.host} answered nothing")
        if text := thoughts.rest()[:room]:
            yield Text(text)
        if used:
            yield used
        for call in calls.whole():
            yield call

    async def _in_time(self, stream: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """Yield the parts of an answer. Raises: TimeoutError, where it pauses for too long."""
        while True:
            async with asyncio.timeout(self._server.stall_s):
                chunk = await anext(stream, None)
            if chunk is None:
                return
            yield chunk

    def _refused(self, error: Any, model: str, asked: dict[str, Any]) -> Exception:
        """Return the exception that an error status means."""
        status = error.status_code
        said = "" if refuses_key(status) else reason(error.response.content, secret=self._server.api_key or None)
        if status in {400, 422} and _DOES_NOT_KNOW.search(error.message):
            for name, names in _MAY_BE_LEFT_OUT.items():
                if name in asked and names.search(error.message):
                    return _Unknown(name, said)
        if may_pass(status) or status == 409:
            retry_after = error.response.headers.get("Retry-After", "")
            after_s = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else _RETRY_AFTER_S
            if after_s <= _LONGEST_RETRY_AFTER_S:
                return _Passing(f"{self.host} answered {status} for {model}: {said}", after_s)
        return ModelFailed(f"{self.host} answered {status} for {model}: {said}")

    def _shown(self, text: str) -> str:
        return printable(text, secret=self._server.api_key or None)


class _Passing(Exception):
    """A request failed in a way that may be gone with the next one."""

    def __init__(self, why: str, after_s: float = _RETRY_AFTER_S) -> None:
        super().__init__(why)
        self.after_s = after_s


class _Unknown(Exception):
    """The server does not know a part of the request. name: of that part."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


class _Asked:
    """A model that answers in a task of its own. begun: done with its first piece, or with why there is none."""

    def __init__(self, pieces: AsyncGenerator[Piece, None]) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pieces: asyncio.Queue[Piece | BaseException | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(pieces), name="a model's answer")

    @property
    def has_begun(self) -> bool:
        """Whether there is a first piece, or a whole answer without any."""
        return self.begun.done() and not self.begun.cancelled() and self.begun.exception() is None

    async def next(self) -> Piece | None:
        """Return the next piece; None at the end. Raises: what the answer broke off with."""
        piece = await self._pieces.get()
        if isinstance(piece, BaseException):
            raise piece
        return piece

    def cancel(self) -> None:
        """Begin to stop asking."""
        self._task.cancel()

    async def stop(self) -> None:
        """Stop asking. Idempotent."""
        self.cancel()
        await asyncio.wait([self._task])
        if not self.begun.done():
            self.begun.cancel()

    async def _run(self, pieces: AsyncGenerator[Piece, None]) -> None:
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    self._tell(piece)
            self._tell(None)
        except Exception as error:  # it is raised where the answer is read
            if not self.begun.done():
                self.begun.set_exception(error)
                self.begun.exception()  # nobody may be there to look
            self._pieces.put_nowait(error)

    def _tell(self, piece: Piece | None) -> None:
        self._pieces.put_nowait(piece)
        if not self.begun.done():
            self.begun.set_result(None)


def _text(value: object) -> str:
    """Return a text that a server sent, without what UTF-8 cannot express; "" where it is none."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _count(tokens: object) -> int:
    return tokens if isinstance(tokens, int) and 0 <= tokens < 10**9 else 0
