from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from ari_agent.check.finding import Finding, Status, failed, ok, skipped
from ari_agent.check.report import Entry
from ari_agent.check.runner import Check, run_checks
from ari_agent.errors import StoreError

Look = Callable[[str], Awaitable[list[Finding]]]


async def fine(subject: str) -> list[Finding]:
    return ok(f"{subject} is there")


async def away(_: str) -> list[Finding]:
    return failed("nobody is there", "go and look")


async def unseen(_: str) -> list[Finding]:
    return skipped("there is none")


async def hangs(_: str) -> list[Finding]:
    await asyncio.Event().wait()
    raise AssertionError("it ended")


async def raises(_: str) -> list[Finding]:
    raise StoreError("the disk is full")


async def broken(_: str) -> list[Finding]:
    raise ZeroDivisionError("secret")


async def statuses(*checks: Check[str], patience_s: float = 5.0, whole_s: float = 10.0) -> list[str]:
    entries = await run_checks(checks, "it", patience_s=patience_s, whole_s=whole_s)
    assert [entry.name for entry in entries] == [check.name for check in checks]
    return [f"{entry.finding.status.value}: {entry.finding.what}" for entry in entries]


async def test_each_finding_has_the_group_and_name_of_its_check_in_the_order_of_the_table() -> None:
    entries = await run_checks([Check("A", "one", fine), Check("B", "two", away)], "it")
    assert [(entry.group, entry.name, entry.finding.status) for entry in entries] == [
        ("A", "one", Status.OK),
        ("B", "two", Status.FAILED),
    ]


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (hangs, "failed: no answer within 0 s"),
        (raises, "failed: the disk is full"),
        (broken, "failed: the check itself broke: ZeroDivisionError"),
    ],
)
async def test_a_check_that_does_not_come_back_hides_no_other(look: Look, told: str) -> None:
    checks = Check("A", "odd", look), Check("A", "other", fine)
    assert await statuses(*checks, patience_s=0.05) == [told, "ok: it is there"]


async def test_what_needs_a_check_that_was_not_ok_is_skipped_and_so_is_what_needs_that() -> None:
    found = await statuses(
        Check("A", "first", away),
        Check("A", "second", fine, needs=("first",)),
        Check("A", "third", fine, needs=("second",)),
        Check("A", "none", unseen),
        Check("A", "fourth", fine, needs=("none",)),
        Check("A", "alone", fine),
    )
    assert found == [
        "failed: nobody is there",
        "skipped: not looked at: first has to be ok first",
        "skipped: not looked at: second has to be ok first",
        "skipped: there is none",
        "skipped: not looked at: none has to be ok first",
        "ok: it is there",
    ]


async def test_all_together_end_in_time_also_one_after_the_other() -> None:
    checks = [Check("A", "0", fine)]
    checks += [Check("A", str(n + 1), hangs, needs=("0",)) for n in range(50)]
    found = await statuses(*checks, patience_s=3600, whole_s=0.1)
    assert found[1:] == ["failed: no answer within 0 s"] * 50


async def test_what_each_check_has_found_is_told_as_soon_as_it_has() -> None:
    told: list[list[str]] = []
    others_told = asyncio.Event()

    def tell(entries: Sequence[Entry]) -> None:
        told.append([entry.name for entry in entries])
        if len(told) == 2:
            others_told.set()

    async def last(_: str) -> list[Finding]:
        await others_told.wait()
        return [*ok("one"), *ok("two")]

    checks = [Check("A", "last", last), Check("A", "first", fine), Check("A", "next", away)]
    entries = await run_checks(checks, "it", tell=tell)
    assert told == [["first"], ["next"], ["last", "last"]]
    assert [entry.name for entry in entries] == ["last", "last", "first", "next"]
