"""How English is read aloud that is not written in words: rules that replace it, in their order. Pure.

    "Dr. Lee, 12 Main St."     Doctor Lee, twelve Main Street
    "at 7:30 pm on 3/4/2026"   at seven thirty P M on March fourth, twenty twenty-six
    "$12.50, or 5 €"           twelve dollars and fifty cents, or five euros
    "+1 415-555-0123"          plus one, four one five, five five five, zero one two three
    "jo.b@example.com"         jo dot b at example dot com

What no rule finds stays as it is, for the voice to make of it what it can. All digits are ASCII's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from ari_agent.speech.english_words import (
    ABBREVIATIONS,
    CURRENCIES,
    CURRENCY_CODES,
    FRACTIONS,
    MAGNITUDES,
    MARKS_IN_ADDRESSES,
    MONTHS,
    NUMBERED_PARTS,
    PERIODS,
    STREETS,
    TITLES,
    UNITS,
    Currency,
)
from ari_agent.speech.speakable import Found, Replacement
from ari_agent.speech.spoken_numbers import cardinal, digits, in_groups, ordinal, year

Rule = tuple[re.Pattern[str], Replacement]

_NUMBER: Final = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,9})?|[0-9]{1,15}(?:\.[0-9]{1,9})?"
_START: Final = r"(?<![\w.,:/-])"
_END: Final = r"(?![\w])(?![.,:/-][0-9])"
_DASH: Final = r"\s?[-–]\s?"  # noqa: RUF001
_HOUR: Final = r"[0-9]{1,2}"
_DAY: Final = r"(?:0?[1-9]|[12][0-9]|3[01])"
_YEAR: Final = r"(?:1[1-9]|20)[0-9]{2}"
_MONTH_NAME: Final = "|".join(sorted(map(str.capitalize, {*MONTHS, *MONTHS.values()}), key=len, reverse=True))
_HALF: Final = r"[AaPp](?:[Mm]\b|\.\s?[Mm]\.)"
_HALF_OF_DAY: Final = r"(?P<half>[AaPp])(?:[Mm]\b|\.\s?[Mm]\.)"


def _either(words: Mapping[str, object]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


# Addresses of e-mail and of the web


def _address(found: Found) -> str:
    text = re.sub(r"\Ahttps?://", "", found[0], flags=re.IGNORECASE).rstrip("/")
    parts = re.findall(r"[0-9]+|[^\W\d_]+|.", text)
    return " ".join(filter(None, map(_part_of_address, parts)))


def _part_of_address(part: str) -> str:
    if part.isascii() and part.isdigit():
        return cardinal(part) if len(part) <= 2 and part[0] != "0" else digits(part)
    if part.lower() == "www":
        return "w w w"
    return part if part.isalnum() else MARKS_IN_ADDRESSES.get(part, "")


_HOUSE: Final = re.compile(r"(?<!\w)[0-9]+\w{0,2}\s(?:[A-Z][\w.]*\s){1,3}\Z")
_IN_ADDRESS: Final = r"[\w%+~/?#&=:@.-]*[\w/]"
_TOP_LEVEL: Final = "com|org|net|edu|gov|info|app|dev|io|ai|eu|co\\.uk|ac\\.uk|uk|de|fr|nl|ch|ca|com\\.au|co"

# Telephone numbers, codes


_NUMBERED: Final = (
    "account|order|reference|confirmation|ticket|booking|tracking|case|policy|invoice|card|phone|telephone"
)
_BEFORE_CODE: Final = re.compile(
    rf"\b(?:code|pin|ending in|zip|id|extension|ext|flight|room|(?P<of>{_NUMBERED})|"
    rf"(?:{_NUMBERED})(?P<is_number> (?:number|no\.)))"
    r"(?: is|:)? ?\Z",
    re.IGNORECASE,
)


def _telephone(found: Found) -> str:
    groups = re.findall(r"[0-9]+", found[0])
    return ("plus " if found[0].startswith("+") else "") + in_groups(groups)


def _bare_digits(found: Found) -> str:
    number = found[0]
    if len(number) == 10:
        return in_groups((number[:3], number[3:6], number[6:]))
    return in_groups(re.findall(r"[0-9]{1,4}", number) if len(number) % 3 else re.findall(r"[0-9]{3}", number))


def _code(found: Found) -> str:
    before = _BEFORE_CODE.search(found.string[: found.start()])
    if before is None or (before["of"] and not found["hash"]):  # "order 500 bricks" is no code
        return found[0]
    number = "number " if found["hash"] and not before["is_number"] else ""
    return number + in_groups(re.findall(r"[0-9]+", found[0]))


# Times and dates


def _time(found: Found) -> str:
    hour, minute, half = int(found["hour"]), found["minute"] or "00", found["half"]
    if hour > 23 or int(minute) > 59 or (half and not 1 <= hour <= 12):
        return found[0]
    words = cardinal(found["hour"])
    if minute != "00":
        words += f" {cardinal(minute)}" if minute[0] != "0" else f" oh {cardinal(minute)}"
    elif not half:
        words += " o'clock" if 1 <= hour <= 12 else " hundred hours"
    return f"{words} {half.upper()} M{_end_of_text(found)}" if half else words


def _end_of_text(found: Found) -> str:
    """Return the full stop that ends an abbreviation, where it ends the text too."""
    return "." if found[0].endswith(".") and found.end() == len(found.string.rstrip()) else ""


def _until(found: Found) -> str:
    return f"{found[1]} to "


def _month_and_day(found: Found) -> str:
    month = MONTHS.get(found["month"].lower(), found["month"].lower()).capitalize()
    until = found["until"]
    return _date(month, found["day"], found["year"], f" to {ordinal(until)}" if until else "")


def _day_and_month(found: Found) -> str:
    month = MONTHS.get(found["month"].lower(), found["month"].lower()).capitalize()
    spoken = f"the {ordinal(found['day'])} of {month}"
    return f"{spoken}, {year(found['year'])}" if found["year"] else spoken


def _date(month: str, day: str, in_year: str | None, until: str = "") -> str:
    spoken = f"{month} {ordinal(day)}{until}"
    return f"{spoken}, {year(in_year)}" if in_year else spoken


_MONTHS: Final = tuple(dict.fromkeys(MONTHS.values()))


def _numeric_date(found: Found, *, day_first: bool) -> str:
    """Whichever of the two cannot be a month is the day."""
    one, other = int(found["one"]), int(found["other"])
    month, day = (other, one) if (day_first and other <= 12) or one > 12 else (one, other)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return found[0]
    return _date(_MONTHS[month - 1].capitalize(), str(day), found["year"])


# Amounts


def _money(found: Found) -> str:
    sign = (found["sign"] or "").strip()
    currency = CURRENCIES.get(sign) or CURRENCY_CODES[sign.upper()]
    words = _amount(found["amount"], found["magnitude"], currency)
    if found["until"]:
        words = f"{cardinal(found['amount'])} to {_amount(found['until'], found['magnitude'], currency)}"
    return f"minus {words}" if found["minus"] else words


def _amount(number: str, magnitude: str | None, currency: Currency) -> str:
    one, many, cent, cents = currency
    if magnitude:
        return f"{cardinal(number)} {MAGNITUDES[magnitude.lower()]} {many}"
    if re.fullmatch(r"[0-9]+,[0-9]{2}", number):  # as the continent writes it
        number = number.replace(",", ".")
    whole, _, part = number.partition(".")
    if not part or not cent or len(part) > 2:
        return f"{cardinal(number)} {one if number == '1' else many}"
    small = int(part.ljust(2, "0"))
    of_part = f"{cardinal(str(small))} {cent if small == 1 else cents}"
    of_whole = f"{cardinal(whole)} {one if whole == '1' else many}"
    if not small:
        return of_whole
    return f"{of_whole} and {of_part}" if whole.strip("0") else of_part


def _per(found: Found) -> str:
    return f" per {PERIODS.get(found[1], '')}"


def _percent(found: Found) -> str:
    return f"{found[1]} percent"


def _unit(found: Found) -> str:
    one, many = UNITS[found["unit"]]
    return f"{found['number']} {one if found['number'] == '1' else many}"


def _feet_and_inches(found: Found) -> str:
    return f"{found[1]} foot {found[2]}"


# Words that are written short


def _title(found: Found) -> str:
    """What stands between a house's number and a name is no title: "12 Main St. Suite 3"."""
    is_address = _HOUSE.search(found.string[: found.start()])
    return STREETS.get(found[1], found[1]) if is_address else TITLES[found[1]]


