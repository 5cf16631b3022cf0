"""Who may be dialled or written to. Whatever dials anybody asks here first. Pure.

Three policies decide: the workspace's (setting `dial_policy`, with defaults), the number's (its `dial_policy` and
`allowed_outbound_country_list`) and the agent's (`dial_policy`). Each is asked for itself, so that none can allow what
another refuses. The rules are asked in the order of DialRule, each of every policy, and the first refusal is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.destination import is_extension
from ari_agent.contract.dial_policy import DialPolicy, NumberType, extension_regex
from ari_agent.contract.parsing.sip_uri import SipUri
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import CallError
from ari_agent.routing.dial_target import DialTarget, home_of, read_target

WORKSPACE_SETTING: Final = "ARI_AGENT_DIAL_POLICY"
NO_POLICY: Final = DialPolicy()
_MOST_SHOWN: Final = 12
"""How many entries of a list a refusal shows."""
_WORDS: Final[Mapping[NumberType, str]] = {
    NumberType.SATELLITE: "a number of a satellite or of another network of no country",
    NumberType.EMERGENCY: "an emergency number",
    NumberType.UNKNOWN: "a number that no numbering plan tells of",
}


class DialRule(StrEnum):
    """The rules by which something may not be dialled, as refusals, docs and metrics name them."""

    ALLOWED_OUTBOUND_COUNTRY_LIST = "allowed_outbound_country_list"
    COUNTRIES = "countries"
    SERVICE_CODE = "service_code"
    """No number behind a code such as *67, nor one with more digits than a number has: no policy allows these."""
    NUMBER_TYPES = "number_types"
    SIP_DOMAINS = "sip_domains"
    EXTENSIONS = "extensions"
    HEADERS = "headers"
    TRANSFERS_PER_CALL = "transfers_per_call"
    CALLS_PER_MINUTE = "calls_per_minute"
    CALLS_PER_DAY = "calls_per_day"
    COST_PER_DAY_CENTS = "cost_per_day_cents"


class Scope(StrEnum):
    """Whose a policy is."""

    WORKSPACE = "workspace"
    NUMBER = "number"
    AGENT = "agent"


class DialRefused(CallError):
    """Raised when the dial policy does not let somebody be dialled: 400. The message names the rule and the remedy."""

    def __init__(self, rule: DialRule, why: str) -> None:
        super().__init__(why)
        self.rule = rule


class DialLimitReached(DialRefused):
    """Raised when as many calls were placed as may be: 429. retry_after_ms: when it is worth to try again."""

    http_status = 429

    def __init__(self, rule: DialRule, why: str, *, retry_after_ms: int) -> None:
        super().__init__(rule, why)
        self.retry_after_ms = retry_after_ms


@dataclass(frozen=True, slots=True)
class Dial:
    """Somebody who is to be dialled or written to.

    to: a number, an extension or name of the PBX, or a SIP URI, in any spelling. number, agent: whose policies hold
    beside the workspace's; None where there is none. headers: names of the SIP headers that are set. transfers: how
    many transfers this call has asked for before; None where this is no transfer. dials_as: our number in the call,
    where it is not stored; its country tells how a national number is read. through_trunk: extensions and names, too,
    are dialled through the number's trunk, and not in the PBX's own dialplan.
    """

    to: str
    number: PhoneNumber | None = None
    agent: AnyAgent | None = None
    headers: Collection[str] = ()
    transfers: int | None = None
    dials_as: str = ""
    through_trunk: bool = False

    @property
    def home(self) -> str | None:
        """The country in which a number without a country code is read; None where it is not known."""
        return home_of(self.number.phone_number if self.number else self.dials_as)


@dataclass(frozen=True, slots=True)
class Layer:
    """One of the policies that hold.

    name: of the number or agent; empty for the workspace. country_list: the number's allowed_outbound_country_list.
    """

    scope: Scope
    policy: DialPolicy
    name: str = ""
    country_list: Sequence[str] = ()

    @property
    def who(self) -> str:
        """Who may dial by this policy, for people."""
        return self._named("the workspace")

    @property
    def whose(self) -> str:
        """Where the policy is set, for people."""
        return self._named("the workspace's dial policy", "the dial_policy of ")

    def _named(self, workspace: str, before: str = "") -> str:
        if self.scope is Scope.WORKSPACE:
            return f"{workspace} ({WORKSPACE_SETTING})"
        return f"{before}{'phone number' if self.scope is Scope.NUMBER else 'agent'} {self.name}"


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls may be placed within a time, by one policy. most: calls. within_ms: the time in milliseconds."""

    rule: DialRule
    layer: Layer
    most: int
    within_ms: int

    def reached(self, placed: int) -> DialLimitReached | None:
        """Say why no further call may be placed, or return None. placed: how many were within the time."""
        if placed < self.most:
            return None
        return DialLimitReached(
            self.rule,
            f"{placed} calls were placed within {self.within_ms // 1000} s, and {self.layer.whose} allows {self.most}: "
            f"try again later, or raise its {self.rule}",
            retry_after_ms=self.within_ms // 60,
        )


