"""What the telephone of the console may send to Asterisk. Pure.

Its messages come from the controller's own address, and get the password's digest on their way: so what a page's script
sends must be a message of its account, and the same message to us as to Asterisk.
"""

from __future__ import annotations

import re
from typing import Final

_UNCLEAN: Final = re.compile(r"(?<!\r)\n|\r(?!\n)|\r\n[ \t]|\x00")
"""Ends of lines that only some parsers see, and lines that go on in the next one (RFC 3261 section 7.3.1)."""
_FROM: Final = re.compile(r"(?im)^(?:From|f)[ \t]*:[ \t]*([^\r\n]*)")
_CONTACT: Final = re.compile(r"(?im)^(?:Contact|m)[ \t]*:[ \t]*([^\r\n]*)")
_AUTHORIZATION: Final = re.compile(r"(?im)^Authorization[ \t]*:")
_USER: Final = re.compile(r"(?i)<?sips?:([^@>;?\s]*)@")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def why_refused(message: str, *, account: str) -> str | None:
    """Return why a SIP message must not go to Asterisk, as a clause; None where it may."""
    head = message.partition("\r\n\r\n")[0]
    if _UNCLEAN.search(head):
        return "its lines do not all end as SIP's do"
    if head.startswith("SIP/2.0 ") or not head.strip():
        return None  # an answer, or a sign of life
    senders = _FROM.findall(head)
    if len(senders) != 1 or _user(senders[0]) != account:
        return "it is not from the account of the telephone"
    if len(_AUTHORIZATION.findall(head)) > 1:
        return "it answers more than one challenge"
    contacts = _CONTACT.findall(head)
    if len(contacts) > 1 or any("," in _QUOTED.sub("", contact) for contact in contacts):
        return "it has more than one contact"
    return None


def _user(address: str) -> str | None:
    found = _USER.search(_QUOTED.sub("", address))
    return found[1] if found else None
