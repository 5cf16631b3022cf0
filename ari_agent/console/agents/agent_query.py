"""What people look for in the list of agents. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from ari_agent.console.words import query_string, readable

_LONGEST: Final = 200
_KEY: Final = re.compile(r"[0-9]{1,18}:[!-~]{1,256}")
_ASCII: Final = re.compile(r"[A-Za-z0-9_ .@-]+")


@dataclass(frozen=True, slots=True)
class AgentQuery:
    """name: a part of an agent's name or id, "" for all of them. after: the page begins after this key."""

    name: str = ""
    after: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Return what a query string asks for; a key that is none is the beginning."""
        after = query.get("after", "")
        return cls(readable(query.get("name", "")[:_LONGEST]), after if _KEY.fullmatch(after) else "")

    @property
    def surely_in_record(self) -> str:
        """The longest part of the name that the record of an agent holds as it is written; "" where there is none.

        Whatever is not ASCII is escaped there.
        """
        return max(_ASCII.findall(self.name), key=len, default="")

    def link(self, after: str) -> str:
        """Return the query string of another page of the same search."""
        return query_string({"name": self.name, "after": after})
