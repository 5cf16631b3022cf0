"""What a path of the API is: each resource has a table of these below its handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from pydantic import BaseModel

from ari_agent.api.dependencies import Handler

LIVE_WITHIN_S: Final = 10.0
"""How long another node may take for a request about a call of its own, where it need not wait for a telephone."""


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP method of one path of the API.

    status: of the success. takes: the JSON body; may_take: the same, which may be left out. answers: the JSON body of
    the success; lists: the same, in a bare array; text: it is plain text; else it has none. query: of the query string;
    versioned: it has `?version=`. refuses: statuses of its own errors, beside those that all such paths have.
    otherwise: answers that are no errors of the request, by their status. public: needs no key.
    live_within_s: it is about a call in progress; a node that has it answers for others, within so many seconds.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Handler
    status: int = 200
    takes: type[BaseModel] | None = None
    may_take: type[BaseModel] | None = None
    answers: type[BaseModel] | None = None
    lists: type[BaseModel] | None = None
    text: bool = False
    query: type[BaseModel] | None = None
    versioned: bool = False
    refuses: Sequence[int] = ()
    otherwise: Mapping[int, type[BaseModel]] = field(default_factory=dict)
    public: bool = False
    live_within_s: float | None = None

    @property
    def body(self) -> type[BaseModel] | None:
        """The model that the body is read as, required or not; None for a path without a body."""
        return self.takes or self.may_take

    @property
    def operation_id(self) -> str:
        """The unique name of the operation in OpenAPI: the path in one word."""
        return "_".join(part.replace("-", "_") for part in self.path.split("/") if part and "{" not in part)


get = partial(Route, "GET")
post = partial(Route, "POST")
put = partial(Route, "PUT")
patch = partial(Route, "PATCH")
delete = partial(Route, "DELETE")
