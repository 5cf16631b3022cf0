from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.parsing import language
from ari_agent.contract.parsing.language import TimeZone

ZONE: TypeAdapter[str] = TypeAdapter(TimeZone)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Etc/GMT+5", "UTC", "America/Argentina/Buenos_Aires"])
def test_zones_are_taken_with_and_without_a_database(monkeypatch: pytest.MonkeyPatch, zone: str, known: bool) -> None:
    monkeypatch.setattr(language, "_known_zones", lambda: frozenset({zone} if known else ()))
    assert ZONE.validate_python(zone) == zone


@pytest.mark.parametrize("zone", ["", "Mars/Olympus Mons", "../etc/passwd", "/UTC", "a" * 65])
def test_what_is_no_zone_is_refused_with_and_without_a_database(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    for known in (frozenset({"UTC"}), frozenset()):
        monkeypatch.setattr(language, "_known_zones", lambda found=known: found)
        with pytest.raises(ValidationError):
            ZONE.validate_python(zone)
