"""Tells what would happen if a number dialled somebody: may it, by which rule, through which trunk, at which price.

The rules, limits and prices asked are those of real calls. Nobody is dialled, and no refusal is counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import ValidationError

from ari_agent.asterisk.target import TrunkEndpoint, target
from ari_agent.asterisk.trunk_destinations import destinations
from ari_agent.calls.dial_guard import DialGuard, LimitUse
from ari_agent.contract.call_control import TransferRequest
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.destination import is_extension
from ari_agent.contract.parsing.explain import explain
from ari_agent.contract.parsing.sip_uri import SipUri
from ari_agent.contract.phone_call import CallTask
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.errors import CallError, InvalidTransferTarget, UnknownAgent, UnknownAsset
from ari_agent.routing.dial_policy import Dial
from ari_agent.routing.dial_target import read_target
from ari_agent.store.agents import AgentKey
from ari_agent.store.store import Store

Kind = Literal["call", "transfer"]
KINDS: Final[Sequence[Kind]] = ("call", "transfer")
_MOST_AGENTS: Final = 20


@dataclass(frozen=True, slots=True)
class DialVerdict:
    """Whether some agents may dial this. agents: their names; empty where none has a say. rule, why: "" where so."""

    agents: Sequence[str]
    rule: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One way that the call would take. channel: what Asterisk is told to dial. uri: of the INVITE, or who decides."""

    channel: str
    uri: str


@dataclass(frozen=True, slots=True)
class DialTrial:
    """What would happen. to: in the spelling that is dialled. read_as: what that is, for people.

    ways: in the order in which they are tried; no_way: why there is none, "" where there is. price: in words.
    limits: that count for this. more_agents: of the number that were not asked.
    """

    to: str
    read_as: str
    verdicts: Sequence[DialVerdict]
    ways: Sequence[Way]
    no_way: str
    price: str
    limits: Sequence[LimitUse]
    more_agents: int = 0


class NotDialled(CallError):
    """Raised when there is nothing to say about a dial, as it could never be asked for: 400. The text says why."""


