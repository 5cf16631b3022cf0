"""Phone numbers, and the passwords of their trunks, which are kept and never shown."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from pydantic import ValidationError

from ari_agent.contract.phone_number import PhoneNumberUpdate
from ari_agent.errors import AlreadyStored
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


async def test_of_two_who_register_a_number_at_once_one_succeeds(store: Store) -> None:
    outcomes = await asyncio.gather(*(store.phone_numbers.create(a_number()) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(outcome, AlreadyStored) for outcome in outcomes) == 4


async def test_the_first_spelling_that_is_registered_is_found(store: Store) -> None:
    await store.phone_numbers.create(a_number("1000"))
    await store.phone_numbers.create(a_number("+1000000"))
    find = store.phone_numbers.find
    assert await find(["+1000", "+1000000", "1000"]) == a_number("+1000000")
    assert await find(["1000", "+1000000"]) == a_number("1000")
    assert await find(["2000", "\x00"]) is None
    assert await find([]) is None


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
