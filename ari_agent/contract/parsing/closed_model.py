"""Objects in which a misspelt key would silently do nothing, so that each key must be one of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, model_validator

from ari_agent.contract.parsing.model import ContractModel


class ClosedModel(ContractModel):
    """Base class of objects that refuse unknown keys, in words that name those which there are."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and (unknown := sorted(str(key) for key in given if key not in cls.model_fields)):
            raise ValueError(
                f"has no {', '.join(ascii(key[:40])[1:-1] for key in unknown[:8])}; its keys are "
                f"{', '.join(cls.model_fields)}"
            )
        return given
