"""All settings of the controller as rows of a table, without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from ari_agent.calls.public_log.log_redaction import Redaction
from ari_agent.config import MAY_HOLD_SECRETS, PREFIX, Settings
from ari_agent.console.dependencies import SettingsRow
from ari_agent.setting_values import Address, PortRange

_LONGEST: Final = 300


def settings_rows(settings: Settings) -> Sequence[SettingsRow]:
    """Return all settings in the order of config.py, and what they are here.

    Of a setting whose name or kind may mean a secret, only that it is set is told.
    """
    redaction = Redaction(settings.secrets)
    return [
        SettingsRow(
            name=PREFIX + name.upper(),
            meaning=field.description or "",
            default=_default(field),
            here=_here(settings, name, redaction) if name in settings.model_fields_set else "",
        )
        for name, field in Settings.model_fields.items()
    ]


def _here(settings: Settings, name: str, redaction: Redaction) -> str:
    value = getattr(settings, name)
    if isinstance(value, SecretStr) and not value.get_secret_value():
        return "set to nothing"
    if isinstance(value, SecretStr) or MAY_HOLD_SECRETS.search(name.upper()):
        return "set"
    return redaction.text(_written(value))[:_LONGEST]


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "found at the start"
    return _written(field.default)


def _written(value: object) -> str:
    match value:
        case None | "" | SecretStr():
            return "none"
        case bool():
            return str(value).lower()
        case Address():
            return value.shown
        case PortRange(first, last):
            return str(first) if first == last else f"{first}-{last}"
        case BaseModel():
            return value.model_dump_json(exclude_defaults=True)
        case _:
            return str(value)
