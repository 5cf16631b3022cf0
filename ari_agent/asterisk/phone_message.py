"""What the telephone of the console may send to Asterisk. Pure.

Its messages come from the controller's own address, and get the password's digest on their way: so what a page's script
sends must be a message of its account, and the same message to us as to Asterisk.

In a call to the page its name is another one: that of its contact, which Asterisk has called (RFC 3261 section 12.1.1).
There it may say so in requests of that dialogue: Asterisk answers 481 to those of a dialogue that it does not have.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_UNCLEAN: Final = re.compile(r"(?<!\r)\n|\r(?!\n)|\r\n[ \t]|\x00")
"""Ends of lines that only some parsers see, and lines that go on in the next one (RFC 3261 section 7.3.1)."""
_FROM: Final = re.compile(r"(?im)^(?:From|f)[ \t]*:[ \t]*([^\r\n]*)")
_CONTACT: Final = re.compile(r"(?im)^(?:Contact|m)[ \t]*:[ \t]*([^\r\n]*)")
_CALL_ID: Final = re.compile(r"(?im)^(?:Call-ID|i)[ \t]*:[ \t]*([^\s]+)")
_TO: Final = re.compile(r"(?im)^(?:To|t)[ \t]*:[ \t]*([^\r\n]*)")
_TAG: Final = re.compile(r"(?i);[ \t]*tag[ \t]*=[ \t]*[^;\s]")
_OUTSIDE: Final = ("REGISTER ",)
"""What is of no dialogue, whatever its To says."""
_AUTHORIZATION: Final = re.compile(r"(?im)^Authorization[ \t]*:")
_USER: Final = re.compile(r"(?i)<?sips?:([^@>;?\s]*)@")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')


def invited(message: str) -> str | None:
    """Return the Call-ID of a call to the page that a message of Asterisk begins; None where it begins none."""
    found = _CALL_ID.search(message) if message.startswith("INVITE ") else None
    return found[1] if found else None


def why_refused(message: str, *, account: str, called: Collection[str] = ()) -> str | None:
    """Return why a SIP message must not go to Asterisk, as a clause; None where it may.

    called: the Call-IDs of the calls to the page.
    """
    head = message.lstrip("\r\n").partition("\r\n\r\n")[0]  # Asterisk passes over empty lines before a request
    if _UNCLEAN.search(head):
        return "its lines do not all end as SIP's do"
    if head.startswith("SIP/2.0 ") or not head.strip():
        return None  # an answer, or a sign of life
    senders = _FROM.findall(head)
    if len(senders) != 1 or (_user(senders[0]) != account and not _is_within(head, called)):
        return "it is not from the account of the telephone"
    if len(_AUTHORIZATION.findall(head)) > 1:
        return "it answers more than one challenge"
    contacts = _CONTACT.findall(head)
    if len(contacts) > 1 or any("," in _QUOTED.sub("", contact) for contact in contacts):
        return "it has more than one contact"
    return None


def _is_within(head: str, called: Collection[str]) -> bool:
    """Return whether a request is one of the dialogue of such a call."""
    call_ids, targets = _CALL_ID.findall(head), _TO.findall(head)
    if head.upper().startswith(_OUTSIDE) or len(call_ids) != 1 or len(targets) != 1:
        return False
    behind = _QUOTED.sub("", targets[0]).rpartition(">")[2]
    return call_ids[0] in called and _TAG.search(behind) is not None


def _user(address: str) -> str | None:
    found = _USER.search(_QUOTED.sub("", address))
    return found[1] if found else None
