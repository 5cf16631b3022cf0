"""Causes of hang-ups by their number in Q.850 (ITU-T, table 1): as the API, the routing and Asterisk name them."""

from __future__ import annotations

from typing import Final

UNALLOCATED_NUMBER: Final = 1
NORMAL_CLEARING: Final = 16
CALL_REJECTED: Final = 21
NO_CIRCUIT: Final = 34
NETWORK_OUT_OF_ORDER: Final = 38
TEMPORARY_FAILURE: Final = 41
