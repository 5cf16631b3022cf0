"""What prompts and flows have in common: which model answers, who begins, and with which variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from ari_agent.contract.parsing.model import (
    INTEGRAL,
    AgentVersionNumber,
    ContractModel,
    Count,
    Flag,
    Fraction,
    JsonObject,
    Strings,
    Timestamp,
    Variables,
)

MAX_PROMPT_CHARACTERS: Final = 200_000

Prompt = Annotated[str, Field(max_length=MAX_PROMPT_CHARACTERS)]
ModelName = Annotated[str, Field(min_length=1, max_length=256)]


class BackupModel(ContractModel):
    """The model that is asked instead, where the first one has said nothing after so many milliseconds."""

    type: Literal["cascading"] = "cascading"
    model: ModelName
    backup_kick_in_timeout: Annotated[int, Field(strict=True, ge=300, le=60_000), INTEGRAL] = 1500


class ModelSettings(ContractModel):
    """The settings that prompts and flows share. model_temperature: from 0 to 1.

    begin_message: what the agent says first; None: the model writes it; "": the user speaks first.
    begin_after_user_silence_ms: the agent begins all the same after so long a silence of a user who is to speak first.
    """

    UNSERVED: ClassVar[Mapping[str, str]] = {}
    """Settings that would change what an agent can do and are refused, and what to do instead."""

    model_temperature: Fraction = 0.0
    backup_model: BackupModel | None = None
    tool_call_strict_mode: Flag | None = None
    start_speaker: Literal["user", "agent"] = "agent"
    begin_message: Prompt | None = None
    begin_after_user_silence_ms: Count | None = None
    default_dynamic_variables: Variables | None = None
    knowledge_base_ids: Strings | None = None
    kb_config: JsonObject | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_unserved(cls, given: Any) -> Any:
        for name, instead in cls.UNSERVED.items():
            if isinstance(given, dict) and given.get(name):
                raise ValueError(f"{name}: not served here; {instead}")
        return given

    @model_validator(mode="before")
    @classmethod
    def _read_model_config(cls, given: Any) -> Any:
        """Read `model_config`, in which newer clients name the models, as the fields that stand for it here."""
        if not isinstance(given, dict) or not isinstance(config := given.get("model_config"), dict):
            return given
        if config.get("type", "cascading") != "cascading":
            raise ValueError("model_config of type s2s is not served here; expected cascading")
        read = dict(given)
        if isinstance(primary := config.get("primary"), dict):
            read |= cls._choice_of(primary.get("model"))
        if "temperature" in config:
            read["model_temperature"] = config["temperature"]
        if "backup" in config:
            read["backup_model"] = config["backup"]
        if isinstance(backup := config.get("backup"), dict):
            after = {"backup_kick_in_timeout": backup["kick_in_timeout_ms"]} if "kick_in_timeout_ms" in backup else {}
            read["backup_model"] = {"model": backup.get("model"), **after}
        return read

    @field_validator("knowledge_base_ids")
    @classmethod
    def _refuse_knowledge(cls, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return refuse_knowledge(ids)

    @classmethod
    def _choice_of(cls, model: object) -> dict[str, object]:
        """Return the field that names this model."""
        return {"model": model}


class EngineVersion(ContractModel):
    """Which version of a prompt or flow it is, whether it can change no more, and when it last did."""

    ID: ClassVar[str]
    """The name of the field with its id."""

    version: AgentVersionNumber = 0
    is_published: Flag = False
    last_modification_timestamp: Timestamp

    @property
    def engine_id(self) -> str:
        """Return the id, which all versions share."""
        return str(getattr(self, self.ID))

    @classmethod
    def made(cls, wanted: ModelSettings, engine_id: str, *, now_ms: int) -> Self:
        """Return the first version of what a client wants made."""
        return cls.model_validate(
            {**wanted.changes(), cls.ID: engine_id, "version": 0, "last_modification_timestamp": now_ms}
        )

    def changed(self, changes: ModelSettings, *, now_ms: int) -> Self:
        """Return this version with the changes that a client wants.

        Raises:
            pydantic.ValidationError: with the changes, the settings contradict one another.
        """
        return self.model_validate({**self.as_record(), **changes.changes(), "last_modification_timestamp": now_ms})


def refuse_knowledge(ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Return the ids of knowledge bases if there are none. Raises: ValueError: there are some."""
    if ids:
        raise ValueError("there are no knowledge bases here: write what the agent must know into a prompt")
    return ids


def first_double(names: Iterable[str]) -> str | None:
    """Return the first of the names that is there more than once, or None."""
    return next((name for name, count in Counter(names).items() if count > 1), None)