class DialTrials:
    """Answers "what if I dialled". number: returns the number that calls are placed from, or raises CallError.

    app: of Asterisk's trunks. extensions_context: of the dialplan, with the PBX's own extensions; "" where none is set.
    """

    def __init__(
        self,
        store: Store,
        guard: DialGuard,
        *,
        number: Callable[[str], Awaitable[PhoneNumber]],
        app: str,
        extensions_context: str = "",
    ) -> None:
        self._store = store
        self._guard = guard
        self._number = number
        self._app = app
        self._extensions_context = extensions_context

    async def run(self, *, from_number: str, to: str, kind: Kind, agent_id: str = "") -> DialTrial:
        """Say what would happen. agent_id: that dials; "": each of the number's own that could.

        Raises:
            NotDialled, UnknownAsset, CallNotPlaced: it could never be asked for.
            StoreError: the database does not tell.
        """
        dialled = _read(to, kind)
        number = await self._from(from_number, kind)
        agents, more = await self._agents(number, kind, agent_id)
        dials = [(names, self._dial(dialled, number, agent, kind)) for names, agent in agents]
        some = dials[0][1]
        ways, no_way = self._ways(dialled, number, kind)
        limits = {(use.rule, use.whose): use for _, dial in dials for use in await self._guard.uses(dial)}
        return DialTrial(
            to=dialled,
            read_as=read_target(dialled, home=some.home).in_words,
            verdicts=await self._verdicts(dials),
            ways=ways,
            no_way=no_way,
            price=self._price(some),
            limits=list(limits.values()),
            more_agents=more,
        )

    def fallback_refusal(self, number: PhoneNumber) -> str:
        """Say why the number's fallback number may not be dialled; "" where it may, or there is none."""
        if number.fallback_number is None:
            return ""
        refusal = self._guard.rules.refusal(Dial(number.fallback_number, number))
        return str(refusal) if refusal else ""

    async def _from(self, from_number: str, kind: Kind) -> PhoneNumber | None:
        if kind == "call":
            return await self._number(from_number)
        if not from_number:
            return None
        number = await self._store.phone_numbers.get(from_number)
        if number is None:
            raise UnknownAsset("phone number", from_number)
        return number

    async def _agents(
        self, number: PhoneNumber | None, kind: Kind, agent_id: str
    ) -> tuple[Sequence[tuple[Sequence[str], AnyAgent | None]], int]:
        """Return the agents whose policies may have a say, by their names, and how many more there are.

        Of those without a policy one stands for all: what is said of one is said of each.
        """
        if agent_id:
            agent = await self._store.agents.any(agent_id)
            if agent is None:
                raise UnknownAgent(agent_id, None)
            return [([agent.agent_name or agent_id], agent)], 0
        weights = [*((number and number.outbound_agents) or ())]
        if kind == "transfer":
            weights += (number and number.inbound_agents) or ()
        keys = list(dict.fromkeys((weight.agent_id, weight.agent_version) for weight in weights))
        found: dict[AgentKey, tuple[list[str], AnyAgent]] = {}
        for key, agent in (await self._store.agents.each(keys[:_MOST_AGENTS])).items():
            alike = key if agent.dial_policy else ("", None)
            found.setdefault(alike, ([], agent))[0].append(agent.agent_name or agent.agent_id)
        return list(found.values()) or [([], None)], len(keys[_MOST_AGENTS:])

    def _dial(self, to: str, number: PhoneNumber | None, agent: AnyAgent | None, kind: Kind) -> Dial:
        if kind == "call":
            return Dial(to, number, agent, through_trunk=True)
        return Dial(to, number, agent, transfers=0)

    async def _verdicts(self, dials: Sequence[tuple[Sequence[str], Dial]]) -> Sequence[DialVerdict]:
        """Return what is said of each dial, once for all agents of whom the same is said."""
        found: dict[tuple[str, str], list[str]] = {}
        for names, dial in dials:
            refusal = await self._guard.refusal(dial)
            said = (refusal.rule.value, str(refusal)) if refusal else ("", "")
            found.setdefault(said, []).extend(names)
        return [DialVerdict(all_names, *said) for said, all_names in found.items()]

    def _price(self, dial: Dial) -> str:
        if dial.transfers is not None and is_extension(dial.to):
            return "nothing: it stays inside the PBX"
        price = self._guard.price(dial)
        return f"{price.cents_per_minute} cents a minute" if price else "not known: ARI_AGENT_PRICES has none for it"

    def _ways(self, to: str, number: PhoneNumber | None, kind: Kind) -> tuple[Sequence[Way], str]:
        if kind == "call":
            return list(self._trunk_ways(to, number)), ""
        try:
            return [self._transfer_way(to, number)], ""
        except InvalidTransferTarget as error:
            return [], str(error)

    def _trunk_ways(self, to: str, number: PhoneNumber | None) -> Iterator[Way]:
        config = number.sip_outbound_trunk_config if number else None
        for way in destinations(self._app, number.phone_number if number else "", config):
            yield Way(f"PJSIP/{to}@{way.endpoint}", way.uri.replace("sip:", f"sip:{to}@", 1))

    def _transfer_way(self, to: str, number: PhoneNumber | None) -> Way:
        """Return how the target is dialled with mode sip_invite. Raises InvalidTransferTarget: there is no way."""
        config = number.sip_outbound_trunk_config if number else None
        first, *_ = (*destinations(self._app, number.phone_number if number else "", config), None)
        own = TrunkEndpoint(first.endpoint, {}, first.uri) if first else None
        found = target(
            TransferRequest(to=to, mode="sip_invite"),
            call_id="",
            phone_number=number.phone_number if number else "",
            own=own,
            context=self._extensions_context,
            caller="",
        )
        if first is None or is_extension(to):
            return Way(found.endpoint, "the dialplan decides")
        uri = to if SipUri.of(to) else first.uri.replace("sip:", f"sip:{to}@", 1)
        return Way(found.endpoint, uri)


def _read(to: str, kind: Kind) -> str:
    """Return a destination as a call or a transfer reads it. Raises NotDialled: it is none."""
    if "{{" in to:
        raise NotDialled("write whom to dial, without variables in it")
    field = "to_number" if kind == "call" else "to"
    try:
        if kind == "call":
            return CallTask.model_validate({field: to}).to_number
        return TransferRequest.model_validate({field: to}).to
    except ValidationError as error:
        raise NotDialled(explain(error, {field: to})) from None
