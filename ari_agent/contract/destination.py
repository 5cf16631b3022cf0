"""Where a call may be transferred to: the one reader of destinations, however they are written. Pure.

Read are an E.164 number, an extension of digits, a `tel:` URI (RFC 3966), a SIP URI and `user@host` without a scheme.
Numbers lose their visual separators (RFC 3966 section 5.1.1), blanks and a national `(0)` behind a country code.
What is returned matches a grammar narrower than RFC 3261 section 25.1, because a REFER's Refer-To is assembled from
text, and one stray `>` or `,` would end it and begin something the administrator never allowed.
"""

from __future__ import annotations

import re
from typing import Final

MAX_DESTINATION_CHARACTERS: Final = 256

MAX_EXTENSION_DIGITS: Final = 6

EXPECTED_DESTINATION: Final = (
    "an E.164 number such as +15551234567, an extension of digits, or a URI such as "
    "sip:bob@example.com;transport=tcp (parameters: transport=udp|tcp|tls, user=phone)"
)

_NUMBER: Final = re.compile(r"\+[1-9][0-9]{1,14}|[0-9]{1,20}", re.ASCII)
_BLANKS: Final = " \t\u00a0\u2007\u2009\u202f"
"""What copying leaves in a number: space, tab, no-break and narrow spaces. Line ends are refused."""
_WRITTEN_NUMBER: Final = re.compile(rf"\+?[0-9][0-9().\-{_BLANKS}]*|\([0-9().\-{_BLANKS}]*", re.ASCII)
_SEPARATORS: Final = re.compile(rf"[().\-{_BLANKS}]")
_NATIONAL_ZERO: Final = re.compile(r"\(0\)")
_TEL: Final = re.compile(r"tel:(?P<number>[^;]*)(?:;phone-context=[A-Za-z0-9.+-]{1,100})?", re.ASCII | re.IGNORECASE)
_POST_DIAL: Final = re.compile(
    rf"(?:tel:)?\+?[0-9(][0-9().\-{_BLANKS}]{{1,40}}?(?:[,;pwx]|ext\.?|;ext=|;postd=)[0-9*#,;pw{_BLANKS}]+",
    re.ASCII | re.IGNORECASE,
)
"""A number and what is dialled after the answer: RFC 3966 `;ext=`, RFC 2806 `;postd=`, or as address books do."""
_CHANNEL: Final = re.compile(
    r"(?:PJSIP|SIP|IAX2|DAHDI|Local)/(?P<name>[A-Za-z0-9_.+-]{1,64})", re.ASCII | re.IGNORECASE
)
"""What Dial() of Asterisk's dialplan takes."""
_USER_AT_HOST: Final = re.compile(r"(?P<scheme>sips?:)?(?P<user>[^@:;]*)@(?P<host>[^@]*)", re.ASCII | re.IGNORECASE)
# RFC 3261 section 25.1, less everything that separates something somewhere: `user` loses & = ; ? / , $ ( ) ' and the
# password; uri-headers (`?Replaces=...`) are not taken from the destination, they have a field of their own.
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SIP_URI: Final = re.compile(
    r"sips?:"
    r"(?:(?:[A-Za-z0-9_.!~*+-]|%(?:[2-6][0-9A-F]|7[0-9A-E]|[89A-F][0-9A-F]))+@)?"
    rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-F:.]{{2,45}}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:;(?:transport=(?:udp|tcp|tls)|user=phone))*",
    re.ASCII | re.IGNORECASE,
)
_TEMPLATE: Final = re.compile(r"\{\{[ A-Za-z0-9_./+-]{1,128}\}\}")
_ALLOWED: Final = re.compile(r"[A-Za-z0-9_.!~*+:;=@%\[\]-]")


def read_destination(value: str) -> str:
    """Return the destination in its one spelling: `+15551234567`, digits, or a `sip:` or `sips:` URI.

    Raises:
        ValueError: it is none; the text says what would be right.
    """
    value = _normalised(value)
    if not value:
        raise ValueError(f"the destination is empty; expected {EXPECTED_DESTINATION}")
    if _POST_DIAL.fullmatch(value):
        raise ValueError(
            f"{value!r} is no destination: digits that are dialled after the answer belong into `extension`, with mode "
            f"sip_invite; expected {EXPECTED_DESTINATION}"
        )
    if channel := _CHANNEL.fullmatch(value):
        name = channel["name"]
        raise ValueError(
            f"{value!r} names a channel of Asterisk: write {name}, or sip:{name}@ and the host of your PBX; expected "
            f"{EXPECTED_DESTINATION}"
        )
    strange = next((character for character in value if not _ALLOWED.fullmatch(character)), None)
    if strange is not None:
        raise ValueError(f"{strange!r} is not allowed in a destination; expected {EXPECTED_DESTINATION}")
    if _NUMBER.fullmatch(value):
        return value
    uri = _SIP_URI.fullmatch(value)
    if uri is None or int(uri["port"] or 5060) not in range(1, 65536):
        raise ValueError(f"{value!r} is no destination; expected {EXPECTED_DESTINATION}")
    return value


def is_extension(destination: str) -> bool:
    """Whether a destination, in its one spelling, is an extension of a PBX: at most MAX_EXTENSION_DIGITS digits.

    A longer number is one of the telephone network; a national one has at least seven digits with its area code.
    """
    return destination.isascii() and destination.isdecimal() and len(destination) <= MAX_EXTENSION_DIGITS


def read_template(value: str) -> str:
    """Return the destination in its one spelling; one that holds `{{variables}}` comes back as it was written.

    Raises:
        ValueError: whatever its variables stand for, it is no destination.
    """
    if not _TEMPLATE.search(value):
        return read_destination(value)
    read_destination(_TEMPLATE.sub("1", value))  # read again once their values are known
    return value.strip(_BLANKS)


def _normalised(value: str) -> str:
    value = value.strip(_BLANKS)
    if tel := _TEL.fullmatch(value):
        return _plain_number(tel["number"].strip(_BLANKS))
    if address := _USER_AT_HOST.fullmatch(value):
        user = address["user"].strip(_BLANKS)
        if any(character in "()" + _BLANKS for character in user):  # no user has these, but a number that was pasted
            user = _plain_number(user)
        return f"{address['scheme'] or 'sip:'}{user}@{address['host'].strip(_BLANKS)}"
    return _plain_number(value)


def _plain_number(text: str) -> str:
    """Return a number without its separators; any other text as it is."""
    if not _WRITTEN_NUMBER.fullmatch(text):
        return text
    if text.startswith("+"):
        text = _NATIONAL_ZERO.sub("", text, count=1)
    return _SEPARATORS.sub("", text)