@dataclass(frozen=True, slots=True)
class CostLimit:
    """How much calls may cost within 24 hours, by one policy. most_cents: from there on, nobody is dialled."""

    layer: Layer
    most_cents: float
    rule: DialRule = DialRule.COST_PER_DAY_CENTS
    within_ms: int = 86_400_000

    def reached(self, spent_cents: float) -> DialLimitReached | None:
        """Say why nobody may be dialled, or return None. spent_cents: what the calls of the time have cost so far."""
        if spent_cents < self.most_cents:
            return None
        return DialLimitReached(
            self.rule,
            f"the calls of the last 24 hours cost {spent_cents:.2f} cents, and {self.layer.whose} allows "
            f"{self.most_cents:.2f}: try again later, or raise its {self.rule}",
            retry_after_ms=self.within_ms // 60,
        )

    def unpriced(self, what: str, remedy: str) -> DialRefused:
        """Return the refusal of a dial without a price. what: has none, for people. remedy: what would give it one."""
        return DialRefused(self.rule, f"what {what} is not known, and {self.layer.whose} limits {self.rule}: {remedy}")

    def not_told(self, why: str) -> DialLimitReached:
        """Return the refusal of a dial while the database does not tell what was spent. why: it does not."""
        told = f"what calls have cost is not known, and {self.layer.whose} limits {self.rule}: {why}"
        return DialLimitReached(self.rule, told, retry_after_ms=self.within_ms // 60)


class DialRules:
    """The workspace's policy, and how often each rule has refused something; one object serves the whole controller."""

    def __init__(self, workspace: DialPolicy = NO_POLICY) -> None:
        self._workspace = workspace.of_workspace()
        self.refusals: Counter[DialRule] = Counter()

    def check(self, dial: Dial) -> None:
        """Return if this may be dialled, as far as no count of other calls decides it.

        Raises:
            DialRefused: it may not. The refusal is counted.
        """
        if refusal := self.refusal(dial):
            self.count(refusal)
            raise refusal

    def refusal(self, dial: Dial) -> DialRefused | None:
        """Say why this may not be dialled, as far as no count of other calls decides it, or None; counts nothing."""
        return refused(self._workspace, dial)

    def limits(self, dial: Dial) -> Iterator[Limit]:
        """Yield the limits that hold for this, those of the widest policy first; none for extensions of the PBX."""
        return limits(self._paid_layers(dial))

    def cost_limits(self, dial: Dial) -> Iterator[CostLimit]:
        """Yield the limits of cost that hold for this, the widest policy's first; none for extensions of the PBX."""
        return cost_limits(self._paid_layers(dial))

    def _paid_layers(self, dial: Dial) -> Sequence[Layer]:
        if dial.transfers is not None and is_extension(dial.to):
            return ()
        return layers(self._workspace, dial)

    def count(self, refusal: DialRefused) -> None:
        """Count a refusal for /metrics; `check` does so itself."""
        self.refusals[refusal.rule] += 1


def refused(workspace: DialPolicy, dial: Dial) -> DialRefused | None:
    """Say why this may not be dialled, or return None if it may. workspace: with its defaults."""
    target = read_target(dial.to, home=dial.home)
    found = layers(workspace, dial)
    for rule, reason in _REASONS.items():
        for layer in found:
            if why := reason(layer, target, dial):
                return DialRefused(rule, why)
    return None


def layers(workspace: DialPolicy, dial: Dial) -> Sequence[Layer]:
    """Return the policies that hold for this, the widest first. workspace: with its defaults."""
    found = [Layer(Scope.WORKSPACE, workspace)]
    if number := dial.number:
        countries = number.allowed_outbound_country_list or ()
        found.append(Layer(Scope.NUMBER, number.dial_policy or NO_POLICY, number.phone_number, countries))
    if dial.agent and dial.agent.dial_policy:
        found.append(Layer(Scope.AGENT, dial.agent.dial_policy, dial.agent.agent_id))
    return found


def limits(found: Sequence[Layer]) -> Iterator[Limit]:
    """Yield the limits of these policies on how many calls may be placed."""
    for layer in found:
        for rule, most, within_ms in (
            (DialRule.CALLS_PER_MINUTE, layer.policy.calls_per_minute, 60_000),
            (DialRule.CALLS_PER_DAY, layer.policy.calls_per_day, 86_400_000),
        ):
            if most is not None:
                yield Limit(rule, layer, most, within_ms)


def cost_limits(found: Sequence[Layer]) -> Iterator[CostLimit]:
    """Yield the limits of these policies on what calls may cost."""
    for layer in found:
        if layer.policy.cost_per_day_cents is not None:
            yield CostLimit(layer, layer.policy.cost_per_day_cents)


def _hidden(_: Layer, target: DialTarget, dial: Dial) -> str | None:
    if not target.is_hidden:
        return None
    return (
        f"{dial.to} may not be dialled: it is a code with a number behind it, or has a length that no number has, and "
        "may reach anything; give the number alone, such as +14155550123"
    )


def _wrong_type(layer: Layer, target: DialTarget, dial: Dial) -> str | None:
    allowed, number = layer.policy.number_types, target.number
    if allowed is None or number is None or not number.types or not set(number.types).isdisjoint(allowed):
        return None
    remedy = f"add {number.types[0]} to the number_types of {layer.whose}"
    if number.is_short and target.extension is not None and not dial.through_trunk:
        if _names(layer.policy.extensions or (), target.extension):
            return None
        remedy += f", or list {target.extension} in its extensions if your own PBX has it"
    what = _WORDS.get(number.types[0]) or f"a number of type {number.types[0]}"
    return f"{layer.who} may not reach {dial.to}, which is {what}; to allow it, {remedy}"


def _wrong_country(layer: Layer, target: DialTarget, dial: Dial) -> str | None:
    return _out_of_bounds(layer, target, dial, DialRule.COUNTRIES, layer.policy.countries)


def _not_on_list(layer: Layer, target: DialTarget, dial: Dial) -> str | None:
    return _out_of_bounds(layer, target, dial, DialRule.ALLOWED_OUTBOUND_COUNTRY_LIST, layer.country_list or None)


def _out_of_bounds(
    layer: Layer, target: DialTarget, dial: Dial, rule: DialRule, countries: Sequence[str] | None
) -> str | None:
    """Refuse numbers of other countries, and hosts that might lead anywhere.

    A number in a SIP URI counts as a number, whatever the host, for a gateway there would dial it. Any other SIP URI
    leads wherever its host decides: unless the policy names hosts, only the one of the number's own trunk will do. The
    host of the caller's From will not: callers write what they like there.
    """
    if countries is None:
        return None
    listed = f"its {rule} {'are' if rule is DialRule.COUNTRIES else 'is'} {_listed(countries)}"
    number = None if target.number is None or target.number.is_short else target.number
    if number or target.is_hidden:
        country = (number and number.country) or "an unknown country"
        if country in countries:
            return None
        return f"{layer.who} may not reach {dial.to} in {country}: {listed}; to allow it, add the country there"
    if target.host is None or layer.policy.sip_domains is not None or target.host == _own_host(dial.number):
        return None
    return (
        f"{layer.who} may not reach {target.host}: {listed}, which allows no SIP host but that of the number's own "
        f"trunk; to allow it, add the host to the sip_domains of {layer.whose}"
    )


def _wrong_host(layer: Layer, target: DialTarget, dial: Dial) -> str | None:
    domains, host = layer.policy.sip_domains, target.host
    if domains is None or host is None or any(_is_within(host, domain) for domain in domains):
        return None
    return f"{layer.who} may not reach {dial.to}: its sip_domains are {_listed(domains)}; to allow it, add {host} there"


def _wrong_extension(layer: Layer, target: DialTarget, _: Dial) -> str | None:
    listed, extension = layer.policy.extensions, target.extension
    if listed is None or extension is None or _names(listed, extension):
        return None
    allowed = _listed(listed)
    return f"{layer.who} may not reach extension {extension}: its extensions are {allowed}; to allow it, add it there"


def _wrong_header(layer: Layer, _: DialTarget, dial: Dial) -> str | None:
    allowed = layer.policy.headers
    if allowed is None:
        return None
    wrong = [name for name in dial.headers if not any(_fits(name, header) for header in allowed)]
    if not wrong:
        return None
    return (
        f"{layer.who} may not set the header {wrong[0]}: its headers are {_listed(allowed)}; to allow it, add it there"
    )


def _too_many_transfers(layer: Layer, _: DialTarget, dial: Dial) -> str | None:
    most = layer.policy.transfers_per_call
    if most is None or dial.transfers is None or dial.transfers < most:
        return None
    return (
        f"this call has asked for {most} transfers, and may ask for no more: the transfers_per_call of "
        f"{layer.whose} is {most}"
    )


_REASONS: Final[Mapping[DialRule, Callable[[Layer, DialTarget, Dial], str | None]]] = {
    DialRule.ALLOWED_OUTBOUND_COUNTRY_LIST: _not_on_list,
    DialRule.COUNTRIES: _wrong_country,
    DialRule.SERVICE_CODE: _hidden,
    DialRule.NUMBER_TYPES: _wrong_type,
    DialRule.SIP_DOMAINS: _wrong_host,
    DialRule.EXTENSIONS: _wrong_extension,
    DialRule.HEADERS: _wrong_header,
    DialRule.TRANSFERS_PER_CALL: _too_many_transfers,
}
"""What each rule of a policy says against a destination: why it is refused, or None."""


def _names(extensions: Sequence[str], extension: str) -> bool:
    return any(extension_regex(entry).fullmatch(extension) for entry in extensions)


def _is_within(host: str, domain: str) -> bool:
    return host.endswith(domain.removeprefix("*")) if domain.startswith("*.") else host == domain


def _fits(name: str, header: str) -> bool:
    name, header = name.lower(), header.lower()
    return name.startswith(header.removesuffix("*")) if header.endswith("*") else name == header


def _own_host(number: PhoneNumber | None) -> str | None:
    config = number.sip_outbound_trunk_config if number else None
    trunk = (config and config.termination_uri) or ""
    uri = SipUri.of(trunk) or SipUri.of(f"sip:{trunk}")
    return (uri and uri.host) or None


def _listed(entries: Sequence[str]) -> str:
    more = len(entries) - _MOST_SHOWN
    return (", ".join(entries[:_MOST_SHOWN]) or "none") + (f" and {more} more" if more > 0 else "")
