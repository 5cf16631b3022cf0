"""A telephone number: who answers it, who calls with it, the trunk behind it (Retell, Import Phone Number, 2026-08)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.json_schema import SkipJsonSchema

from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.paging import Page
from ari_agent.contract.parsing.codec import Codec
from ari_agent.contract.parsing.e164 import Country, DialledNumber, OwnNumber, is_e164, pretty, require_e164
from ari_agent.contract.parsing.model import (
    INTEGRAL,
    AgentVersionReference,
    ContractModel,
    Flag,
    Identifier,
    Many,
    Timestamp,
    without_defaults,
)
from ari_agent.contract.parsing.url import WebhookUrl
from ari_agent.contract.recording import Recording, RecordingConsent
from ari_agent.contract.refer_to import ReferToFormat, ReferToHost
from ari_agent.contract.trunk_settings import (
    CarrierAddresses,
    MediaEncryption,
    MoreDestinations,
    QualifyFrequency,
    TerminationUri,
    TrunkRegistration,
)

WEIGHT_TOLERANCE: Final = 1e-6
"""How far the sum of the weights of a list of agents may be from 1."""


def _credential(text: str) -> str:
    if text.isprintable():
        return text
    raise ValueError("must be printable, on one line")


Credential = Annotated[str, Field(max_length=128), AfterValidator(_credential)]
Transport = Literal["TLS", "TCP", "UDP"]
StoredCodecs = Many[Annotated[str, Field(pattern=r"^[A-Za-z0-9._/-]{1,32}$")]]
"""The codecs of a stored number, among them names that earlier versions accepted and ignored."""
Nickname = Annotated[str, Field(max_length=1000)]


class AgentWeight(ContractModel):
    """An agent of a number, which is drawn for this share of its calls. weight: more than 0, at most 1."""

    agent_id: Identifier
    agent_version: AgentVersionReference | None = None
    weight: Annotated[float, Field(strict=True, gt=0, le=1)]


def _weights(agents: Many[AgentWeight]) -> Many[AgentWeight]:
    total = math.fsum(agent.weight for agent in agents)
    if agents and abs(total - 1) > WEIGHT_TOLERANCE:
        raise ValueError(f"weights must add up to 1, not {total:g}")
    return agents


AgentWeights = Annotated[Many[AgentWeight], Field(max_length=100), AfterValidator(_weights)]
"""The agents of a number for one direction, whose weights add up to 1; null or empty disables the direction."""
Countries = Many[Country]

_OLDER_AGENT_KEYS: Final[Mapping[str, str]] = {
    "inbound_agents": "inbound_agent",
    "outbound_agents": "outbound_agent",
    "inbound_sms_agents": "inbound_sms_agent",
    "outbound_sms_agents": "outbound_sms_agent",
}


def _converted(given: Any) -> Any:
    """The number with `inbound_agent_id` and the like of clients before 2026-04 written as a list of one agent.

    A null disables the direction, as before. Retell answers 400 to these keys since it removed them. Its guides still
    have them and its SDKs up to 4.x send them, so here they work; beside today's key of the same direction they are
    ignored.
    """
    if not isinstance(given, dict):
        return given
    number = dict(given)
    for key, older in _OLDER_AGENT_KEYS.items():
        version = number.pop(f"{older}_version", None)
        if f"{older}_id" not in number:
            continue
        agent_id = number.pop(f"{older}_id")
        agent = {"agent_id": agent_id, "weight": 1} | ({} if version is None else {"agent_version": version})
        number.setdefault(key, None if agent_id is None else [agent])
    return number


class _NumberSettings(ContractModel):
    """The settings that the bodies of import, create and update have in common."""

    nickname: Nickname | None = None
    inbound_agents: AgentWeights | None = None
    outbound_agents: AgentWeights | None = None
    inbound_webhook_url: WebhookUrl | None = None
    refer_to_format: ReferToFormat | None = None
    refer_to_host: ReferToHost | None = None
    allowed_inbound_country_list: Countries | None = None
    allowed_outbound_country_list: Countries | None = None
    dial_policy: DialPolicy | None = None
    recording: Recording | None = Field(default=None, description="null: as the agent's recording says")
    recording_consent: RecordingConsent | None = Field(default=None, description="null: that of the agent")
    transport: Transport | None = "TCP"

    OLDER_KEYS: ClassVar[frozenset[str]] = frozenset(
        f"{older}_{part}" for older in _OLDER_AGENT_KEYS.values() for part in ("id", "version")
    )

    @model_validator(mode="before")
    @classmethod
    def _convert_older_keys(cls, given: Any) -> Any:
        return _converted(given)


class PhoneNumberImport(_NumberSettings):
    """Body of POST /import-phone-number, for a number on the customer's own trunk or inside the PBX."""

    phone_number: DialledNumber
    termination_uri: TerminationUri
    sip_trunk_auth_username: Credential | None = None
    sip_trunk_auth_password: Credential | None = Field(default=None, repr=False)
    codecs: Many[Codec] = ()
    media_encryption: MediaEncryption | None = None
    termination_uris: MoreDestinations | None = None
    registration: TrunkRegistration | None = None
    inbound_addresses: CarrierAddresses | None = None
    qualify_frequency_s: QualifyFrequency | None = None
    ignore_e164_validation: Flag = True

    @model_validator(mode="after")
    def _check_number(self) -> Self:
        if not self.ignore_e164_validation:
            require_e164(self.phone_number)
        return self

    def number(self, *, now_ms: int) -> PhoneNumber:
        """Make a new phone number with these settings. now_ms: the time, in milliseconds since 1970."""
        settings = self.changes()
        trunk: dict[str, Any] = {
            "termination_uri": self.termination_uri,
            "auth_username": self.sip_trunk_auth_username,
            "auth_password": self.sip_trunk_auth_password,
            "transport": self.transport or "TCP",
            "codecs": list(self.codecs),
            "media_encryption": self.media_encryption,
            **{key: settings.pop(key) for key in _NEWER_TRUNK_KEYS if key in settings},
        }
        return PhoneNumber.model_validate(
            {
                **settings,
                "phone_number_type": "custom",
                "sip_outbound_trunk_config": trunk,
                "last_modification_timestamp": now_ms,
            }
        )


