from __future__ import annotations

import pytest

from ari_agent.routing.dialled_number import number_spellings


@pytest.mark.parametrize(
    ("dialled", "spellings"),
    [
        ("+15551234567", ("+15551234567", "15551234567")),
        ("15551234567", ("15551234567", "+15551234567")),
        ("0049301234", ("0049301234", "+49301234")),
        ("100", ("100", "+100")),
        ("reception", ("reception",)),
    ],
)
def test_a_number_is_found_in_each_spelling(dialled: str, spellings: tuple[str, ...]) -> None:
    found = number_spellings(dialled)
    assert found[0] == dialled
    assert set(spellings) <= set(found)
