"""What each of several controller processes on one machine gets of what there is once. Pure."""

from __future__ import annotations

from typing import Final

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
FORGOTTEN_AFTER_S: Final = 60.0
"""A process that has run for as long is not one that keeps dying."""


def port_share(first: int, last: int, *, number: int, of: int) -> tuple[int, int]:
    """Return the first and the last port of the part that one process gets of a range; 0, 0 stay so.

    number: of the process, from 1. of: how many processes there are. The parts are of one size, each begins at an even
    port, as RTP does (RFC 3550 section 11), and what is left over at the end is nobody's.

    Raises:
        ValueError: some process would have no even port.
    """
    if not first:
        return 0, 0
    even = first + first % 2
    pairs = (last - even) // 2 + 1
    each = pairs // of
    if each < 1:
        raise ValueError(f"{first}-{last} has {max(pairs, 0)} even ports, and {of} processes need {of}, one a call")
    begin = even + 2 * each * (number - 1)
    return begin, begin + 2 * each - 1


def suffix_of(suffix: str, number: int) -> str:
    """Return the application suffix of a process. suffix: that of all of them, or `""`. number: from 1."""
    return f"{suffix}_{number}" if suffix else str(number)


def restart_pause_s(deaths: int) -> float:
    """Return how long to wait before a process is started again, in seconds: 0.5 doubled with every death, up to 30.

    deaths: how often it has died in a row, at least once, without having run for FORGOTTEN_AFTER_S in between.
    """
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(deaths - 1, 10))