class PhoneNumberCreate(_NumberSettings):
    """Body of POST /create-phone-number. Retell buys a number; there is none to buy here, so the body must name it.

    phone_number: a number of the PBX itself, such as 200, is taken too.
    """

    phone_number: OwnNumber
    area_code: Annotated[int, Field(strict=True, ge=200, le=999), INTEGRAL] | None = None
    country_code: Literal["US", "CA"] = "US"
    number_provider: Literal["twilio", "telnyx"] = "twilio"
    toll_free: Flag = False
    fallback_number: DialledNumber | None = None

    def number(self, *, now_ms: int) -> PhoneNumber:
        """Make a new phone number with these settings. now_ms: the time, in milliseconds since 1970."""
        return PhoneNumber.model_validate(
            {
                **self.changes(),
                "sip_outbound_trunk_config": {"transport": self.transport or "TCP"},
                "last_modification_timestamp": now_ms,
            }
        )


class PhoneNumberUpdate(_NumberSettings):
    """Body of PATCH /update-phone-number. Read `changes()` only: an attribute that was not given has a default here.

    The keys of the trunk differ from those of import, as they do at Retell.
    """

    model_config = ConfigDict(json_schema_extra=without_defaults)

    inbound_sms_agents: AgentWeights | None = None
    outbound_sms_agents: AgentWeights | None = None
    inbound_sms_webhook_url: WebhookUrl | None = None
    fallback_number: DialledNumber | None = None
    termination_uri: TerminationUri | None = None
    auth_username: Credential | None = None
    auth_password: Credential | None = Field(default=None, repr=False)
    codecs: Many[Codec] | None = None
    media_encryption: MediaEncryption | None = None
    termination_uris: MoreDestinations | None = None
    registration: TrunkRegistration | None = None
    inbound_addresses: CarrierAddresses | None = None
    qualify_frequency_s: QualifyFrequency | None = None

    def apply(self, number: PhoneNumber, *, now_ms: int) -> PhoneNumber:
        """Return a copy of the number with these changes. now_ms: the time, in milliseconds since 1970.

        Raises:
            pydantic.ValidationError: with the changes, the settings contradict one another.
        """
        changes = self.changes()
        trunk_changes = {key: changes.pop(key) for key in _TRUNK_KEYS if key in changes}
        if trunk_changes.get("transport", "TCP") is None:
            trunk_changes["transport"] = "TCP"
        record = number.as_record()
        if trunk_changes:
            trunk = {**(record.get("sip_outbound_trunk_config") or {}), **trunk_changes}
            record["sip_outbound_trunk_config"] = trunk
        return PhoneNumber.model_validate({**record, **changes, "last_modification_timestamp": now_ms})


