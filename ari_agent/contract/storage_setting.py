"""How strict a data_storage_setting is, and what it is about: calls and chats get stricter, and never looser. Pure.

Source: Retell, Update Call and Update Chat (2026-08): "Cannot be downgraded from more restrictive to less restrictive
settings".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, get_args

from ari_agent.contract.parsing.model import DataStorageSetting

_STRICTER: Final[tuple[DataStorageSetting, ...]] = get_args(DataStorageSetting)
STRUCTURED: Final = (
    "metadata",
    "retell_llm_dynamic_variables",
    "collected_dynamic_variables",
    "custom_sip_headers",
    "custom_attributes",
)
"""The keys of a call or chat that clients and callers fill, and in which personal data may be."""
FOUND: Final[Mapping[str, tuple[str, ...]]] = {
    "call_analysis": ("call_summary", "custom_analysis_data"),
    "chat_analysis": ("chat_summary", "custom_analysis_data"),
    "analysis_report": ("failure", "left_out"),
}
"""The keys of a call or chat in which a model repeats what it has read, and those of them that hold it."""


def keeps_everything(setting: str | None) -> bool:
    """Whether all of a call or chat may be stored, as of those without a setting."""
    return setting in (None, _STRICTER[0])


def require_no_looser(wanted: DataStorageSetting, present: DataStorageSetting | None) -> None:
    """Raise ValueError if `wanted` stores more of a call or chat than `present`, which means everything if it is None.

    The message begins with the name of the key.
    """
    present = present or _STRICTER[0]
    if _STRICTER.index(wanted) < _STRICTER.index(present):
        raise ValueError(f"data_storage_setting: cannot go from {present} back to {wanted}")


def is_stricter(wanted: DataStorageSetting | None, present: DataStorageSetting | None) -> bool:
    """Whether `wanted` stores less than `present`. None: as wanted, no change; as present, everything."""
    return wanted is not None and _STRICTER.index(wanted) > _STRICTER.index(present or _STRICTER[0])
