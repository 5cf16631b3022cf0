from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_agent.process_share import LONGEST_PAUSE_S, port_share, restart_pause_s, suffix_of


@given(st.integers(1024, 65535), st.integers(0, 2000), st.integers(1, 64))
def test_the_parts_of_a_range_lie_in_it_do_not_meet_and_are_of_one_size(first: int, count: int, of: int) -> None:
    last = min(first + count, 65535)
    try:
        parts = [port_share(first, last, number=number, of=of) for number in range(1, of + 1)]
    except ValueError as error:
        assert f"{of} processes need {of}" in str(error)
        return
    assert parts == sorted(parts) and all(begin % 2 == 0 for begin, _ in parts)
    assert first <= parts[0][0] and parts[-1][1] - 1 <= last  # the odd port at the end is nobody's RTP
    assert all(one[1] < next_one[0] for one, next_one in itertools.pairwise(parts))
    assert len({end - begin for begin, end in parts}) == 1


def test_ports_that_the_system_chooses_need_no_parts() -> None:
    assert port_share(0, 0, number=3, of=4) == (0, 0)


def test_a_range_that_is_too_small_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="30000-30002 has 2 even ports, and 3 processes need 3, one a call"):
        port_share(30000, 30002, number=1, of=3)


def test_names_end_in_the_number() -> None:
    assert (suffix_of("", 2), suffix_of("east", 2)) == ("2", "east_2")


def test_pauses_grow_up_to_a_limit() -> None:
    assert [restart_pause_s(deaths) for deaths in (1, 2, 3)] == [0.5, 1.0, 2.0]
    assert restart_pause_s(1000) == LONGEST_PAUSE_S
