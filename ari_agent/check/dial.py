"""`ari-agent check --dial`: who may be dialled, from each number or one, and why not. Needs no Asterisk.

It asks the same rules as everything that dials. The database tells of numbers and agents, how many calls were placed,
and what they have cost.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from ari_agent.calls.dial_guard import DialGuard
from ari_agent.check.dial_question import Question
from ari_agent.contract.chat_agent import AnyAgent
from ari_agent.contract.destination import MAX_DESTINATION_CHARACTERS, is_extension, read_destination
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.parsing.e164 import require_pseudo_number
from ari_agent.contract.phone_number import PhoneNumber
from ari_agent.contract.price_table import PriceTable, TelephonyPrice
from ari_agent.errors import AriAgentError
from ari_agent.routing.dial_policy import Dial, DialRefused, DialRules
from ari_agent.routing.dial_target import read_target
from ari_agent.store.store import Store

_AT_ONCE: Final = 1000


class NothingToDialFrom(AriAgentError):
    """Raised when the number or the agent that is asked about is not in the database: exit status 1."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a number may dial this. text: one line for people, which names the rule that refuses it."""

    may: bool
    text: str


def verdicts_as_json(verdicts: Sequence[Verdict]) -> str:
    """Return `{"may": ..., "verdicts": [{"may": ..., "text": ...}]}`; the first `may` is true where each of them is."""
    told = [{"may": verdict.may, "text": verdict.text} for verdict in verdicts]
    return json.dumps({"may": all(verdict.may for verdict in verdicts), "verdicts": told}, ensure_ascii=False)


async def check_dial(
    question: Question, database_url: str, policy: DialPolicy, *, now_ms: int, prices: PriceTable | None = None
) -> Sequence[Verdict]:
    """Say for each number whether it may dial; for the workspace alone where there is none. policy: the workspace's.

    prices: what calls cost by, which is told too; None where that is not known.

    Raises:
        NothingToDialFrom: the number or the agent is not there.
        StoreError: the database cannot be read.
    """
    store = Store(database_url)
    try:
        if await store.is_made():
            guard = DialGuard(DialRules(policy), store, now_ms=lambda: now_ms, prices=prices)
            return await _verdicts(question, store, guard, is_priced=prices is not None)
    finally:
        await store.close()
    if missing := question.from_number or question.agent_id:
        raise NothingToDialFrom(f"{missing} is not known: there is no database yet")
    return [verdict_of(question, DialRules(policy))]


async def _verdicts(question: Question, store: Store, guard: DialGuard, *, is_priced: bool) -> Sequence[Verdict]:
    agent = await store.agents.any(question.agent_id) if question.agent_id else None
    if question.agent_id and agent is None:
        raise NothingToDialFrom(f"agent {question.agent_id} not found")
    numbers: list[PhoneNumber | None] = [*await _numbers(question.from_number, store)]
    found = []
    for number in numbers or [None]:
        verdict, dial = verdict_of(question, guard.rules, number, agent), Dial(question.to, number, agent)
        if verdict.may:
            if is_priced and not is_extension(question.to):
                verdict = replace(verdict, text=f"{verdict.text}, {_priced(guard.price(dial))}")
            try:
                await guard.check(dial)
            except DialRefused as refusal:  # by a limit: the rules alone have let it pass
                verdict = _refused(_who(number), refusal)
        found.append(verdict)
    return found


async def _numbers(only: str | None, store: Store) -> Sequence[PhoneNumber]:
    if only is None:
        page = await store.phone_numbers.list(limit=_AT_ONCE)
        found = [*page.phone_numbers]
        while page.next_key:
            page = await store.phone_numbers.list(limit=_AT_ONCE, pagination_key=page.next_key)
            found += page.phone_numbers
        return found
    number = await store.phone_numbers.get(only)
    if number is None:
        raise NothingToDialFrom(f"phone number {only} not found; it must be written as it was imported")
    return [number]


def verdict_of(
    question: Question, rules: DialRules, number: PhoneNumber | None = None, agent: AnyAgent | None = None
) -> Verdict:
    """Say whether this may be dialled, as far as no count of calls decides it. number, agent: by whom, if by one."""
    who = _who(number)
    try:
        to = _read(question.to)
        rules.check(Dial(to, number, agent))
    except DialRefused as refusal:
        return _refused(who, refusal)
    except ValueError as error:
        return Verdict(may=False, text=f"{who}: {error}")
    target = read_target(to, home=Dial(to, number).home)
    return Verdict(may=True, text=f"{who}: {to} may be dialled: {target.in_words}")


def _read(to: str) -> str:
    """Return a destination of a transfer or, where it is none, one of a call. Raises ValueError: it is neither."""
    if len(to) > MAX_DESTINATION_CHARACTERS:
        raise ValueError(f"a destination has at most {MAX_DESTINATION_CHARACTERS} characters, and this one {len(to)}")
    try:
        return read_destination(to)
    except ValueError as error:
        try:
            return require_pseudo_number(to)
        except ValueError:
            raise error from None


def _refused(who: str, refusal: DialRefused) -> Verdict:
    return Verdict(may=False, text=f"{who}: refused by {refusal.rule}: {refusal}")


def _who(number: PhoneNumber | None) -> str:
    return number.phone_number if number else "any number"


def _priced(price: TelephonyPrice | None) -> str:
    return f"at {price.cents_per_minute} cents a minute" if price else "at a price that ARI_AGENT_PRICES does not tell"
