"""Who may be dialled: the policy that workspace, number and agent may each have. Pure.

A key that is left out or null says nothing, so that the wider policy decides alone. What is dialled must be allowed by
each of the three: number and agent narrow what the workspace allows, and cannot widen it.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from ari_agent.contract.parsing.closed_model import ClosedModel
from ari_agent.contract.parsing.e164 import Country
from ari_agent.contract.parsing.model import INTEGRAL, Many


class NumberType(StrEnum):
    """What kind of line a number is (ITU-T E.164 and the numbering plans, as `phonenumbers` has them)."""

    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    TOLL_FREE = "toll_free"
    VOIP = "voip"
    UAN = "uan"
    """Numbers of companies at the price of an ordinary call, such as the British 03."""
    VOICEMAIL = "voicemail"
    UNKNOWN = "unknown"
    """A number of a possible length in a range that no numbering plan tells of: fictional, or newer than our tables."""
    PERSONAL_NUMBER = "personal_number"
    PAGER = "pager"
    SHARED_COST = "shared_cost"
    PREMIUM_RATE = "premium_rate"
    SATELLITE = "satellite"
    """Satellites and other networks of no country: +870, +881, +882, +883, +888."""
    EMERGENCY = "emergency"
    """112 and 911, and the emergency numbers of the country of the number that dials."""


DEFAULT_NUMBER_TYPES: Final = (
    NumberType.FIXED_LINE,
    NumberType.MOBILE,
    NumberType.TOLL_FREE,
    NumberType.VOIP,
    NumberType.UAN,
    NumberType.VOICEMAIL,
    NumberType.UNKNOWN,
)
"""What may be dialled where the workspace says nothing: all that costs what an ordinary call does."""
MOST_TRANSFERS_PER_CALL: Final = 10
"""How many transfers any call may ask for. Whoever has talked its agent round shall not dial on and on."""
DEFAULT_TRANSFERS_PER_CALL: Final = MOST_TRANSFERS_PER_CALL

_DOMAIN: Final = re.compile(r"(\*\.)?[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\.?|\[[0-9a-f:.]{2,45}\]", re.IGNORECASE)
_EXTENSION: Final = re.compile(r"[0-9*#]{1,20}|[A-Za-z][A-Za-z0-9._-]{0,63}")
_PATTERN: Final = re.compile(r"_(?:[0-9*#XxZzNn]|\[[0-9*#-]{1,20}\]){1,20}[.!]?|_\.")
_FORGOTTEN_UNDERSCORE: Final = re.compile(r"[0-9*#XxZzNn\[\]-]*[XxZzNn\]][0-9*#XxZzNn\[\]-]*[.!]?|[0-9*#]*[.!]")
_HEADER: Final = re.compile(r"(?:X-[A-Za-z0-9._-]{0,62}\*?|User-To-User)", re.IGNORECASE)


def _domain(text: str) -> str:
    if _DOMAIN.fullmatch(text):
        return text.lower().rstrip(".")
    raise ValueError(f"must be a host such as pbx.example.com, *.example.com or 192.0.2.1, not {text[:60]!r}")


def _extension(text: str) -> str:
    if _FORGOTTEN_UNDERSCORE.fullmatch(text):
        raise ValueError(f"{text[:60]!r}: a pattern begins with _ as in Asterisk's dialplan: _{text[:60]}")
    if _EXTENSION.fullmatch(text) or (_PATTERN.fullmatch(text) and _is_readable(text)):
        return text
    raise ValueError(f"must be an extension such as 200, or a pattern such as _2XX or _[1-3]X, not {text[:60]!r}")


def _is_readable(pattern: str) -> bool:
    try:
        extension_regex(pattern)
    except re.error:
        return False
    return True


def extension_regex(pattern: str) -> re.Pattern[str]:
    """Return what an entry of `extensions` matches: itself or, after `_`, what Asterisk's dialplan means by it.

    X is 0-9, Z is 1-9, N is 2-9, `[1-37]` one of these, `.` at the end one or more characters, `!` none or more.

    Raises:
        re.error: a range in brackets runs backwards.
    """
    if not pattern.startswith("_"):
        return re.compile(re.escape(pattern), re.IGNORECASE)
    letters = {"X": "[0-9]", "Z": "[1-9]", "N": "[2-9]", ".": ".+", "!": ".*"}
    parts = re.findall(r"\[[^\]]*\]|.", pattern[1:])
    return re.compile("".join(part if len(part) > 1 else letters.get(part.upper(), re.escape(part)) for part in parts))


def _header(text: str) -> str:
    if _HEADER.fullmatch(text):
        return text
    raise ValueError(
        f"must be a header that can be set: X-Name, X-* for all of these, or User-To-User, not {text[:60]!r}"
    )


class DialPolicy(ClosedModel):
    """Who may be dialled, and how often. Every key may be left out; a misspelt one is refused.

    countries: of numbers. number_types: kinds of numbers. sip_domains: hosts of SIP URIs; `*.example.com` stands for
    all below it. extensions: of the own PBX, as literals or patterns of Asterisk's dialplan. headers: names of SIP
    headers that may be set. transfers_per_call: how many transfers one call may ask for. calls_per_minute,
    calls_per_day: how many calls may be placed within 60 seconds and 24 hours, transfers away from the PBX included.
    cost_per_day_cents: nobody is dialled once the calls of 24 hours have cost so much, inbound ones included.
    """

    countries: Annotated[Many[Country], Field(max_length=250)] | None = None
    number_types: Annotated[Many[NumberType], Field(max_length=len(NumberType))] | None = None
    sip_domains: Annotated[Many[Annotated[str, AfterValidator(_domain)]], Field(max_length=100)] | None = None
    extensions: Annotated[Many[Annotated[str, AfterValidator(_extension)]], Field(max_length=1000)] | None = None
    headers: Annotated[Many[Annotated[str, AfterValidator(_header)]], Field(max_length=100)] | None = None
    transfers_per_call: Annotated[int, Field(strict=True, ge=0, le=MOST_TRANSFERS_PER_CALL), INTEGRAL] | None = None
    calls_per_minute: Annotated[int, Field(strict=True, ge=0, le=1_000_000), INTEGRAL] | None = None
    calls_per_day: Annotated[int, Field(strict=True, ge=0, le=100_000_000), INTEGRAL] | None = None
    cost_per_day_cents: Annotated[float, Field(strict=True, ge=0, le=1_000_000_000)] | None = None

    def of_workspace(self) -> DialPolicy:
        """Return the policy as that of the workspace, with the defaults where it says nothing."""
        defaults = {"number_types": DEFAULT_NUMBER_TYPES, "transfers_per_call": DEFAULT_TRANSFERS_PER_CALL}
        missing = {name: default for name, default in defaults.items() if getattr(self, name) is None}
        return self.model_copy(update=missing)
