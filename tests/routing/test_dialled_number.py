from __future__ import annotations

from collections.abc import Sequence

import phonenumbers
import pytest
from phonenumbers.phonemetadata import PhoneMetadata

from ari_agent.routing.dialled_number import (
    Dialled,
    dialled_candidates,
    dialled_user,
    number_spellings,
    refused_number,
    stored_endings,
    stored_spellings,
    what_was_dialled,
)

US, DE, GB = "+12025550100", "+493012345678", "+442071234567"


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


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("sip:+12025550100;npdi;rn=+12025550001@pbx;user=phone", US),
        ("+12025550100;phone-context=+1", US),
        ('"Sales; all" <sip:+12025550100:secret@pbx>;tag=1', US),
        ("<sips:%2B12025550100@pbx>", US),
        ("tel:+1-202-555-0100;phone-context=x", "+1-202-555-0100"),
        ("<sip:pbx.example;transport=tcp>", ""),
        ("call_0123", "call_0123"),
    ],
)
def test_parameters_are_no_part_of_what_was_dialled(text: str, user: str) -> None:
    assert dialled_user(text) == user


def test_places_count_in_their_order_and_an_argument_alone() -> None:
    places = {"request_uri": "sip:acct77@pbx", "dnid": "acct77", "to": f"sip:{US}@pbx"}
    places["called_party"] = f"<sip:{DE}@c>"
    assert dialled_candidates(extension="reception", **places) == ("reception", "acct77", US, DE)
    assert dialled_candidates(extension="reception", argument="+1 (202) 555-0100", **places) == (
        "+1 (202) 555-0100",
        US,
    )


@pytest.mark.parametrize("extension", ["s", "h", "i", "t", ""])
def test_special_extensions_are_never_dialled(extension: str) -> None:
    assert dialled_candidates(extension=extension) == ()
    assert dialled_candidates(extension=extension, argument="s", dnid=US) == (US,)
    assert what_was_dialled((), ()) == Dialled("")


@pytest.mark.parametrize(
    ("dialled", "stored", "number"),
    [
        ("2025550100", (US, DE), US),
        ("12025550100", (US, DE), US),
        ("03012345678", (US, DE), DE),
        ("3012345678", (US, DE), DE),
        ("011442071234567", (US, GB), GB),
        ("02071234567", (US, GB), GB),
        ("810442071234567", (US, GB), GB),
        ("01115 12345678", ("+5491112345678",), "+5491112345678"),
        ("800 12345678", ("+80012345678",), "+80012345678"),
        ("12345678", ("+80012345678",), None),
        ("100", ("100", "+100"), "100"),
        ("+2025550100", (US,), None),
        ("2025550100", (US, "+2025550100"), None),
        ("2025550100", ("2025550100", US), "2025550100"),
        ("0012025550100", (US, "12025550100"), US),
        ("reception", ("reception-2",), None),
    ],
)
def test_a_number_is_found_where_exactly_one_fits(dialled: str, stored: Sequence[str], number: str | None) -> None:
    assert what_was_dialled(dialled_candidates(extension=dialled), stored).number == number


def test_the_first_candidate_that_fits_one_number_decides() -> None:
    assert what_was_dialled(("acct77", "2025550100", DE), (US, DE)) == Dialled("2025550100", US)


def test_what_is_looked_for_among_the_stored_numbers() -> None:
    candidates = ("2025550100", "acct77")
    assert stored_endings(candidates) == ("0100",)
    assert set(stored_spellings(candidates)) == {"2025550100", "+2025550100", "acct77"}


def test_who_is_refused_is_told_in_the_log_what_was_dialled_and_what_comes_near() -> None:
    candidates = ("3035550100",)
    dialled = what_was_dialled(candidates, (US,))
    assert (dialled.as_dialled, dialled.number, dialled.near_misses) == ("3035550100", None, (US,))
    refusal = refused_number(dialled, candidates)
    assert refusal.q850_cause == 1
    assert refusal.why == f"no imported number fits what was dialled (3035550100); near misses: {US}"
    assert refused_number(Dialled(""), ()).why == "no imported number fits what was dialled (nothing)"


@pytest.mark.parametrize("region", ["US", "DE", "AU", "JP", "RU", "NG", "CU", "MN"])
def test_the_usual_international_prefixes_are_known(region: str) -> None:
    """Whatever is dialled first there, a British number is found behind it."""
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    prefix = {"AU": "0011"}.get(region, metadata.international_prefix)
    assert phonenumbers.is_possible_number(phonenumbers.parse(f"{prefix}{GB[1:]}", region))
    assert what_was_dialled((f"{prefix}{GB[1:]}",), (GB,)).number == GB
