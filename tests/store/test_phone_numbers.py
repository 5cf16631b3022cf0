"""Phone numbers, and the passwords of their trunks, which are kept and never shown."""

from __future__ import annotations

import asyncio
import json
import logging
from itertools import pairwise

import pytest
from pydantic import ValidationError

from ari_agent.contract.phone_number import PhoneNumber, PhoneNumberUpdate
from ari_agent.errors import AlreadyStored, FallbackChain
from ari_agent.routing.dialled_number import Dialled
from ari_agent.store.store import Store
from tests.store.samples import a_number

PASSWORD = "s3cret-of-the-trunk"


async def test_a_number_reads_back_with_its_trunk_password(store: Store) -> None:
    await store.phone_numbers.create(a_number())
    found = await store.phone_numbers.get("+12137771235")
    assert found == a_number()
    assert found is not None
    assert found.sip_outbound_trunk_config is not None
    assert found.sip_outbound_trunk_config.auth_password == PASSWORD


async def test_the_trunk_password_is_in_no_json_repr_error_or_log(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await store.phone_numbers.create(a_number())
    with pytest.raises(AlreadyStored) as caught:
        await store.phone_numbers.create(a_number())
    found = await store.phone_numbers.get("+12137771235")
    assert found is not None
    for text in (repr(found), json.dumps(found.as_json()), repr(caught.value), repr(store), caplog.text):
        assert PASSWORD not in text


async def test_an_update_keeps_the_password_and_changes_what_it_names(store: Store) -> None:
    await store.phone_numbers.create(a_number())
    changed = await store.phone_numbers.update(
        "+12137771235", PhoneNumberUpdate.model_validate({"nickname": "desk", "termination_uri": "other.example.com"})
    )
    assert changed is not None
    assert changed.nickname == "desk"
    trunk = changed.sip_outbound_trunk_config
    assert trunk is not None
    assert (trunk.termination_uri, trunk.auth_password) == ("other.example.com", PASSWORD)
    assert await store.phone_numbers.get("+12137771235") == changed


async def test_an_update_that_does_not_fit_changes_nothing(store: Store) -> None:
    await store.phone_numbers.create(a_number())
    with pytest.raises(ValidationError):
        await store.phone_numbers.update("+12137771235", PhoneNumberUpdate(fallback_number="+12137771235"))
    assert await store.phone_numbers.get("+12137771235") == a_number()


def falling_back_to(number: str | None) -> PhoneNumberUpdate:
    return PhoneNumberUpdate(fallback_number=number)


async def test_a_number_and_its_fallback_are_two_and_make_no_chain(store: Store) -> None:
    numbers = store.phone_numbers
    for digit in range(3):
        await numbers.create(a_number(f"+1415777000{digit}"))
    changed = await numbers.update("+14157770000", falling_back_to("+14157770001"))
    assert changed is not None
    assert changed.fallback_number == "+14157770001"
    # the same once more, and another number with the same fallback: no chain
    assert await numbers.update("+14157770000", falling_back_to("+14157770001"))
    assert await numbers.update("+14157770002", falling_back_to("+14157770001"))
    with pytest.raises(FallbackChain, match=r"\+14157770001 is itself the fallback of \+14157770000"):
        await numbers.update("+14157770001", falling_back_to("reception"))
    assert await numbers.update("+14157770002", falling_back_to("reception"))
    with pytest.raises(FallbackChain, match=r"\+14157770002 has a fallback of its own \(reception\)"):
        await numbers.update("+14157770000", falling_back_to("+14157770002"))
    # what no longer is a fallback may have one
    assert await numbers.update("+14157770000", falling_back_to(None))
    assert await numbers.update("+14157770001", falling_back_to("reception"))


@pytest.mark.parametrize("spelling", ["14157770001", "0014157770001", "+14157770001"])
async def test_however_it_is_spelt_a_fallback_is_the_number_it_means(store: Store, spelling: str) -> None:
    numbers = store.phone_numbers
    for digit in range(2):
        await numbers.create(a_number(f"+1415777000{digit}"))
    await numbers.update("+14157770000", falling_back_to(spelling))
    with pytest.raises(FallbackChain, match="is itself the fallback of"):
        await numbers.update("+14157770001", falling_back_to("reception"))
    await numbers.update("+14157770000", falling_back_to("reception"))
    with pytest.raises(FallbackChain, match="has a fallback of its own"):
        await numbers.update("+14157770001", falling_back_to("14157770000"))


async def test_names_that_look_alike_are_different_numbers(store: Store) -> None:
    for name in ("a_c", "abc", "A_C", "next"):
        await store.phone_numbers.create(a_number(name))
    await store.phone_numbers.update("next", falling_back_to("a_c"))
    assert await store.phone_numbers.update("abc", falling_back_to("x"))
    assert await store.phone_numbers.update("A_C", falling_back_to("x"))
    with pytest.raises(FallbackChain):
        await store.phone_numbers.update("a_c", falling_back_to("x"))


async def test_what_other_fields_say_makes_no_chain(store: Store) -> None:
    await store.phone_numbers.create(a_number("1000", nickname='"fallback_number":"1001"'))
    await store.phone_numbers.create(a_number("1001"))
    assert await store.phone_numbers.update("1001", falling_back_to("1002"))


async def test_a_number_that_is_a_fallback_already_is_not_registered_with_one(store: Store) -> None:
    await store.phone_numbers.create(a_number("1000", fallback_number="1001"))
    with pytest.raises(FallbackChain, match="1001 is itself the fallback of 1000"):
        await store.phone_numbers.create(a_number("1001", fallback_number="1002"))
    with pytest.raises(FallbackChain, match="1000 has a fallback of its own"):
        await store.phone_numbers.create(a_number("1003", fallback_number="1000"))
    assert await store.phone_numbers.get("1001") is None
    await store.phone_numbers.create(a_number("1001"))


async def test_updates_of_different_fields_at_the_same_time_are_all_kept(store: Store) -> None:
    await store.phone_numbers.create(a_number())
    wanted = {
        "nickname": "desk",
        "inbound_webhook_url": "https://example.com/inbound",
        "fallback_number": "+14157770000",
        "allowed_inbound_country_list": ["US"],
        "termination_uri": "other.example.com",
    }
    changes = [PhoneNumberUpdate.model_validate({field: value}) for field, value in wanted.items()]
    await asyncio.gather(*(store.phone_numbers.update("+12137771235", change) for change in changes * 4))
    found = await store.phone_numbers.get("+12137771235")
    assert found is not None
    known = found.as_json()
    assert {**known, "termination_uri": known["sip_outbound_trunk_config"]["termination_uri"]}.items() >= wanted.items()


async def test_updates_at_the_same_time_make_no_chain(store: Store) -> None:
    """Each links a number to the next one: whichever come first, no two neighbours may both succeed."""
    for round_ in range(5):
        ring = [f"+1415777{round_}00{digit}" for digit in range(8)]
        for number in ring:
            await store.phone_numbers.create(a_number(number))
        links = list(pairwise([*ring, ring[0]]))
        outcomes = await asyncio.gather(
            *(store.phone_numbers.update(number, falling_back_to(fallback)) for number, fallback in links),
            return_exceptions=True,
        )
        kept = {
            outcome.phone_number: outcome.fallback_number for outcome in outcomes if isinstance(outcome, PhoneNumber)
        }
        assert kept
        assert all(isinstance(outcome, PhoneNumber | FallbackChain) for outcome in outcomes), outcomes
        assert not set(kept) & set(kept.values())
        found = [await store.phone_numbers.get(number) for number in ring]
        assert {n.phone_number: n.fallback_number for n in found if n and n.fallback_number} == kept


async def test_of_two_who_register_a_number_at_once_one_succeeds(store: Store) -> None:
    outcomes = await asyncio.gather(*(store.phone_numbers.create(a_number()) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, AlreadyStored) for outcome in outcomes) == 4


async def test_what_was_dialled_is_found_in_its_likeliest_spelling(store: Store) -> None:
    await store.phone_numbers.create(a_number("1000"))
    await store.phone_numbers.create(a_number("+1000000"))
    dialled = store.phone_numbers.dialled
    assert await dialled(["1000", "+1000000"]) == (Dialled("1000", "1000"), a_number("1000"))
    assert await dialled(["00999", "1000000"]) == (Dialled("1000000", "+1000000"), a_number("+1000000"))
    assert await dialled(["2000", "\x00"]) == (Dialled("2000"), None)
    assert await dialled([]) == (Dialled(""), None)


async def test_an_unknown_number_is_none(store: Store) -> None:
    assert await store.phone_numbers.get("+1") is None
    assert await store.phone_numbers.update("+1", PhoneNumberUpdate()) is None
    assert await store.phone_numbers.delete("+1") is False


async def test_a_deleted_number_is_gone(store: Store) -> None:
    await store.phone_numbers.create(a_number())
    assert await store.phone_numbers.delete("+12137771235")
    assert await store.phone_numbers.get("+12137771235") is None


@pytest.mark.parametrize("ascending", [True, False])
async def test_pages_walk_through_every_number_once(store: Store, ascending: bool) -> None:
    numbers = [f"+155500000{digit}" for digit in range(5)]
    for number in numbers:
        await store.phone_numbers.create(a_number(number))
    seen: list[str] = []
    key = None
    while True:
        page = await store.phone_numbers.list(limit=2, pagination_key=key, ascending=ascending)
        seen += [number.phone_number for number in page.phone_numbers]
        key = page.next_key
        if key is None:
            break
    assert seen == (numbers if ascending else numbers[::-1])


async def test_a_number_that_was_dialled_as_in_its_country_is_found_by_its_ending(store: Store) -> None:
    for phone_number in ("+14155550100", "+12025550100", "100", "+14155550199"):
        await store.phone_numbers.create(a_number(phone_number))
    dialled = store.phone_numbers.dialled
    assert await dialled(["2025550100"]) == (Dialled("2025550100", "+12025550100"), a_number("+12025550100"))
    found, number = await dialled(["5550100"])
    assert number is None and set(found.near_misses) == {"+14155550100", "+12025550100"}
