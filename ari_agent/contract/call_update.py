"""PATCH /v2/update-call and /v2/update-live-call (Retell, Update Call, 2026-08)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ari_agent.contract.call import Call, CustomAttributes
from ari_agent.contract.call_list import ARTEFACT_URLS, TRANSCRIPTS
from ari_agent.contract.parsing.model import (
    MAX_METADATA_BYTES,
    SMALL,
    ContractModel,
    DataStorageSetting,
    Flag,
    Metadata,
    StringMap,
    require_small,
    without_defaults,
)
from ari_agent.contract.storage_setting import is_stricter, require_no_looser


class CallUpdate(ContractModel):
    """Body of PATCH /v2/update-call, for a call that is over; what is left out stays as it is.

    metadata: replaces the call's. data_storage_setting: must not store more than before. custom_attributes: added
    to the call's, or replacing those of the same name.
    """

    model_config = ConfigDict(json_schema_extra=without_defaults)

    metadata: Metadata | None = None
    data_storage_setting: DataStorageSetting | None = None
    custom_attributes: Annotated[CustomAttributes, SMALL] | None = None


class LiveFields(ContractModel):
    """Changes to the record of a call in progress; what is left out stays as it is.

    override_dynamic_variables: variables to add or replace; null restores those that the call began with.
    """

    model_config = ConfigDict(json_schema_extra=without_defaults)

    metadata: Metadata | None = None
    data_storage_setting: DataStorageSetting | None = None
    override_dynamic_variables: Annotated[StringMap, SMALL] | None = None


class CallControl(ContractModel):
    """What the agent of a call is asked to do: to speak now (trigger_response), and what it is to know."""

    trigger_response: Flag | None = None
    additional_context: Annotated[str, Field(min_length=1, max_length=MAX_METADATA_BYTES)] | None = None

    @property
    def asks(self) -> bool:
        """Whether the agent is asked for anything."""
        return bool(self.trigger_response) or self.additional_context is not None


class LiveCallUpdate(ContractModel):
    """Body of PATCH /v2/update-live-call."""

    fields_to_override: LiveFields | None = None
    call_control: CallControl | None = None


class Success(ContractModel):
    """Answer of a request that succeeded and has nothing else to say."""

    success: Flag = True


class TakeOver(ContractModel):
    """Body of POST /v2/take-over-live-call."""

    participant_id: str


def changes_to_live_call(call: Call, fields: LiveFields, given_variables: StringMap | None) -> dict[str, Any]:
    """The new values of the attributes of a call in progress that change, by name.

    given_variables: the dynamic variables that the call began with.

    Raises:
        ValueError: data_storage_setting would store more than before.
    """
    changes: dict[str, Any] = {}
    if "metadata" in fields.model_fields_set:
        changes["metadata"] = fields.metadata
    if (setting := fields.data_storage_setting) is not None:
        require_no_looser(setting, call.data_storage_setting)
        changes |= _stored_as(setting, call.data_storage_setting)
        changes.pop("public_log_url", None)  # the log that is being written takes out by itself what it may not hold
        if setting != (call.data_storage_setting or "everything"):
            changes |= dict.fromkeys(TRANSCRIPTS)  # scrubbed, it is stored when the call is over
    if "override_dynamic_variables" in fields.model_fields_set:
        delta = fields.override_dynamic_variables
        present = call.retell_llm_dynamic_variables or {}
        changes["retell_llm_dynamic_variables"] = given_variables if delta is None else {**present, **delta}
    return changes


def changes_to_ended_call(call: Call, update: CallUpdate) -> dict[str, Any]:
    """The new values of the keys of an ended call's JSON that change, by name.

    Raises:
        ValueError: data_storage_setting would store more than before, or custom_attributes would be too large.
    """
    changes = update.changes()
    if changes.get("data_storage_setting", ...) is None:
        del changes["data_storage_setting"]
    if setting := update.data_storage_setting:
        require_no_looser(setting, call.data_storage_setting)
        changes |= _stored_as(setting, call.data_storage_setting)
    if setting == "basic_attributes_only" and call.call_analysis:
        changes |= {"call_analysis": call.call_analysis.without_words().as_json(), "analysis_report": None}
    if update.custom_attributes is not None:
        changes["custom_attributes"] = require_small({**(call.custom_attributes or {}), **update.custom_attributes})
    return changes


def _stored_as(setting: DataStorageSetting, present: DataStorageSetting | None) -> dict[str, Any]:
    """The change to this setting. Recordings and logs go with a stricter one, and with the strictest what was said."""
    gone = {
        "everything_except_pii": ARTEFACT_URLS,
        "basic_attributes_only": ARTEFACT_URLS | TRANSCRIPTS | {"collected_dynamic_variables"},
        present or "everything": frozenset(),
    }
    return {"data_storage_setting": setting, **dict.fromkeys(gone[setting])}


def becomes_stricter(call: Call, update: CallUpdate) -> bool:
    """Whether less of an ended call may be kept than before once this update is made."""
    return is_stricter(update.data_storage_setting, call.data_storage_setting)


def requires_scrubbing(call: Call, update: CallUpdate) -> bool:
    """Whether what is stored of an ended call is to be without personal data once this update is made."""
    return (update.data_storage_setting or call.data_storage_setting) == "everything_except_pii"
