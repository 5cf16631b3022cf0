"""What the codes of a call's end mean, in words: SIP statuses and Q.850 causes. Pure.

Sources: RFC 3261 section 21, RFC 8197, RFC 8688; ITU-T Q.850 (2018), table 1, and RFC 3398 section 7.2.4.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_SIP: Final[Mapping[int, str]] = {
    200: "OK",
    202: "accepted",
    302: "moved temporarily",
    400: "bad request",
    401: "login needed",
    403: "forbidden",
    404: "not found",
    407: "login at the proxy needed",
    408: "no answer in time",
    410: "gone",
    477: "next hop not reachable",
    480: "temporarily unavailable",
    481: "no such call",
    482: "loop",
    483: "too many hops",
    484: "number incomplete",
    486: "busy here",
    487: "cancelled",
    488: "codecs not accepted",
    491: "request pending",
    500: "server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "server did not answer in time",
    600: "busy everywhere",
    603: "declined",
    604: "exists nowhere",
    606: "not acceptable",
    607: "unwanted",
    608: "rejected",
}
_Q850: Final[Mapping[int, str]] = {
    1: "number not assigned",
    2: "no route to that network",
    3: "no route to the destination",
    16: "normal clearing",
    17: "user busy",
    18: "no user responding",
    19: "no answer",
    20: "subscriber absent",
    21: "call rejected",
    22: "number changed",
    25: "exchange routing error",
    26: "selected elsewhere",
    27: "destination out of order",
    28: "number incomplete",
    29: "facility rejected",
    31: "normal, unspecified",
    34: "no circuit available",
    38: "network out of order",
    41: "temporary failure",
    42: "switching equipment congestion",
    44: "requested circuit not available",
    47: "resource unavailable",
    50: "facility not subscribed",
    52: "outgoing calls barred",
    54: "incoming calls barred",
    57: "bearer capability not authorized",
    58: "bearer capability not available",
    65: "bearer capability not implemented",
    79: "service not implemented",
    88: "incompatible destination",
    102: "a timer expired",
    111: "protocol error",
    127: "interworking, unspecified",
}


def sip_words(status: int) -> str:
    """Return a SIP status with its meaning, such as `SIP 486, busy here`."""
    meaning = _SIP.get(status)
    return f"SIP {status}, {meaning}" if meaning else f"SIP {status}"


def q850_words(cause: int) -> str:
    """Return a Q.850 cause with its meaning, such as `16, normal clearing`."""
    meaning = _Q850.get(cause)
    return f"{cause}, {meaning}" if meaning else str(cause)
