"""The kinds of values that settings have: how each is read from a text, and what it may be. See config.py."""

from __future__ import annotations

import json
import re
import socket
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, ValidationError

from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.price_table import PriceTable


class Address(NamedTuple):
    """A host name or address, and a TCP port from 0 to 65535; with 0 the system chooses the port."""

    host: str
    port: int

    @property
    def shown(self) -> str:
        """The address as `host:port`; an IPv6 address is in brackets (RFC 3986 section 3.2.2)."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def http_url(self) -> str:
        """The http URL of what listens there, without a slash at its end."""
        return f"http://{self.shown}"

    @property
    def family(self) -> socket.AddressFamily:
        """What kind of socket listens there: IPv6 for a numeric IPv6 address, else IPv4."""
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET


class PortRange(NamedTuple):
    """A range of UDP ports, both ends included; with 0-0 the system chooses each port."""

    first: int
    last: int


def read_address(value: object) -> Address:
    """Read HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080. Raises ValueError."""
    if isinstance(value, Address):
        return value
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(\d{1,5})", str(value).strip())
    if not match or int(match[2]) > 65535:
        raise ValueError("expected HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080")
    return Address(match[1].strip("[]"), int(match[2]))


def read_port_range(value: object) -> PortRange:
    """Read `0`, or FIRST-LAST within 1024-65535. Raises ValueError."""
    if isinstance(value, PortRange):
        return value
    text = str(value).strip()
    if text == "0":
        return PortRange(0, 0)
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text)
    if not match or not 1024 <= int(match[1]) <= int(match[2]) <= 65535:
        raise ValueError("expected 0 (chosen by the system) or FIRST-LAST within 1024-65535, for example 30000-30999")
    return PortRange(int(match[1]), int(match[2]))


def read_numeric_address(value: str) -> str:
    """Read a numeric IPv4 or IPv6 address; what is empty stays so. Raises ValueError."""
    try:
        return value and str(ip_address(value))
    except ValueError:
        raise ValueError("expected a numeric address without a port, for example 192.0.2.5") from None


def read_http_url(value: str) -> str:
    """Read a URL that begins with http:// or https://, without a slash at its end. Raises ValueError."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", value):
        raise ValueError("expected a URL that begins with http:// or https://")
    return value.rstrip("/")


def refuse_password(value: str) -> str:
    """Return a URL without a user and password, as one that is logged must be. Raises ValueError."""
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise ValueError("expected a URL without a user and password: other controllers are told it, and it is logged")
    return value


def unset_if_empty(value: object) -> object:
    """Return None for a value that is empty, and any other as it is."""
    return value or None


def lower(value: object) -> object:
    """Return a text in lower case, and anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def read_app_name(value: str) -> str:
    """Read the name in the `Stasis()` of a dialplan. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", value):
        raise ValueError("expected 1 to 64 letters, digits, '_', '.' or '-', as in Stasis(ari_agent)")
    return value


_PRICES_EXAMPLE: Final = (
    'expected a price table such as {"telephony": [{"prefix": "+1", "cents_per_minute": 0.85, "increment_s": 6}]}'
)


def read_dial_policy(value: object) -> DialPolicy:
    """Read the dial policy from a JSON object, or from a TOML table. Raises ValueError."""
    if isinstance(value, DialPolicy):
        return value
    example = 'expected a JSON object such as {"countries": ["US", "CA"], "calls_per_day": 200}'
    try:
        given = json.loads(value) if isinstance(value, str) and value else value or {}
    except ValueError as error:
        raise ValueError(f"{example}: {error}") from None
    try:
        return DialPolicy.model_validate(given)
    except ValidationError as error:
        raise ValueError(f"{example}: {explain(error, given, root='the policy')}") from None


def _once_each(pairs: Sequence[tuple[str, object]]) -> Mapping[str, object]:
    """Refuse a JSON object that has a key twice, as TOML does: of a list of prices, nobody would miss the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice[:60]!a} is there twice in one object")
    return found


def read_prices(value: object) -> PriceTable | None:
    """Read the price table from JSON, from a file of JSON or, if its name ends in .toml, TOML, or from a TOML table."""
    if isinstance(value, PriceTable):
        return value
    if value is None or value == "":
        return None
    given: object = value
    try:
        if isinstance(value, str):
            is_json = value.lstrip().startswith("{")
            text = value if is_json else Path(value).read_text(encoding="utf-8-sig")  # Windows writes a mark before it
            if not is_json and value.endswith(".toml"):
                given = tomllib.loads(text, parse_float=Decimal)
            else:
                given = json.loads(text, parse_float=Decimal, object_pairs_hook=_once_each)
        return PriceTable.model_validate(given)
    except OSError as error:
        path = str(Path(str(value)).absolute())
        raise ValueError(f"{_PRICES_EXAMPLE}, or a file of it: {path[:200]!a}: {error.strerror}") from None
    except RecursionError:
        raise ValueError(f"{_PRICES_EXAMPLE}, or a file of it: it is nested too deeply") from None
    except ValidationError as error:
        raise ValueError(f"{_PRICES_EXAMPLE}: {explain(error, given, root='the price table')}") from None
    except ValueError as error:
        raise ValueError(f"{_PRICES_EXAMPLE}, or a file of it: {error}") from None


def read_context(value: str) -> str:
    """Read the name of a dialplan context. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,79}", value):
        raise ValueError("expected the name of a dialplan context: 1 to 79 letters, digits, '_', '.' or '-'")
    return value


ContextName = Annotated[str, AfterValidator(read_context)]
HttpUrl = Annotated[str, AfterValidator(read_http_url)]
PlainUrl = Annotated[str, AfterValidator(read_http_url), AfterValidator(refuse_password)]
