"""PATCH /v2/update-call and /v2/update-live-call (Retell, Update Call, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

from pydantic import ConfigDict, Field

from ari_agent.contract.call import Call, CustomAttributes
from ari_agent.contract.call_list import TRANSCRIPTS
from ari_agent.contract.parsing.model import (
    SMALL,
    SMALL_BYTES,
    ContractModel,
    DataStorageSetting,
    Flag,
    Metadata,
    StringMap,
    small,
    without_defaults,
)

"""Of metadata and of custom_attributes, as JSON."""

_STRICTER: Final[tuple[str, ...]] = get_args(DataStorageSetting)


def is_stricter(wanted: DataStorageSetting, present: DataStorageSetting | None) -> bool:
    """Whether a setting keeps no more than the present one does; unset, that is everything."""
    return _STRICTER.index(wanted) >= _STRICTER.index(present or _STRICTER[0])


class CallUpdate(ContractModel):
    """Body of PATCH /v2/update-call: a call that is over. Only what is given changes.

    metadata: replaces what was there. data_storage_setting: only towards stricter. custom_attributes: each key alone.
    """

    model_config = ConfigDict(json_schema_extra=without_defaults)

    metadata: Metadata | None = None
    data_storage_setting: DataStorageSetting | None = None
    custom_attributes: Annotated[CustomAttributes, SMALL] | None = None


class LiveFields(ContractModel):
    """What changes on the record of a call in progress.

    override_dynamic_variables: those to add or replace; null takes earlier overrides back.
    """

    model_config = ConfigDict(json_schema_extra=without_defaults)

    metadata: Metadata | None = None
    data_storage_setting: DataStorageSetting | None = None
    override_dynamic_variables: Annotated[StringMap, SMALL] | None = None


class CallControl(ContractModel):
    """What the agent of a call in progress is to do; an empty object asks for nothing."""

    trigger_response: Flag | None = None
    additional_context: Annotated[str, Field(min_length=1, max_length=SMALL_BYTES)] | None = None

    @property
    def asks(self) -> bool:
        """Whether it asks for anything."""
        return bool(self.trigger_response) or self.additional_context is not None


class LiveCallUpdate(ContractModel):
    """Body of PATCH /v2/update-live-call."""

    fields_to_override: LiveFields | None = None
    call_control: CallControl | None = None


class Success(ContractModel):
    """Done."""

    success: Flag = True


class TakeOver(ContractModel):
    """Body of POST /v2/take-over-live-call."""

    participant_id: str


def overridden(call: Call, fields: LiveFields, given_variables: StringMap | None) -> dict[str, Any]:
    """The attributes of a call object that change. given_variables: those that the call began with.

    Raises:
        ValueError: data_storage_setting would keep more than before.
    """
    changes: dict[str, Any] = {}
    if "metadata" in fields.model_fields_set:
        changes["metadata"] = fields.metadata
    if (setting := fields.data_storage_setting) is not None:
        if not is_stricter(setting, call.data_storage_setting):
            raise ValueError(_not_looser(setting, call.data_storage_setting))
        changes |= _stored_as(setting)
    if "override_dynamic_variables" in fields.model_fields_set:
        delta = fields.override_dynamic_variables
        present = call.retell_llm_dynamic_variables or {}
        changes["retell_llm_dynamic_variables"] = given_variables if delta is None else {**present, **delta}
    return changes


def amended(call: Call, update: CallUpdate) -> dict[str, Any]:
    """The keys of a call object that change, as JSON.

    Raises:
        ValueError: data_storage_setting would keep more than before, or there would be too many custom_attributes.
    """
    changes = update.changes()
    if changes.get("data_storage_setting", ...) is None:
        del changes["data_storage_setting"]
    if (setting := update.data_storage_setting) and not is_stricter(setting, call.data_storage_setting):
        raise ValueError(_not_looser(setting, call.data_storage_setting))
    if setting:
        changes |= _stored_as(setting)
    if update.custom_attributes is not None:
        changes["custom_attributes"] = small({**(call.custom_attributes or {}), **update.custom_attributes})
    return changes


def _stored_as(setting: DataStorageSetting) -> dict[str, Any]:
    """Basic attributes alone: nothing of what was said."""
    return {"data_storage_setting": setting, **dict.fromkeys(TRANSCRIPTS if setting == "basic_attributes_only" else ())}


def _not_looser(wanted: str, present: str | None) -> str:
    return f"data_storage_setting: cannot go from {present or _STRICTER[0]} back to {wanted}"
