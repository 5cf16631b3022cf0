"""Links to artefacts: who may fetch what, and for how long."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from ari_agent.artefacts.artefact_name import ArtefactName
from ari_agent.artefacts.links import Links

NAME = ArtefactName("call_1", "recording.wav")
NOW_MS = 1_760_000_000_000
LINKS = Links("https://pbx.example.com", Links.key_of("key_1"), 3600)


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def test_a_link_that_does_not_expire_is_good_for_ever() -> None:
    url = LINKS.url(NAME, expires=False, now_ms=NOW_MS)
    assert url.startswith("https://pbx.example.com/artefacts/call_1/recording.wav?signature=")
    assert LINKS.refusal(NAME, query_of(url), now_ms=NOW_MS * 2) is None


def test_a_link_that_expires_is_good_for_its_lifetime() -> None:
    query = query_of(LINKS.url(NAME, expires=True, now_ms=NOW_MS))
    assert LINKS.refusal(NAME, query, now_ms=NOW_MS + 3_600_000) is None
    assert "expired" in (LINKS.refusal(NAME, query, now_ms=NOW_MS + 3_601_000) or "")


@pytest.mark.parametrize(
    ("lifetime_ms", "good_ms"), [(1, 1000), (1000, 1000), (1001, 2000), (90_000_000, 90_000_000), (2**31 - 1, 2**31)]
)
def test_an_agents_own_lifetime_goes_before_the_setting_and_is_never_shortened(lifetime_ms: int, good_ms: int) -> None:
    query = query_of(LINKS.url(NAME, expires=True, lifetime_ms=lifetime_ms, now_ms=NOW_MS))
    assert LINKS.refusal(NAME, query, now_ms=NOW_MS + lifetime_ms) is None
    assert "expired" in (LINKS.refusal(NAME, query, now_ms=NOW_MS + good_ms + 1000) or "")
    assert "expires" not in query_of(LINKS.url(NAME, expires=False, lifetime_ms=lifetime_ms, now_ms=NOW_MS))


def expiring() -> dict[str, str]:
    return query_of(LINKS.url(NAME, expires=True, now_ms=NOW_MS))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"signature": ""},
        {"signature": "x" * 43},
        {"signature": "é\udcff"},
        {**expiring(), "expires": "9999999999"},
        {**expiring(), "expires": "soon"},
        {**expiring(), "expires": "\udcff"},
        {"signature": expiring()["signature"]},
    ],
)
def test_a_link_that_was_changed_is_refused(query: dict[str, str]) -> None:
    assert "signature" in (LINKS.refusal(NAME, query, now_ms=NOW_MS) or "")


@pytest.mark.parametrize("other", [ArtefactName("call_2", NAME.file), ArtefactName("call_1", "other.wav")])
def test_a_link_is_good_for_one_artefact(other: ArtefactName) -> None:
    assert LINKS.refusal(other, expiring(), now_ms=NOW_MS) is not None


def test_another_api_key_makes_all_links_void() -> None:
    others = Links(LINKS.base_url, Links.key_of("key_2"), 3600)
    assert others.refusal(NAME, expiring(), now_ms=NOW_MS) is not None
    assert "key_1" not in repr(LINKS)
    assert str(LINKS.key) not in repr(LINKS)


def test_links_that_expire_are_made_anew() -> None:
    old = LINKS.url(NAME, expires=True, now_ms=NOW_MS - 10**9)
    call = {"call_id": "call_1", "opt_in_signed_url": True, "recording_url": old, "public_log_url": None}
    renewed = LINKS.renewed(call, now_ms=NOW_MS)
    assert renewed == {**call, "recording_url": LINKS.url(NAME, expires=True, now_ms=NOW_MS)}


def test_they_are_made_anew_with_the_lifetime_of_the_calls_agent() -> None:
    old = LINKS.url(NAME, expires=True, now_ms=0)
    call = {"call_id": "call_1", "opt_in_signed_url": True, "signed_url_expiration_ms": 5000, "recording_url": old}
    renewed = query_of(LINKS.renewed(call, now_ms=NOW_MS)["recording_url"])
    assert int(renewed["expires"]) * 1000 == NOW_MS + 5000


@pytest.mark.parametrize(
    "call",
    [
        {"call_id": "call_1", "recording_url": LINKS.url(NAME, expires=False, now_ms=NOW_MS)},
        {"call_id": "call_2", "opt_in_signed_url": True, "recording_url": LINKS.url(NAME, expires=True, now_ms=0)},
        {"call_id": "call_1", "opt_in_signed_url": True, "recording_url": "https://elsewhere.example.com/a.wav"},
        {"call_id": "call_1", "opt_in_signed_url": True, "recording_url": "https://[/artefacts/call_1/recording.wav"},
        {"call_id": "call_1", "opt_in_signed_url": True, "transcript": "http://x/artefacts/call_1/recording.wav"},
    ],
    ids=["does not expire", "of another call", "elsewhere", "no URL", "another field"],
)
def test_nothing_else_becomes_a_link(call: dict[str, object]) -> None:
    assert LINKS.renewed(call, now_ms=NOW_MS) == call
