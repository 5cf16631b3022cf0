"""The checks of other people's servers: webhooks, and the websockets of agents. Nothing about any call is sent."""

from __future__ import annotations

import secrets
import ssl
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from ari_agent.agents.llm import llm_url
from ari_agent.agents.twilio_signature import SIGNATURE_HEADER, signature
from ari_agent.check.each import look_at_each
from ari_agent.check.finding import Finding, Status, skipped
from ari_agent.check.stored import StoredAgent, depends_on_the_call, without_variables
from ari_agent.check.surroundings import Surroundings
from ari_agent.contract.parsing.redacted_url import RedactedUrl, shown_url
from ari_agent.contract.response_engine import AudioWebsocketEngine
from ari_agent.http_client import http_client
from ari_agent.reach import NotReached, connect, days_left

_SOON_DAYS: Final = 14
_ANSWER_S: Final = 3.0
_CLOCK_WARNING_S: Final = 60
_CLOCK_LIMIT_S: Final = 300
"""Receivers refuse signatures that are older, or from the future by as much (Retell, "Secure webhooks")."""
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


async def check_webhooks(around: Surroundings) -> list[Finding]:
    """Connect to each webhook's server, and ask for its headers (HEAD, without the query of its URL)."""
    urls = around.stored.webhook_urls()
    if not urls:
        return skipped("no webhook is set")
    tls = ssl.create_default_context()
    return await look_at_each(
        list(urls.items()),
        lambda named: _webhook(*named, tls, around.now_s()),
        label=lambda named: f"{shown_url(named[0])} ({named[1]})",
    )


async def check_agents(around: Surroundings) -> list[Finding]:
    """Connect to each agent's server; with `deep`, open its websocket and close it before anything is said."""
    agents = {found.url: found for found in reversed(around.stored.agents) if found.url}  # bound ones stand first
    if not agents:
        return skipped("no agent is stored that has a websocket of its own")
    tls = ssl.create_default_context()
    return await look_at_each(
        list(agents.items()),
        lambda named: _agent(named[1], named[0], tls, around),
        label=lambda named: f"{shown_url(named[0])} (agent {named[1].label})",
    )


async def _webhook(url: str, who: str, tls: ssl.SSLContext, now_s: float) -> Finding:
    shown = f"{shown_url(url)} ({who})"
    try:
        days = await _connect(url, tls, now_s)
        status, skew_s = await _head(url, tls, now_s)
    except NotReached as error:
        return Finding(Status.FAILED, f"{shown}: {error}", error.remedy)
    if skew_s is not None and abs(skew_s) > _CLOCK_WARNING_S:
        return Finding(
            Status.FAILED if abs(skew_s) > _CLOCK_LIMIT_S else Status.WARNING,
            f"{shown}: its clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's",
            f"set the one that is wrong by NTP: beyond {_CLOCK_LIMIT_S} s a receiver refuses our signatures",
        )
    if 300 <= status < 400:
        return Finding(
            Status.WARNING, f"{shown} redirects (HTTP {status})", "set the final URL: redirects are not followed"
        )
    if status >= 500:
        return Finding(Status.WARNING, f"{shown} answers HTTP {status}", "see the log of that server")
    return _expiring(shown, days) or Finding(Status.OK, f"{shown} answers{_for_days(days)}")


async def _agent(found: StoredAgent, url: str, tls: ssl.SSLContext, around: Surroundings) -> Finding:
    shown = f"{shown_url(url)} (agent {found.label})"
    if depends_on_the_call(url):
        return Finding(Status.SKIPPED, f"{shown}: which server it is depends on the call")
    plain = without_variables(url)
    try:
        days = await _connect(plain, tls, around.now_s())
        if around.deep:
            await _handshake(found, plain, tls)
    except NotReached as error:
        if found.bound:
            return Finding(Status.FAILED, f"{shown}: {error}", error.remedy)
        return Finding(Status.WARNING, f"{shown}: {error}; no number names this agent", error.remedy)
    takes = "takes websockets" if around.deep else "takes connections"
    return _expiring(shown, days) or Finding(Status.OK, f"{shown} {takes}{_for_days(days)}")


def _expiring(shown: str, days: float | None) -> Finding | None:
    if days is None or days > _SOON_DAYS:
        return None
    return Finding(Status.WARNING, f"{shown}: its certificate is valid for {days:.0f} days more", "renew it there")


def _for_days(days: float | None) -> str:
    return "" if days is None else f"; its certificate is valid for {days:.0f} days"


async def _connect(url: str, tls: ssl.SSLContext, now_s: float) -> float | None:
    """Connect to the server of a URL; return for how many days its certificate is valid, None without TLS."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise NotReached("it is no URL of a server", "write it as https://host/path or wss://host/path") from None
    certificate = await connect(host, port, tls if parts.scheme in ("https", "wss") else None)
    return days_left(certificate, now_s=now_s) if certificate else None


async def _head(url: str, tls: ssl.SSLContext, now_s: float) -> tuple[int, float | None]:
    """Return the status of the answer, and by how many seconds its Date is ahead of this machine's clock."""
    target = RedactedUrl.of(url).shown
    timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
    try:
        async with (
            http_client(timeout=timeout) as http,
            http.head(target, allow_redirects=False, ssl=tls) as response,
        ):
            return response.status, _ahead_s(response.headers.get("Date"), now_s)
    except TimeoutError:
        raise NotReached(f"no answer within {_ANSWER_S:g} s", "see the log of that server") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        why = f"{type(error).__name__}: {error}"
        raise NotReached(f"no HTTP answer ({why})", "is it a web server that listens there?") from None


def _ahead_s(date: str | None, now_s: float) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - now_s if date else None
    except (ValueError, OverflowError):
        return None


async def _handshake(found: StoredAgent, url: str, tls: ssl.SSLContext) -> None:
    """Open the websocket as a call does, and close it. Raises: NotReached."""
    engine = found.agent.response_engine
    headers: dict[str, str] = {}
    protocols: tuple[str, ...] = ()
    if isinstance(engine, AudioWebsocketEngine):
        headers, protocols = (
            dict(engine.audio_websocket_headers or {}),
            tuple(engine.audio_websocket_subprotocols or ()),
        )
        if engine.audio_websocket_auth_token:
            headers[SIGNATURE_HEADER] = signature(RedactedUrl.of(url).target, engine.audio_websocket_auth_token)
    else:
        url = llm_url(url, f"check_{secrets.token_hex(8)}")
    address = RedactedUrl.of(url)
    try:
        async with (
            http_client(timeout=aiohttp.ClientTimeout(total=_ANSWER_S)) as http,
            http.ws_connect(
                address.target,
                headers={**headers, **address.authorization},
                protocols=protocols,
                ssl=tls,
                timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
            ),
        ):
            return
    except aiohttp.WSServerHandshakeError as error:
        raise NotReached(
            f"its handshake was answered with HTTP {error.status}, not 101",
            "is the path right, and does the agent take the headers and the signature of its settings?",
        ) from None
    except TimeoutError:
        raise NotReached(f"no answer to the handshake in {_ANSWER_S:g} s", "see the log of the agent") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NotReached(f"no websocket ({type(error).__name__})", "is it a websocket server?") from None