_NEWER_TRUNK_KEYS: Final = ("termination_uris", "registration", "inbound_addresses", "qualify_frequency_s")
"""The keys of the trunk that import, update and the answer have alike, all of them ours."""
_TRUNK_KEYS: Final = (
    "termination_uri",
    "auth_username",
    "auth_password",
    "transport",
    "codecs",
    "media_encryption",
    *_NEWER_TRUNK_KEYS,
)


class TrunkConfig(ContractModel):
    """The trunk of a number's outbound calls. The API never answers the password: `as_json` leaves it out.

    media_encryption: null requires it over TLS, and does without over UDP and TCP. registration, inbound_addresses:
    with one of them the trunk takes calls, too; without, the carrier's calls come in by an endpoint of one's own.
    """

    termination_uri: TerminationUri | None = None
    auth_username: Credential | None = None
    auth_password: SkipJsonSchema[Credential | None] = Field(default=None, exclude=True, repr=False)
    transport: Transport = "TCP"
    codecs: StoredCodecs | None = None
    media_encryption: MediaEncryption | None = None
    termination_uris: MoreDestinations | None = None
    registration: TrunkRegistration | None = None
    inbound_addresses: CarrierAddresses | None = None
    qualify_frequency_s: QualifyFrequency | None = None


class PhoneNumber(ContractModel):
    """A phone number, as the API answers it; `phone_number` is its key in the database."""

    phone_number: DialledNumber
    phone_number_pretty: str = ""
    phone_number_type: Literal["retell-twilio", "retell-telnyx", "custom"] = "custom"
    nickname: Nickname | None = None
    area_code: int | None = None
    inbound_agents: AgentWeights | None = None
    outbound_agents: AgentWeights | None = None
    inbound_sms_agents: AgentWeights | None = None
    outbound_sms_agents: AgentWeights | None = None
    inbound_webhook_url: WebhookUrl | None = None
    inbound_sms_webhook_url: WebhookUrl | None = None
    fallback_number: DialledNumber | None = None
    refer_to_format: ReferToFormat | None = None
    refer_to_host: ReferToHost | None = None
    allowed_inbound_country_list: Countries | None = None
    allowed_outbound_country_list: Countries | None = None
    dial_policy: DialPolicy | None = None
    recording: Recording | None = None
    recording_consent: RecordingConsent | None = None
    sip_outbound_trunk_config: TrunkConfig | None = None
    last_modification_timestamp: Timestamp

    @model_validator(mode="before")
    @classmethod
    def _fill_in_pretty(cls, given: Any) -> Any:
        number = given.get("phone_number") if isinstance(given, dict) else None
        if not isinstance(number, str):
            return given
        derived: dict[str, Any] = {"phone_number_pretty": pretty(number)}
        if is_e164(number) and number.startswith("+1"):
            derived["area_code"] = int(number[2:5])
        return {**given, **derived}

    @model_validator(mode="after")
    def _check_fallback(self) -> Self:
        if self.fallback_number is not None and self.fallback_number == self.phone_number:
            raise ValueError("fallback_number must be another number than phone_number")
        return self

    def as_record(self) -> dict[str, Any]:
        """The number as the database stores it, with the trunk's password in clear text."""
        record = self.changes()
        trunk = self.sip_outbound_trunk_config
        if trunk is not None and trunk.auth_password is not None:
            record["sip_outbound_trunk_config"]["auth_password"] = trunk.auth_password
        return record


class PhoneNumberPage(Page):
    """Answer of GET /v2/list-phone-numbers."""

    items: Many[PhoneNumber]