def _street(found: Found) -> str:
    return f"{found[1]}{STREETS[found[2]]}{_end_of_text(found)}"


def _abbreviation(found: Found) -> str:
    return ABBREVIATIONS[found[1].lower()] + _end_of_text(found)


def _part(found: Found) -> str:
    return f"{NUMBERED_PARTS[found[1].lower()]} "


# Numbers


def _range(found: Found) -> str:
    return f"{found[1]} to {found[2]}"


def _dotted(found: Found) -> str:
    return " point ".join(cardinal(part) for part in found[0].split("."))


def _fraction(found: Found) -> str:
    if words := FRACTIONS.get(found[0]):
        return words
    return f"{cardinal(found[1])} {cardinal(found[2])}"


def _cardinal(found: Found) -> str:
    sign = "minus " if found["minus"] else ""
    number = found["number"]
    zero_first = len(number) > 1 and number[0] == "0" and number.isdigit()
    return sign + (digits(number) if zero_first else cardinal(number))


_EACH: Final = "month|year|week|day|night|hour|minute|person|item|unit"


def _rule(pattern: str, replacement: Callable[[Found], str], flags: int = 0) -> Rule:
    return re.compile(pattern, flags), replacement


_AMOUNT: Final = rf"(?P<amount>{_NUMBER})(?:{_DASH}(?P<sign_again>[$€£])?(?P<until>{_NUMBER}))?"
_MAGNITUDE: Final = rf"(?:\s?(?P<magnitude>(?i:{_either(MAGNITUDES)}))\b)?"
_SIGNS: Final = _either(CURRENCIES)
_CODES: Final = "|".join(CURRENCY_CODES)


