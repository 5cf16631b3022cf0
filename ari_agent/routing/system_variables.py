"""What `{{name}}` may stand for in a call or chat: its own dynamic variables, and those that every one has. Pure.

Source: Retell, "Dynamic variables" (2026-08):

    name                                        value
    current_time                                Thursday, March 28, 2024 at 11:46:04 PM PDT
    current_hour                                23
    current_calendar                            14 lines: Thursday, March 28, 2024 PDT (Today), ...
    current_time_[zone], _hour_, _calendar_     the same in another IANA time zone: current_time_Australia/Sydney
    session_type                                voice, chat
    session_duration, session_duration_ms       since the answer: 5 minutes 30 seconds (its wording is ours), 330000
    direction                                   inbound, outbound
    user_number, agent_number                   who is called and who calls, whichever way the call goes
    call_id, call_type                          as the call object has them; a chat has its chat_id instead

Times are in the agent's `timezone`, and in Los Angeles while no agent is chosen. What is not known (the numbers of a
web call) is no variable; current_agent_state and previous_agent_state are a prompt's (prompt_agents/prompt_state.py),
current_node and previous_node are never known here. One of the call's own wins over one of these of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter, ValidationError

from ari_agent.contract.call import Call, CallDirection
from ari_agent.contract.chat import Chat
from ari_agent.contract.parsing.e164 import is_e164
from ari_agent.contract.parsing.language import TimeZone
from ari_agent.routing.variables import Variables

DEFAULT_ZONE: Final = "America/Los_Angeles"
CALENDAR_DAYS: Final = 14

_Facts = Mapping[str, Callable[[Any, int | None], str | None]]
"""What makes the value of a variable, by its name: called with the session, and with now in milliseconds."""

_ZONE: Final[TypeAdapter[str]] = TypeAdapter(TimeZone)


class _SessionVariables(Variables):
    """The variables of one call or chat at one moment; those of the system are made when they are looked up."""

    def __init__(self, session: Call | Chat, facts: _Facts, *, timezone: str | None, now_ms: int | None) -> None:
        self._session, self._facts = session, facts
        self._timezone, self._now_ms = timezone or DEFAULT_ZONE, now_ms
        self._given = session.retell_llm_dynamic_variables or {}

    def __getitem__(self, name: str) -> str:
        if name in self._given:
            return self._given[name]
        value = self._of_time(name) if name.startswith("current_") else self._of_session(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that hold no time zone: there are as many of the others as there are time zones."""
        return (name for name in dict.fromkeys((*self._given, *_TIMES, *self._facts)) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def is_callers(self, name: str) -> bool:
        """Tell whether the caller chose the value: that of the numbers, where the other side has begun.

        Of a registered call that is declared outbound, whoever dials it may have chosen the agent's, which could then
        be a name; a number in E.164 makes up no host.
        """
        if name not in ("user_number", "agent_number") or name in self._given:
            return False
        if self._session.direction is not CallDirection.OUTBOUND:
            return True
        return name == "agent_number" and not is_e164(self.get(name) or "")

    def _of_session(self, name: str) -> str | None:
        fact = self._facts.get(name)
        return fact(self._session, self._now_ms) if fact else None

    def _of_time(self, name: str) -> str | None:
        if self._now_ms is None:
            return None
        for time_name, tell in _TIMES.items():
            if name == time_name:
                zone = _zone(self._timezone)
            elif name.startswith(f"{time_name}_"):
                zone = _zone(name.removeprefix(f"{time_name}_"))
            else:
                continue
            return tell(datetime.fromtimestamp(self._now_ms / 1000, zone)) if zone else None
        return None


class CallVariables(_SessionVariables):
    """The variables of one call at one moment.

    now_ms: milliseconds since the epoch, or None where there is no time to tell. timezone: of the agent.
    """

    def __init__(self, call: Call, *, timezone: str | None, now_ms: int | None) -> None:
        super().__init__(call, _CALL_FACTS, timezone=timezone, now_ms=now_ms)
        self._headers = call.custom_sip_headers or {}

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(CallVariables, timezone=self._timezone, now_ms=self._now_ms), (self._session,)

    def is_callers(self, name: str) -> bool:
        """Tell it of what the INVITE brought as well, unless dialplan or webhook have set another value."""
        value = self._headers.get(name.lower())  # a header's variable has two names
        if value is not None and value == self._given.get(name):
            return True
        return super().is_callers(name)


class ChatVariables(_SessionVariables):
    """The variables of one chat at one moment. now_ms, timezone: as in CallVariables."""

    def __init__(self, chat: Chat, *, timezone: str | None, now_ms: int | None) -> None:
        super().__init__(chat, _CHAT_FACTS, timezone=timezone, now_ms=now_ms)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(_ZONE.validate_python(name))
    except ValidationError:
        return None


def _day(day: datetime) -> str:
    return f"{day:%A}, {day:%B} {day.day}, {day.year}"


def _time(now: datetime) -> str:
    return f"{_day(now)} at {now.hour % 12 or 12}:{now:%M:%S %p} {now.tzname()}"


def _hour(now: datetime) -> str:
    return str(now.hour)


def _calendar(now: datetime) -> str:
    # Whole days on the wall clock: `timedelta` leaves the hour alone where summer time begins or ends.
    days = [now + timedelta(days=number) for number in range(CALENDAR_DAYS)]
    return "\n".join(f"{_day(day)} {day.tzname()}{'' if number else ' (Today)'}" for number, day in enumerate(days))


def _duration_ms(call: Call | Chat, now_ms: int | None) -> str | None:
    if now_ms is None:
        return None
    began_ms = call.start_timestamp
    return str(0 if began_ms is None else max(0, now_ms - began_ms))


def _duration(call: Call | Chat, now_ms: int | None) -> str | None:
    duration_ms = _duration_ms(call, now_ms)
    if duration_ms is None:
        return None
    minutes, seconds = divmod(int(duration_ms) // 1000, 60)
    counted = ((minutes, "minute"), (seconds, "second"))
    spoken = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in counted if count]
    return " ".join(spoken) or "0 seconds"


def _user_number(call: Call, _: int | None) -> str | None:
    return call.to_number if call.direction is CallDirection.OUTBOUND else call.from_number


def _agent_number(call: Call, _: int | None) -> str | None:
    return call.from_number if call.direction is CallDirection.OUTBOUND else call.to_number


_TIMES: Final[Mapping[str, Callable[[datetime], str]]] = {
    "current_time": _time,
    "current_hour": _hour,
    "current_calendar": _calendar,
}
_COMMON: Final[_Facts] = {
    "session_duration": _duration,
    "session_duration_ms": _duration_ms,
    "direction": lambda session, _: session.direction.value if session.direction else None,
}
_CALL_FACTS: Final[_Facts] = {
    **_COMMON,
    "session_type": lambda _call, _now_ms: "voice",
    "user_number": _user_number,
    "agent_number": _agent_number,
    "call_id": lambda call, _: call.call_id,
    "call_type": lambda call, _: call.call_type,
}
_CHAT_FACTS: Final[_Facts] = {
    **_COMMON,
    "session_type": lambda _chat, _now_ms: "chat",
    "user_number": lambda chat, _: chat.user_number,
    "agent_number": lambda chat, _: chat.our_number,
    "chat_id": lambda chat, _: chat.chat_id,
}
