"""The words for what English writes short: currencies, units, months, titles, streets and abbreviations. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Currency = tuple[str, str, str, str]
"""One of it and many of it; one and many of its hundredth part, "" where it has none that is spoken."""

_DOLLAR: Final = ("dollar", "dollars", "cent", "cents")
_EURO: Final = ("euro", "euros", "cent", "cents")
_POUND: Final = ("pound", "pounds", "penny", "pence")
_YEN: Final = ("yen", "yen", "", "")
_RUPEE: Final = ("rupee", "rupees", "paisa", "paise")

CURRENCIES: Final[Mapping[str, Currency]] = {
    "$": _DOLLAR,
    "US$": ("U S dollar", "U S dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "€": _EURO,
    "£": _POUND,
    "¥": _YEN,
    "₹": _RUPEE,
}
CURRENCY_CODES: Final[Mapping[str, Currency]] = {
    "USD": _DOLLAR,
    "EUR": _EURO,
    "GBP": _POUND,
    "JPY": _YEN,
    "INR": _RUPEE,
    "CHF": ("Swiss franc", "Swiss francs", "", ""),
    "CAD": CURRENCIES["C$"],
    "AUD": CURRENCIES["A$"],
}
MAGNITUDES: Final[Mapping[str, str]] = {
    "thousand": "thousand",
    "k": "thousand",
    "million": "million",
    "m": "million",
    "mn": "million",
    "billion": "billion",
    "bn": "billion",
    "b": "billion",
    "trillion": "trillion",
}
MONTHS: Final[Mapping[str, str]] = {
    "jan": "january",
    "feb": "february",
    "mar": "march",
    "apr": "april",
    "may": "may",
    "jun": "june",
    "jul": "july",
    "aug": "august",
    "sep": "september",
    "sept": "september",
    "oct": "october",
    "nov": "november",
    "dec": "december",
}
UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"),
    "m²": ("square meter", "square meters"),
    "ft": ("foot", "feet"),
    "sq ft": ("square foot", "square feet"),
    "sq. ft.": ("square foot", "square feet"),
    "yd": ("yard", "yards"),
    "mi": ("mile", "miles"),
    "kg": ("kilogram", "kilograms"),
    "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "kW": ("kilowatt", "kilowatts"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "KB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "GHz": ("gigahertz", "gigahertz"),
    "MHz": ("megahertz", "megahertz"),
    "ms": ("millisecond", "milliseconds"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "hr": ("hour", "hours"),
    "hrs": ("hour", "hours"),
    "yrs": ("year", "years"),
}
PERIODS: Final[Mapping[str, str]] = {"mo": "month", "yr": "year", "wk": "week", "hr": "hour", "min": "minute"}
TITLES: Final[Mapping[str, str]] = {
    "Dr.": "Doctor",
    "Dr": "Doctor",
    "Mr.": "Mister",
    "Mr": "Mister",
    "Mrs.": "Missus",
    "Mrs": "Missus",
    "Ms.": "Miz",
    "Ms": "Miz",
    "Prof.": "Professor",
    "Rev.": "Reverend",
    "Sgt.": "Sergeant",
    "Capt.": "Captain",
    "Lt.": "Lieutenant",
    "St.": "Saint",
}
"""Before a name."""
STREETS: Final[Mapping[str, str]] = {
    "St.": "Street",
    "St": "Street",
    "Ave.": "Avenue",
    "Ave": "Avenue",
    "Blvd.": "Boulevard",
    "Blvd": "Boulevard",
    "Rd.": "Road",
    "Rd": "Road",
    "Dr.": "Drive",
    "Ln.": "Lane",
    "Hwy.": "Highway",
    "Hwy": "Highway",
    "Sq.": "Square",
    "Pkwy": "Parkway",
}
"""After a name."""
ABBREVIATIONS: Final[Mapping[str, str]] = {
    "e.g.": "for example",
    "i.e.": "that is",
    "etc.": "et cetera",
    "vs.": "versus",
    "approx.": "approximately",
    "appt.": "appointment",
    "dept.": "department",
    "inc.": "Incorporated",
    "ltd.": "Limited",
    "corp.": "Corporation",
    "jr.": "Junior",
    "sr.": "Senior",
    "a.k.a.": "also known as",
    "p.s.": "P S",
    "w/o": "without",
    "w/": "with ",
    "mon.": "Monday",
    "tue.": "Tuesday",
    "tues.": "Tuesday",
    "thu.": "Thursday",
    "thurs.": "Thursday",
    "fri.": "Friday",
}
NUMBERED_PARTS: Final[Mapping[str, str]] = {
    "apt": "apartment",
    "ch": "chapter",
    "ext": "extension",
    "fig": "figure",
    "p": "page",
    "pp": "pages",
    "rm": "room",
    "ste": "suite",
    "vol": "volume",
}
"""Before a number, with a full stop."""
FRACTIONS: Final[Mapping[str, str]] = {
    "1/2": "one half",
    "1/3": "one third",
    "2/3": "two thirds",
    "1/4": "one quarter",
    "3/4": "three quarters",
    "1/5": "one fifth",
    "1/8": "one eighth",
}
MARKS_IN_ADDRESSES: Final[Mapping[str, str]] = {
    "@": "at",
    ".": "dot",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    "+": "plus",
    "#": "hash",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "%": "percent",
    "~": "tilde",
    ":": "colon",
}
