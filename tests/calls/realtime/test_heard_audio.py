"""What the caller has heard of a model's items: by marks, and for a moment by the clock."""

from __future__ import annotations

from ari_agent.calls.realtime.heard_audio import MAX_ITEMS, PIECE_MS, HeardAudio, HeardItem


def audio(*items: tuple[str, int], listens_s: float | None = 0.0) -> tuple[HeardAudio, list[str]]:
    """Items with so many milliseconds of mu-law, and the names of all marks."""
    heard, marks = HeardAudio(8000), list[str]()
    if listens_s is not None:
        heard.listens(listens_s)
    for item_id, duration_ms in items:
        for piece in heard.pieces(bytes(duration_ms * 8)):
            marks.append(heard.add(item_id, 0, len(piece), 0.0) or "")
    return heard, marks


def test_an_item_is_cut_where_the_caller_was() -> None:
    heard, marks = audio(("a", 1000))
    assert len(marks) == 1000 / PIECE_MS
    heard.played(marks[:2], 0.4)
    assert heard.unheard_ms == 600
    assert heard.cut(0.45) == [HeardItem("a", 0, 1000.0, 450.0)]
    assert heard.is_all_heard
    assert heard.cut(0.5) == []


def test_the_clock_alone_tells_for_a_moment_only() -> None:
    heard, _ = audio(("a", 1000))
    assert [item.heard_ms for item in heard.cut(9.0)] == [PIECE_MS]


def test_before_the_caller_listens_nothing_is_heard() -> None:
    heard, _ = audio(("a", 1000), listens_s=None)
    assert [item.heard_ms for item in heard.cut(9.0)] == [0.0]


def test_what_was_not_begun_was_not_heard() -> None:
    heard, marks = audio(("a", 200), ("b", 400), ("c", 200))
    heard.played(marks[:2], 0.4)
    assert heard.cut(0.5) == [HeardItem("b", 0, 400.0, 300.0), HeardItem("c", 0, 200.0, 0.0)]


def test_an_item_that_goes_on_after_it_was_heard_is_the_same_item() -> None:
    heard, marks = audio(("a", 200))
    heard.played(marks, 0.2)
    assert heard.is_all_heard
    heard.add("a", 0, 1600, 5.0)
    assert heard.cut(5.125) == [HeardItem("a", 0, 400.0, 325.0)]


def test_marks_of_before_a_cut_mean_nothing() -> None:
    heard, marks = audio(("a", 400))
    heard.cut(0.1)
    heard.add("b", 0, 1600, 0.1)
    heard.played(marks, 0.1)
    assert not heard.is_all_heard


def test_a_flood_of_items_is_not_listened_to() -> None:
    heard, marks = audio(*((str(number), 20) for number in range(MAX_ITEMS + 1)))
    assert marks[-1] == ""
    heard.played([], 0.0)
    assert len(heard.cut(0.0)) == MAX_ITEMS
