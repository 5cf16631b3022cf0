"""The checks that ask Asterisk about itself: whether it is reached, with which rights, its modules and its clock."""

from __future__ import annotations

from typing import Final

from ari_agent.check.finding import Finding, failed, ok, skipped, warning
from ari_agent.check.modules import missing_modules
from ari_agent.check.surroundings import Surroundings
from ari_agent.errors import AsteriskError, AsteriskRefused, AsteriskUnreachable
from ari_agent.reach import NotReached, certificate, days_left

_TRUNK_KINDS: Final = ("auth", "aor", "endpoint")
_SKEW_S: Final = 5
"""Between this machine's clock and Asterisk's; Asterisk tells whole seconds."""
_SOON_DAYS: Final = 14
_TLS_TRANSPORTS: Final = ("transport-tls", "0.0.0.0-tls", "tls")
"""Sections of pjsip.conf that are TLS transports by their name: ours, FreePBX's, and a usual one."""


async def check_ari(around: Surroundings) -> list[Finding]:
    """Reach Asterisk's REST interface with the user and the password that are set."""
    inspection = around.inspection
    try:
        return ok(f"Asterisk {await inspection.version()} answers at {inspection.url}")
    except AsteriskError as error:
        return failed(*why_no_ari(error, inspection.url))


def why_no_ari(error: AsteriskError, url: str) -> tuple[str, str]:
    """Return what is wrong with the way to ARI, and which setting or file is to be changed. url: ARI_AGENT_ARI_URL."""
    if isinstance(error, AsteriskUnreachable):
        return (
            str(error),
            "Is Asterisk running, is http.conf `enabled = yes` (asterisk -rx 'http show status'), and is "
            "ARI_AGENT_ARI_URL its address?",
        )
    status = error.status if isinstance(error, AsteriskRefused) else 0
    if status == 401:
        return (
            "wrong ARI_AGENT_ARI_USERNAME or ARI_AGENT_ARI_PASSWORD",
            "they are the section and the password in ari.conf (after a change there: asterisk -rx 'module reload "
            "res_ari')",
        )
    if status == 404 and not url.rstrip("/").endswith("/ari"):
        return f"ARI_AGENT_ARI_URL is {url} and does not end in /ari", f"set it to {url.rstrip('/')}/ari"
    if status == 404:
        return (
            f"{error}. No ARI at {url}",
            "set `enabled = yes` in ari.conf and load res_ari.so and res_ari_asterisk.so",
        )
    return str(error), "are all modules res_ari_*.so loaded?"


async def check_modules(around: Surroundings) -> list[Finding]:
    """Look for the modules that calls need, and the features in use."""
    return missing_modules(await around.inspection.modules(), around.stored.features())


async def check_application(around: Surroundings) -> list[Finding]:
    """Find out whether another controller has our application's name, or that of one of our processes."""
    inspection = around.inspection
    taken = [app for app in inspection.apps if await inspection.app_is_taken(app)]
    if around.connected is not None:
        return _own_connection(inspection.apps[0], connected=around.connected, taken=bool(taken))
    named = ", ".join(taken)
    if taken and not around.serving:
        return failed(
            f"another controller is connected to Asterisk as {named}: two under one name take the calls from each "
            "other",
            "stop it, or give this one its own ARI_AGENT_APP and dialplan line Stasis()",
        )
    if around.serving and taken and (absent := [app for app in inspection.apps if app not in taken]):
        return failed(
            f"nobody is connected to Asterisk as {', '.join(absent)}, and {named} takes all calls",
            f"ARI_AGENT_PROCESSES is {len(inspection.apps)}: is `serve` running with it? Its log says what ended",
        )
    free = ", ".join(inspection.apps)
    return ok(f"the controller that runs here is connected as {named}" if taken else f"the name {free} is free")


def _own_connection(app: str, *, connected: bool, taken: bool) -> list[Finding]:
    if connected:
        return ok(f"this controller is connected as {app}")
    if taken:
        return failed(
            f"another controller is connected to Asterisk as {app}, and this one is not",
            "stop it, or give this one its own ARI_AGENT_APP and dialplan line Stasis()",
        )
    return failed(
        f"this controller is not connected to Asterisk as {app}, and takes no calls",
        "it tries again by itself; its log says why it cannot",
    )


async def check_rights(around: Surroundings) -> list[Finding]:
    """Make a channel, which a user who may only read cannot."""
    try:
        await around.inspection.make_channel()
    except AsteriskRefused as error:
        if error.status != 403:
            raise
        return failed(
            "the user ARI_AGENT_ARI_USERNAME may only read",
            "set `read_only = no` in its section of ari.conf, then asterisk -rx 'module reload res_ari'",
        )
    return ok("the ARI user may make and change channels")


async def check_clock(around: Surroundings) -> list[Finding]:
    """Compare this machine's clock with Asterisk's."""
    shown_s = await around.inspection.time_s()
    if shown_s is None:
        return skipped("Asterisk does not tell its time")
    ahead_s = shown_s - around.now_s()
    if abs(ahead_s) <= _SKEW_S:
        return ok("this machine's and Asterisk's show the same time")
    return warning(
        f"Asterisk's clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine's",
        "set both by NTP (`timedatectl`): records, logs and the signatures of webhooks have this machine's time",
    )


async def check_memory(around: Surroundings) -> list[Finding]:
    """Put SIP objects into Asterisk's memory, as every trunk does."""
    for kind in _TRUNK_KINDS:
        try:
            await around.inspection.takes_object(kind)
        except AsteriskRefused as error:
            tell = failed if around.stored.trunks() else warning
            return tell(
                f"calls out do not work: Asterisk takes no trunk ({kind}: {error.message})",
                "sorcery.conf must map auth, aor and endpoint to memory too, as asterisk-conf/sorcery.conf does. Then "
                "restart Asterisk as a whole: a reload does not read it",
            )
    return ok("Asterisk takes trunks into its memory")


async def check_certificate(around: Surroundings) -> list[Finding]:
    """Look at the dates of the certificate with which Asterisk takes SIP over TLS."""
    bind = await _tls_bind(around)
    if bind is None:
        return skipped("Asterisk has no TLS transport that is known")
    host, port = bind
    try:
        days = days_left(await certificate(host, port), now_s=around.now_s())
    except NotReached as error:
        return warning(f"SIP over TLS: {error}", "phones and trunks that use TLS cannot connect: see pjsip.conf")
    if days < _SOON_DAYS:
        return warning(
            f"Asterisk's certificate for SIP over TLS is valid for {days:.0f} days more",
            "renew the file that pjsip.conf names as cert_file, then asterisk -rx 'module reload res_pjsip.so'",
        )
    return ok(f"Asterisk's certificate for SIP over TLS is valid for {days:.0f} days")


async def _tls_bind(around: Surroundings) -> tuple[str, int] | None:
    """Return host and port of Asterisk's TLS transport, the host as this machine reaches it."""
    inspection = around.inspection
    named = {name for name in (await inspection.endpoint_fields("transport")).values() if name}
    for name in (*_TLS_TRANSPORTS, *sorted(named)):
        transport = await inspection.sip_object("transport", name)
        if transport and transport.get("protocol") == "tls":
            host, _, port = transport.get("bind", "").rpartition(":")
            host = host.strip("[]")
            everywhere = host in ("", "0.0.0.0", "::")  # noqa: S104 -- read, not bound
            return inspection.host if everywhere else host, int(port) if port.isdecimal() else 5061
    return None
