"""Reads a transfer that is written as Retell's transfer_call tool writes it. Pure.

Source: Retell, "Transfer call tool" (2026-08): `transfer_destination`, `transfer_option` and `custom_sip_headers`. Its
`cold_transfer_mode` is `sip_invite` where it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MODES: Final[Mapping[str, str]] = {"warm_transfer": "warm", "agentic_warm_transfer": "agentic_warm"}
_COLD: Final = "cold_transfer"
_COLD_MODES: Final = frozenset({"sip_invite", "sip_refer"})
_TOOLS_OWN: Final = frozenset({"type", "cold_transfer_mode"})


def from_transfer_tool(given: Any) -> Any:
    """Return a request of ours for one in the shape of the tool; anything else as it is.

    Keys of ours that stand beside those of the tool win.

    Raises:
        ValueError: the destination is to be inferred, or the type or mode is none.
    """
    if not isinstance(given, dict) or not {"transfer_destination", "transfer_option"} & given.keys():
        return given
    destination, option = given.get("transfer_destination"), given.get("transfer_option")
    read: dict[str, Any] = {}
    if isinstance(destination, str):
        read["to"] = destination
    elif isinstance(destination, dict):
        if destination.get("type") == "inferred":
            raise ValueError("transfer_destination of type inferred is for a prompt to fill in; expected a number")
        read |= {"to": destination.get("number"), "extension": destination.get("extension")}
    if isinstance(option, dict):
        read |= {"mode": _mode(option), **{name: value for name, value in option.items() if name not in _TOOLS_OWN}}
    if isinstance(given.get("custom_sip_headers"), dict):
        read["headers"] = given["custom_sip_headers"]
    if isinstance(music := read.get("on_hold_music"), dict):
        read["on_hold_music"] = music.get("type")
    return {**{name: value for name, value in read.items() if value is not None}, **given}


def _mode(option: Mapping[str, Any]) -> str:
    kind, cold = option.get("type", _COLD), option.get("cold_transfer_mode") or "sip_invite"
    if kind == _COLD and cold in _COLD_MODES:
        return str(cold)
    mode = _MODES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        raise ValueError(
            "transfer_option: expected a type of cold_transfer, warm_transfer or agentic_warm_transfer, and a "
            "cold_transfer_mode of sip_invite or sip_refer"
        )
    return mode