def _numeric_date_of_iso(found: Found) -> str:
    return _numeric_date(found, day_first=False)


def _decade(tens: str) -> str:
    spoken = year(f"{tens}0")
    return f"{spoken[:-1]}ies" if spoken.endswith("y") else f"{spoken}s"


_BEFORE: Final[Sequence[Rule]] = (
    _rule(rf"\bhttps?://{_IN_ADDRESS}|\bwww\.{_IN_ADDRESS}", _address, re.IGNORECASE),
    _rule(r"(?<![\w.@+-])[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}(?![\w@])", _address),
    _rule(rf"(?<![\w.@/-])(?:[a-z0-9-]{{1,63}}\.){{1,4}}(?:{_TOP_LEVEL})\b(?:/{_IN_ADDRESS})?(?![\w@])", _address),
    _rule(rf"\b({_either(NUMBERED_PARTS)})\.\s?(?=[0-9])", _part, re.IGNORECASE),
    _rule(r"(?<![\w.,$€£-])(?P<hash>#?)[0-9]{3,}(?:-[0-9]{2,}| [0-9]{3,})*(?!\w)(?![.,:/%-][0-9])", _code),
    _rule(r"(?<![\w+])\+[0-9](?:[ ().-]{0,2}[0-9]){6,14}(?![\w])", _telephone),
    _rule(r"(?<![\w.,/-])(?:1[ .-])?(?:\([0-9]{3}\) ?|[0-9]{3}[ .-])[0-9]{3}[ .-][0-9]{4}(?![\w])", _telephone),
    _rule(rf"{_START}0[0-9]{{2,5}}(?:[ -][0-9]{{3,8}}){{1,3}}{_END}", _telephone),
    _rule(rf"{_START}[0-9]{{3}}-[0-9]{{4}}{_END}", _telephone),
    _rule(r"(?<![\w.-])[0-9]{4}(?:[ -][0-9]{4}){2,4}(?![\w-])", _telephone),  # a card
    _rule(rf"{_START}(?P<year>{_YEAR})-(?P<one>[0-9]{{2}})-(?P<other>[0-9]{{2}}){_END}", _numeric_date_of_iso),
)
_AFTER: Final[Sequence[Rule]] = (
    _rule(
        rf"\b(?P<month>{_MONTH_NAME})(?:\.|\b)\s(?P<day>{_DAY})(?:st|nd|rd|th)?"
        rf"(?:{_DASH}(?P<until>{_DAY})(?:st|nd|rd|th)?)?(?:,?\s(?P<year>{_YEAR}))?{_END}",
        _month_and_day,
    ),
    _rule(
        rf"{_START}(?:[Tt]he\s)?(?P<day>{_DAY})(?:st|nd|rd|th)?\s(?:of\s)?(?P<month>{_MONTH_NAME})\b"
        rf"(?:\.?,?\s(?P<year>{_YEAR}){_END})?",
        _day_and_month,
    ),
    _rule(rf"{_START}({_HOUR}(?::[0-9]{{2}})?(?:\s?{_HALF})?){_DASH}(?={_HOUR}(?:\s?{_HALF}|:[0-9]))", _until),
    _rule(rf"{_START}(?P<hour>[0-9]{{1,2}}):(?P<minute>[0-9]{{2}})(?::[0-9]{{2}})?(?:\s?{_HALF_OF_DAY}|{_END})", _time),
    _rule(rf"{_START}(?P<hour>[0-9]{{1,2}})(?P<minute>)\s?{_HALF_OF_DAY}", _time),
    _rule(
        rf"(?P<minus>(?<![\w])-)?(?P<sign>{_SIGNS}|\b(?:{_CODES})\s?){_AMOUNT}{_MAGNITUDE}(?![\w])(?![.,][0-9])",
        _money,
    ),
    _rule(
        rf"(?P<minus>(?<![\w])-)?{_START}(?P<amount>[0-9]+,[0-9]{{2}}|{_NUMBER})(?P<until>){_MAGNITUDE}\s?"
        rf"(?P<sign>[€£]|(?:{_CODES})\b)",
        _money,
    ),
    _rule(rf"(?<=\w)/(?:({_either(PERIODS)})(?!\w)|(?=(?:{_EACH})\b))", _per),
    _rule(rf"({_NUMBER})\s?%", _percent),
    _rule(rf"(?<![\w.,/])(?P<number>{_NUMBER})\s?(?P<unit>{_either(UNITS)})(?![\w/])", _unit),
    _rule(rf"(?<![\w.])({_either(TITLES)})(?=\s(?:and\s)?[A-Z])", _title),
    _rule(rf"(?<=[a-z])(\s)({_either(STREETS)})(?!\w)", _street),
    _rule(rf"(?<![\w.])({_either(ABBREVIATIONS)})(?!\w)", _abbreviation, re.IGNORECASE),
    _rule(r"(?:\bNo\.\s?|\bno\.\s|№\s?|#)(?=[0-9])", lambda _: "number "),
    _rule(r"(?<![\w.-])([0-9][0-9,]{0,11})(?:st|nd|rd|th)\b", lambda found: ordinal(found[1])),
    _rule(r"\b((?:1[1-9]|20)[0-9])0s\b", lambda found: _decade(found[1])),
    _rule(r"(?<![\w./:-])([0-9]{1,3})/([0-9]{1,3})(?![\w/])", _fraction),
    _rule(r"(?<![\w.])([0-9])'([0-9]{1,2})(?:\"|\b)", _feet_and_inches),
    _rule(rf"{_START}([0-9]+(?:\.[0-9]+)?){_DASH}([0-9]+(?:\.[0-9]+)?)(?![\w-])", _range),
    _rule(r"(?<![\w.])[0-9]{1,5}(?:\.[0-9]{1,5}){2,4}(?![\w])", _dotted),
    _rule(r"(?<![\w.,])[0-9]{7,}(?<!000)(?![\w])(?![.,][0-9])", _bare_digits),
    _rule(r"(?<![\w.,$-])(?:19|20)[0-9]{2}(?![\w])(?![.,][0-9])", lambda found: year(found[0])),
    _rule(rf"(?P<minus>(?<![\w.)-])-)?(?<![\w.])(?P<number>{_NUMBER}|[0-9]+(?:\.[0-9]+)?)(?![\w])", _cardinal),
    _rule(r"(?<=\w)\s\+\s(?=\w)", lambda _: " plus "),
    _rule(r"(?<=\w)\s=\s(?=\w)", lambda _: " equals "),
    _rule(r"(?<=\w)\s[×*]\s(?=\w)", lambda _: " times "),  # noqa: RUF001
    _rule(r"(?<=\w)\s?&\s?(?=\w)", lambda _: " and "),
)


def _with_dates(*, day_first: bool) -> Sequence[Rule]:
    date = rf"{_START}(?P<one>[0-9]{{1,2}})([/.])(?P<other>[0-9]{{1,2}})\2(?P<year>{_YEAR}){_END}"
    return (*_BEFORE, _rule(date, partial(_numeric_date, day_first=day_first)), *_AFTER)


MONTH_FIRST: Final = _with_dates(day_first=False)
"""The rules where 3/4 is the fourth of March: the United States, and English of nowhere."""
DAY_FIRST: Final = _with_dates(day_first=True)
"""The rules where 3/4 is the third of April: everywhere else."""
