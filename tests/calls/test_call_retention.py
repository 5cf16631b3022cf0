"""What is left of a call once it is forgotten: rows of every table and files are counted."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select, update

from ari_agent.artefacts.artefact_store import ArtefactStore
from ari_agent.artefacts.artefacts import Artefacts
from ari_agent.artefacts.links import Links
from ari_agent.artefacts.spool import Spool
from ari_agent.calls.call_retention import CallRetention, forget_call
from ari_agent.contract.call_recovery import CallRecovery
from ari_agent.contract.chat import Chat
from ari_agent.contract.retention_days import RetentionDays
from ari_agent.contract.webhook_event import WebhookEventName
from ari_agent.errors import ArtefactError
from ari_agent.store.call_records import DAY_MS
from ari_agent.store.chats import GoesOn
from ari_agent.store.database import Database
from ari_agent.store.store import Store
from ari_agent.store.tables import calls, chats, metadata, outbox
from tests.calls.test_record import agent
from tests.fakes.preloaded import run_and_read
from tests.store.samples import START_MS, a_call, an_event

pytestmark = pytest.mark.slow

FILES = ("recording.wav", "recording_multi_channel.wav", "log.jsonl")
CONTENT = {
    "transcript": "User: My secret.\n",
    "transcript_object": [{"role": "user", "content": "My secret.", "words": []}],
    "transcript_with_tool_calls": [
        {"role": "user", "content": "My secret.", "words": []},
        {"role": "tool_call_invocation", "tool_call_id": "1", "name": "look_up", "arguments": '{"secret": 1}'},
    ],
    "metadata": {"order": "7"},
    "recording_url": "http://127.0.0.1/recording.wav",
    "public_log_url": "http://127.0.0.1/log.jsonl",
}


@dataclass
class Place:
    """A database and a store of files in one folder."""

    store: Store
    database: Database
    artefacts: Artefacts
    folder: Path

    @classmethod
    async def opened(cls, folder: Path) -> Place:
        url = f"sqlite:///{folder}/calls.db"
        store, files = Store(url, now_ms=lambda: START_MS), ArtefactStore(str(folder / "files"))
        await store.open()
        spool = Spool(folder / "spool", files)
        return cls(store, Database(url), Artefacts(spool, files, Links("http://127.0.0.1", b"key", 60)), folder)

    async def put(
        self, call_id: str, *, status: str = "ended", days: int | None = None, start_ms: int = START_MS
    ) -> None:
        """Store a call with all that calls leave behind; one webhook was delivered, one is dead."""
        call = a_call(call_id, call_status=status, start_timestamp=start_ms, **CONTENT)
        names = (WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED)
        await self.store.calls.save(
            call, [an_event(call_id, name) for name in names], CallRecovery(retention_days=days)
        )
        await self.settle(call_id, *names)
        for file in FILES:
            self.add_file(call_id, file)

    async def put_chat(
        self, chat_id: str, *, status: str = "ended", days: int | None = None, start_ms: int = START_MS, **said: object
    ) -> None:
        """Store a chat in the same way; one that is over waits for its analysis."""
        values = {"agent_id": "agent_1", "version": 0, "chat_type": "api_chat", "start_timestamp": start_ms, **said}
        chat = Chat.model_validate({"chat_id": chat_id, "chat_status": status, **values})
        names = (WebhookEventName.CHAT_STARTED, WebhookEventName.CHAT_ENDED)
        goes_on = GoesOn(
            agent(data_storage_retention_days=days), analysis_due_ms=START_MS if status == "ended" else None
        )
        await self.store.chats.save(chat, [an_event(chat_id, name) for name in names], goes_on=goes_on)
        await self.settle(chat_id, *names)

    async def settle(self, call_id: str, delivered: WebhookEventName, dead: WebhookEventName) -> None:
        """Note that the one webhook was delivered and the other given up."""
        for state, name in (("delivered", delivered), ("dead", dead)):
            this = (outbox.c.call_id == call_id) & (outbox.c.event == name.value)
            await self.database.run(update(outbox).where(this).values(state=state, settled_ms=START_MS))

    def add_file(self, call_id: str, file: str, *, written_ms: int = START_MS) -> None:
        path = self.folder / "files" / call_id / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"audio")
        os.utime(path, (written_ms / 1000, written_ms / 1000))

    def retention(self, now_ms: int, *, pause_s: float = 0.0, **days: int) -> CallRetention:
        return CallRetention(
            self.store, self.artefacts, RetentionDays(**days), now_ms=lambda: now_ms, pause_s=pause_s, interval_s=0.0
        )

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.folder / "files")) for path in (self.folder / "files").rglob("*.*"))

    async def rows(self) -> Mapping[str, int]:
        """How many rows each table has; those that have none are left out."""

        def count(connection: Connection) -> Mapping[str, int]:
            tables = metadata.tables.values()
            counted = {
                each.name: connection.execute(select(func.count()).select_from(each)).scalar_one() for each in tables
            }
            return {name: rows for name, rows in counted.items() if rows}

        return await self.database.read(count)

    async def chats_with(self, text: str) -> list[str]:
        """The ids of the chats in whose records this text is."""
        rows = await self.database.rows(select(chats.c.chat_id, chats.c.document).order_by(chats.c.chat_id))
        return [row.chat_id for row in rows if text in row.document]

    async def call_ids(self) -> list[str]:
        rows = await self.database.rows(select(calls.c.call_id).order_by(calls.c.call_id))
        return [row.call_id for row in rows]

    async def close(self) -> None:
        await self.database.close()
        await self.store.close()
        await self.artefacts.spool.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    place = await Place.opened(tmp_path)
    yield place
    await place.close()


def after(days: float) -> int:
    return START_MS + round(days * DAY_MS)


async def test_of_a_deleted_call_no_row_and_no_file_is_left(place: Place) -> None:
    await place.put("call_1")
    assert set(await place.rows()) == {"calls", "call_attributes", "call_tool_calls", "outbox"}
    await place.put("call_2")
    assert await forget_call(place.store, place.artefacts, "call_1")
    assert await place.call_ids() == ["call_2"]
    assert place.files() == [f"call_2/{file}" for file in sorted(FILES)]
    await forget_call(place.store, place.artefacts, "call_2")
    assert await place.rows() == {}
    assert place.files() == []
    assert not (place.folder / "files" / "call_1").exists()
    assert not await forget_call(place.store, None, "call_1")


async def test_what_limits_count_of_a_deleted_call_goes_with_its_day(place: Place) -> None:
    await place.store.calls.save(a_call(call_status="ended", direction="outbound", from_number="+12137771235"))
    await forget_call(place.store, place.artefacts, "call_1")
    assert await place.rows() == {"call_attributes": 3}
    await place.retention(after(0.9)).sweep()
    assert await place.store.dialled.count("number", "+12137771235", since_ms=START_MS) == 1
    await place.retention(after(1.1)).sweep()
    assert await place.rows() == {}


async def test_what_is_owed_of_a_deleted_call_is_sent_and_then_forgotten(place: Place) -> None:
    ended, analyzed = WebhookEventName.CALL_ENDED, WebhookEventName.CALL_ANALYZED
    await place.store.calls.save(a_call(call_status="ended"), [an_event(event=ended), an_event(event=analyzed)])
    await forget_call(place.store, place.artefacts, "call_1")
    (first,) = await place.store.outbox.due(START_MS, 10)
    await place.store.outbox.delivered(first.outbox_id)
    (second,) = await place.store.outbox.due(START_MS, 10)
    await place.store.outbox.failed(second.outbox_id, "answered 500", None)
    assert await place.store.outbox.dead_letters() == []
    assert not any(row.body for row in await place.database.rows(select(outbox.c.body)))


async def test_where_the_files_cannot_be_removed_the_record_stays(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ArtefactError("the store is away")

    await place.put("call_1", days=1)
    monkeypatch.setattr(ArtefactStore, "delete", away)
    with pytest.raises(ArtefactError):
        await forget_call(place.store, place.artefacts, "call_1")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await place.retention(after(2)).run()  # goes on, round after round
    assert await place.call_ids() == ["call_1"]
    monkeypatch.undo()
    await place.retention(after(2)).sweep()
    assert await place.call_ids() == []
    assert place.files() == []


@pytest.mark.parametrize(
    ("days", "left"), [(6.9, ["by_agent", "by_us", "live"]), (7.1, ["by_us", "live"]), (30.1, ["live"])]
)
async def test_calls_go_when_their_time_is_up_by_their_agent_or_by_us(
    place: Place, days: float, left: list[str]
) -> None:
    await place.put("by_agent", days=7)
    await place.put("by_us")
    await place.put("live", status="ongoing", days=7)
    await place.retention(after(days), records=30).sweep()
    assert await place.call_ids() == left
    assert {file.partition("/")[0] for file in place.files()} == set(left)


async def test_without_a_setting_calls_are_kept_for_ever(place: Place) -> None:
    await place.put("call_1")
    await place.retention(after(10_000)).sweep()
    assert await place.call_ids() == ["call_1"]
    assert len(place.files()) == len(FILES)


async def test_the_agents_days_survive_whoever_stores_the_record_again(place: Place) -> None:
    await place.put("call_1", days=7)
    stored = await place.store.calls.get_stored("call_1")
    assert stored
    assert stored.recovery.retention_days == 7
    recovery = CallRecovery.of(
        agent(pii_config={"mode": "post_call", "categories": ["email"]}, data_storage_retention_days=9)
    )
    await place.store.calls.save(stored.call, (), recovery)
    again = await place.store.calls.get_stored("call_1")
    assert again
    assert again.recovery == recovery


async def test_the_agents_days_stay_where_the_last_record_comes_without_them(place: Place) -> None:
    await place.put("call_1", days=7)
    await place.store.calls.save(a_call("call_1", call_status="ended"))  # as of a registered call that nobody joined
    await place.retention(after(7.1)).sweep()
    assert await place.call_ids() == []


async def test_transcripts_recordings_and_logs_go_before_their_calls(place: Place) -> None:
    await place.put("call_1")
    days = {"transcripts": 10, "recordings": 20, "logs": 30}
    await place.retention(after(9), **days).sweep()
    call = await place.store.calls.get("call_1")
    assert call
    assert call.transcript == "User: My secret.\n"
    await place.retention(after(11), **days).sweep()
    row = (await place.database.rows(select(calls)))[0]
    assert "secret" not in f"{row.document}{row.amendments}{row.list_item}"
    assert set(await place.rows()) == {"calls", "call_attributes"}  # neither tool calls nor webhooks that tell them
    assert len(place.files()) == len(FILES)
    await place.retention(after(21), **days).sweep()
    assert place.files() == ["call_1/log.jsonl"]
    await place.retention(after(31), **days).sweep()
    assert place.files() == []
    call = await place.store.calls.get("call_1")
    assert call
    assert (call.recording_url, call.public_log_url, call.metadata) == (None, None, {"order": "7"})
    await place.retention(after(32), **days).sweep()  # finds nothing more to do
    rows = await place.database.rows(select(calls.c.forgotten))
    assert [row.forgotten for row in rows] == [7]


async def test_files_without_a_record_go_when_they_are_a_day_old(place: Place) -> None:
    place.add_file("call_gone", "recording.wav")
    await place.retention(after(2)).sweep()
    assert place.files() == ["call_gone/recording.wav"]  # there is no record at all: the database may be a new one
    await place.put("call_1")
    place.add_file("call_new", "recording.wav", written_ms=after(1.5))
    await place.retention(after(2)).sweep()
    assert place.files() == [*(f"call_1/{file}" for file in sorted(FILES)), "call_new/recording.wav"]


@pytest.mark.parametrize(
    ("setting", "left"),
    [
        ("everything", FILES),
        ("everything_except_pii", ("log.jsonl", "scrubbed_recording.wav")),
        ("basic_attributes_only", ()),
    ],
)
async def test_files_go_that_their_calls_setting_excludes(place: Place, setting: str, left: tuple[str, ...]) -> None:
    await place.put("call_1")
    await place.store.calls.update_fields("call_1", {"data_storage_setting": setting})
    if setting != "everything":
        place.add_file("call_1", "scrubbed_recording.wav")
    await place.retention(after(2)).sweep()
    assert place.files() == [f"call_1/{file}" for file in sorted(left)]


async def test_of_very_many_files_each_is_looked_at(place: Place) -> None:
    await place.put("call_1")
    for number in range(250):
        place.add_file(f"call_gone_{number}", "recording.wav")
    await place.retention(after(2)).sweep()
    assert {file.partition("/")[0] for file in place.files()} == {"call_1"}


async def test_a_record_that_cannot_be_read_does_not_keep_the_others(place: Place) -> None:
    for call_id in ("call_1", "call_2"):
        await place.put(call_id)
    await place.database.run(update(calls).where(calls.c.call_id == "call_1").values(document="{"))
    await place.retention(after(11), transcripts=10).sweep()
    rows = await place.database.rows(select(calls.c.call_id, calls.c.forgotten).order_by(calls.c.call_id))
    assert [(row.call_id, row.forgotten) for row in rows] == [("call_1", 0), ("call_2", 1)]


async def test_chats_are_deleted_as_calls_are(place: Place) -> None:
    await place.put_chat("by_agent", days=7)
    await place.put_chat("by_us")
    await place.put_chat("live", status="ongoing", days=7)
    assert len(await place.store.analyses.waiting_chats(9)) == 2
    await place.retention(after(7.1)).sweep()
    assert sorted([chat.chat_id for chat in (await place.store.chats.list()).chats]) == ["by_us", "live"]
    await place.retention(after(31), records=30).sweep()
    assert [chat.chat_id for chat in (await place.store.chats.list()).chats] == ["live"]
    assert await place.store.analyses.waiting_chats(9) == []
    assert await place.rows() == {"chats": 1, "outbox": 2}
    await place.store.chats.delete("live")
    assert await place.rows() == {}


async def test_what_was_written_in_chats_goes_before_them(place: Place) -> None:
    said: dict[str, Any] = {
        "transcript": "User: My secret.\n",
        "message_with_tool_calls": [{"role": "user", "content": "My secret."}],
    }
    for chat_id, status in (("old", "ended"), ("failed", "error"), ("live", "ongoing"), ("broken", "ended")):
        await place.put_chat(chat_id, status=status, **said)
    await place.put_chat("new", start_ms=after(5), **said)
    await place.database.run(update(chats).where(chats.c.chat_id == "broken").values(document="{"))
    await place.retention(after(9), transcripts=10).sweep()
    assert await place.chats_with("secret") == ["failed", "live", "new", "old"]
    await place.retention(after(11), transcripts=10).sweep()
    assert await place.chats_with("secret") == ["live", "new"]
    assert await place.chats_with("agent_1") == ["failed", "live", "new", "old"]
    assert (await place.rows())["outbox"] == 2 * 3
    assert await place.store.chats.remembered(began_before_ms=after(1), limit=9) == ["broken"]
    await place.retention(after(11), transcripts=10).sweep()  # finds nothing more to do


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("call", {"calls": 1, "call_attributes": 1, "call_tool_calls": 1, "outbox": 2}),
        ("chat", {"chats": 1, "outbox": 2}),
    ],
)
async def test_a_sweep_that_is_killed_half_way_is_finished_by_the_next(
    tmp_path: Path, kind: str, left: Mapping[str, int]
) -> None:
    place = await Place.opened(tmp_path)
    put = place.put if kind == "call" else place.put_chat
    for number in range(40):
        await put(f"{kind}_{number:02}")
    await put(f"{kind}_new", start_ms=after(30))
    process, printed = await run_and_read("tests.calls.sweeping_process", str(tmp_path), str(after(31)))
    while int(await printed.readline()) > 25:
        pass
    process.kill()
    await process.wait()
    assert 1 < (await place.rows())[f"{kind}s"] < 40
    await place.retention(after(31), records=30).sweep()
    assert await place.rows() == left
    assert place.files() == [f"call_new/{file}" for file in sorted(FILES) if kind == "call"]
    await place.close()
