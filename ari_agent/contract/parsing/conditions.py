"""What the filters of all lists have in common: a condition that is not served is refused. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from pydantic import ConfigDict, model_validator

from ari_agent.contract.parsing.model import ContractModel

_NAMED: Final = 8
_SHOWN_CHARACTERS: Final = 64


class Conditions(ContractModel):
    """Base class of filters. An unknown condition is refused: ignored, it would answer what nobody asked for.

    MEANT: by a name that is none here, but in another list or version of the API, how it is called here.
    """

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    MEANT: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_served(cls, given: Any) -> Any:
        if isinstance(given, dict):
            unserved = sorted(
                str(key) for key, value in given.items() if key not in cls.model_fields and value is not None
            )
            if unserved:
                raise ValueError(f"cannot filter by {', '.join(cls._named(unserved[:_NAMED]))}")
        return given

    @classmethod
    def _named(cls, keys: Iterable[str]) -> Iterable[str]:
        for key in keys:
            shown = ascii(key[:_SHOWN_CHARACTERS])[1:-1]
            near = difflib.get_close_matches(key[:_SHOWN_CHARACTERS], cls.model_fields, n=1)
            meant = cls.MEANT.get(key) or next(iter(near), None)
            yield f"{shown} (did you mean {meant}?)" if meant else shown


class FilteredList(ContractModel):
    """Base class of requests for a list. A condition that stands beside filter_criteria, not in it, is refused.

    CONDITIONS: the class of its filter_criteria.
    """

    CONDITIONS: ClassVar[type[Conditions]] = Conditions

    @model_validator(mode="before")
    @classmethod
    def _refuse_conditions_outside(cls, given: Any) -> Any:
        if isinstance(given, dict):
            conditions = cls.CONDITIONS.model_fields.keys() | cls.CONDITIONS.MEANT.keys() | _LIKE_FILTER_CRITERIA
            if outside := sorted(key for key in given.keys() & conditions if key not in cls.model_fields):
                raise ValueError(f"{', '.join(outside[:_NAMED])}: conditions stand in filter_criteria")
        return given


_LIKE_FILTER_CRITERIA: Final = frozenset({"filter", "filters", "filterCriteria", "filter_criterion", "criteria"})
