"""Settings: environment (`ARI_AGENT_*`), then `.env`, then the TOML file of `--config`, then the defaults below.

Every name says its unit. A wrong value is a `ConfigurationError` that names the variable and says what it may be. So is
a variable of the environment whose name is nearly that of a setting.
"""

from __future__ import annotations

import difflib
import logging
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.parsing.url import WebhookUrl, WebsocketUrl
from ari_agent.contract.price_table import PriceTable
from ari_agent.contract.recording import Recording
from ari_agent.contract.retention_days import RetentionDays
from ari_agent.default_database import default_database_url
from ari_agent.errors import ConfigurationError
from ari_agent.process_settings import ProcessSettings
from ari_agent.setting_values import (
    Address,
    ContextName,
    HttpUrl,
    PortRange,
    lower,
    read_address,
    read_dial_policy,
    read_numeric_address,
    read_port_range,
    read_prices,
    unset_if_empty,
)

log = logging.getLogger(__name__)

PREFIX = "ARI_AGENT_"
MAY_HOLD_SECRETS = re.compile(r"PASSWORD|KEY|_URL$")  # a URL has room for a password

OF_OTHERS: Final = frozenset(
    {
        *("SIP_BIND", "SIP_PORT", "SIP_TLS_PORT", "SIP_RTP_PORTS", "ARI_BIND", "ARI_PORT", "ASTERISK_OWNER"),
        *("SIP_WSS_BIND", "SIP_WSS_PORT"),
        *("SOFTPHONE_ACCOUNT", "SOFTPHONE_PASSWORD", "ENTITY_ID", "CACHE", "DEBIAN_MIRROR", "ETC", "TEMPLATES"),
        *("ASTERISKS", "CALLERS", "KAMAILIO_FOLDER", "KAMAILIO_LISTEN", "POSTGRESQL_PASSWORD"),
        *("DEMO_AGENT_PORT", "DEMO_WEBHOOK_PORT", "DEMO_RUNNING"),
    }
)
"""Variables with our prefix that the demo and docker/ read, without it. They are no settings of `serve`."""

SERVICE_ENVIRONMENT: Final = (Path("/etc/ari-agent/asterisk/ari-agent.env"), Path("/etc/ari-agent/controller.env"))
"""The files that the systemd unit reads settings from."""

REALTIME_URL: Final = "wss://api.openai.com/v1/realtime"


class Settings(ProcessSettings):
    """All settings of the controller, which `ari-agent serve` reads once at its start with `load`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    ari_url: HttpUrl = Field(
        "http://127.0.0.1:8088/ari", description="Asterisk's REST interface, up to and including /ari"
    )
    ari_username: str = Field("ari_agent", min_length=1, description="user section of ari.conf")
    ari_password: SecretStr = Field(SecretStr(""), description="the password of this user of ari.conf; required")
    bind: Annotated[Address, NoDecode, BeforeValidator(read_address)] = Field(
        Address("127.0.0.1", 8080), description="where the HTTP API listens"
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="bearer key of the API, also the key that signs webhooks; required"
    )
    database_url: str = Field(
        default_factory=default_database_url, description="SQLAlchemy URL: sqlite+aiosqlite or postgresql+asyncpg"
    )
    artefacts_url: str = Field(
        "",
        description="where recordings and logs are kept: a folder, or s3://, gs://, az://; empty: beside the database",
    )
    spool_dir: Annotated[Path | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="local folder where recordings and logs grow; empty: `spool` beside the database"
    )
    public_url: Annotated[HttpUrl | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="what the world reaches the API under, for links to recordings and logs; empty: http://BIND"
    )
    link_lifetime_s: int = Field(
        86_400, ge=60, le=604_800, description="how long links are good that expire, in seconds (opt_in_signed_url)"
    )
    recording: Annotated[Recording, BeforeValidator(lower)] = Field(
        "off", description="what is recorded of calls whose number and agent do not say: off, on, agent_only"
    )
    recording_beep_s: int = Field(
        0, ge=0, le=3600, description="seconds between tones that say that a call is recorded; 0 = there is none"
    )
    sounds_dir: Annotated[Path | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="folder of the sound files that recording_consent of agents and numbers names; empty: none"
    )
    public_logs: bool = Field(True, description="a log of each call that its owner may read: public_log_url")
    console: Annotated[Literal["on", "off"], BeforeValidator(lower)] = Field(
        "on", description="web pages at /console of the HTTP API, behind a login with the API key"
    )
    console_read_only_key: SecretStr = Field(
        SecretStr(""),
        description="key that logs in to the console to look without changing anything; empty: there is none",
    )
    browser_phone: Annotated[Literal["on", "off"], BeforeValidator(lower)] = Field(
        "on", description="the telephone in the console, where its password is set"
    )
    browser_phone_account: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")] = Field(
        "browser-phone", description="its account in pjsip.conf, with `webrtc = yes`"
    )
    browser_phone_password: SecretStr = Field(SecretStr(""), description="that account's password; empty: no telephone")
    rtp_host: str = Field("127.0.0.1", min_length=1, description="address of this machine that Asterisk sends audio to")
    rtp_announced_host: Annotated[str, AfterValidator(read_numeric_address)] = Field(
        "", description="address that Asterisk sends audio to where it is not rtp_host, as behind NAT"
    )
    rtp_ports: Annotated[PortRange, NoDecode, BeforeValidator(read_port_range)] = Field(
        PortRange(0, 0), description="0 = chosen by the system, or FIRST-LAST"
    )
    no_audio_after_s: float = Field(
        30, ge=0, le=86_400, description="how long a caller may send neither audio nor a sign of life; 0 = for ever"
    )
    agent_redial_s: float = Field(15, ge=0, le=60, description="how long a lost audio agent is dialled again; 0 = not")
    webhook_url: Annotated[WebhookUrl | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="account-level webhook; an agent's own webhook_url replaces it"
    )
    webhook_data_copy: bool = Field(True, description="webhooks about calls hold `data`, a copy of `call`")
    webhook_retention_days: int = Field(7, ge=1, le=3650, description="how long delivered webhooks are kept")
    dead_webhook_retention_days: int = Field(90, ge=1, le=3650, description="how long webhooks given up are kept")
    presidio_model: str = Field(
        "", max_length=100, description="spaCy model for Presidio, which finds names and addresses; empty = not asked"
    )
    record_retention_days: int = Field(
        0,
        ge=0,
        le=3650,
        description="days after which calls and chats are deleted; 0 = never, but for agents that say so",
    )
    transcript_retention_days: int = Field(
        0, ge=0, le=3650, description="days after which what was said is removed from calls and chats; 0 = with them"
    )
    recording_retention_days: int = Field(
        0, ge=0, le=3650, description="days after which recordings are deleted; 0 = with the call"
    )
    log_retention_days: int = Field(
        0, ge=0, le=3650, description="days after which public logs are deleted; 0 = with the call"
    )
    concurrency_limit: int = Field(20, ge=1, le=100_000, description="calls at the same time")
    reserved_inbound_concurrency: int = Field(0, ge=0, description="of these, slots kept for inbound calls")
    database_away: Annotated[Literal["take", "refuse"], BeforeValidator(lower)] = Field(
        "take", description="new calls while a PostgreSQL that controllers share is away: take or refuse"
    )
    calls_per_second: float = Field(1, gt=0, le=150, description="how fast the calls of batches begin")
    chat_failure_text: str = Field(
        "Sorry, we cannot answer at the moment. Please try again later.",
        max_length=1000,
        description="what is written to a user whose agent is out of reach; empty = nothing",
    )
    chat_too_long_text: str = Field(
        "Sorry, your message is too long for us to read. Please send it again in shorter parts.",
        max_length=1000,
        description="what is written to a user whose text was longer than Asterisk takes; empty = nothing",
    )
    speech_to_text: Literal["auto", "none", "openai", "deepgram", "wyoming", "moonshine", "grammar"] = Field(
        "auto", description="speech-to-text provider of text agents; auto = what is installed on this machine"
    )
    text_to_speech: Literal["auto", "none", "openai", "elevenlabs", "wyoming", "piper", "flite"] = Field(
        "auto", description="text-to-speech provider of text agents; auto = what is installed on this machine"
    )
    openai_api_key: SecretStr = Field(SecretStr(""), description="key of OpenAI, or of a server that has the same API")
    openai_base_url: HttpUrl = Field(
        "https://api.openai.com/v1", description="URL of the API of OpenAI or a like server, up to and including /v1"
    )
    openai_stt_url: Annotated[HttpUrl | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="the same of a server that only listens; without one, OPENAI_BASE_URL"
    )
    openai_tts_url: Annotated[HttpUrl | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="the same of a server that only speaks; without one, OPENAI_BASE_URL"
    )
    openai_stt_model: str = Field("gpt-4o-mini-transcribe", min_length=1, description="OpenAI model for speech to text")
    openai_tts_model: str = Field("gpt-4o-mini-tts", min_length=1, description="OpenAI model for text to speech")
    deepgram_api_key: SecretStr = Field(SecretStr(""), description="key of Deepgram")
    deepgram_url: str = Field("wss://api.deepgram.com", min_length=1, description="URL of Deepgram or a like server")
    deepgram_model: str = Field("nova-3", min_length=1, description="Deepgram model for speech to text")
    elevenlabs_api_key: SecretStr = Field(SecretStr(""), description="key of ElevenLabs")
    elevenlabs_url: str = Field("https://api.elevenlabs.io", min_length=1, description="URL of ElevenLabs")
    elevenlabs_model: str = Field("eleven_flash_v2_5", min_length=1, description="ElevenLabs model for text to speech")
    wyoming_stt_url: str = Field(
        "tcp://127.0.0.1:10300", min_length=1, description="URL of a Wyoming server that listens: tcp://HOST:PORT"
    )
    wyoming_tts_url: str = Field(
        "tcp://127.0.0.1:10200", min_length=1, description="URL of a Wyoming server that speaks: tcp://HOST:PORT"
    )
    piper: str = Field("piper", min_length=1, description="name or path of the program piper")
    piper_voices: Annotated[Path | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="folder with voices for piper, NAME.onnx with NAME.onnx.json; without one, none"
    )
    flite: str = Field("flite", min_length=1, description="name or path of the program flite")
    fallback_voice: str = Field(
        "", max_length=256, description="voice that speaks for a text agent whose own voices are from elsewhere"
    )
    grammar: Annotated[Path | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="file with a JSGF grammar or a list of phrases; without one, a few built-in intents"
    )
    moonshine_model: Annotated[Path | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="folder with a Moonshine model; without one, the tiny English one of moonshine-voice"
    )
    smart_turn_model: Annotated[Path | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="file with a Smart Turn model, by which moonshine waits longer for who is not done"
    )
    llm_model: str = Field(
        "",
        max_length=256,
        description="model of agents with a prompt that name none; empty = no such agents",
    )
    llm_url: HttpUrl = Field(
        "https://api.openai.com/v1", description="URL of its chat completions API, of OpenAI or a like server"
    )
    llm_api_key: SecretStr = Field(SecretStr(""), description="key of that server, if it wants one")
    realtime_url: WebsocketUrl = Field(
        REALTIME_URL, description="URL of OpenAI's realtime API or a like server, for models that hear and speak"
    )
    realtime_api_key: SecretStr = Field(SecretStr(""), description="key of that server, if it wants one")
    realtime_audio: Literal["pcmu", "pcm"] = Field(
        "pcmu", description="how sound travels there: as on the telephone, or PCM at 24 kHz"
    )
    realtime_transcription_model: str = Field(
        "gpt-transcribe", max_length=256, description="model that writes down what callers say there; empty = none"
    )
    analysis_model: str = Field(
        "", max_length=256, description="model that analyses calls and chats; empty = none does"
    )
    analysis_url: HttpUrl = Field(
        "https://api.openai.com/v1", description="URL of the chat completions API of OpenAI or a like server"
    )
    analysis_api_key: SecretStr = Field(SecretStr(""), description="key of that server, if it wants one")
    analysis_timeout_s: float = Field(30, gt=0, le=3600, description="how long one request to the model may take")
    analysis_attempts: int = Field(3, ge=1, le=20, description="how often one request to the model is tried in all")
    analysis_wait_s: float = Field(
        60, gt=0, le=86_400, description="how long call_analyzed waits for the model after the end of a call"
    )
    analysis_concurrency: int = Field(4, ge=1, le=1000, description="analyses at the same time; the others wait")
    analysis_max_characters: int = Field(
        60_000, ge=1000, le=10_000_000, description="how much of one conversation the model reads"
    )
    drain_s: float = Field(
        0, ge=0, le=86_400, description="how long SIGTERM lets calls go on before it ends them; new ones are refused"
    )
    extensions_context: Annotated[ContextName | None, BeforeValidator(unset_if_empty)] = Field(
        None, description="dialplan context of the PBX's extensions, for transfers to them; empty = there are none"
    )
    dial_policy: Annotated[DialPolicy, NoDecode, BeforeValidator(read_dial_policy)] = Field(
        DialPolicy(), description="who may be dialled, how often, and with which headers"
    )
    prices: Annotated[PriceTable | None, NoDecode, BeforeValidator(read_prices)] = Field(
        None, description="what calls cost, by product: a price table, or a file of it; none = costs are not known"
    )
    caller_transfers: Annotated[Literal["refuse", "allow"], BeforeValidator(lower)] = Field(
        "refuse", description="whether the phone of a caller may send the agent on to a number or extension by REFER"
    )
    trunk_context: ContextName = Field(
        "from-trunk", description="dialplan context where the calls of trunks come in that are made to take calls"
    )
    show_withheld_numbers: bool = Field(
        False, description="tell agents, records and webhooks the number of a caller who withholds it"
    )
    connections_per_address: int = Field(
        500, ge=0, le=1_000_000, description="HTTP connections of one address at the same time; 0 = any number"
    )
    traces: Annotated[Literal["off", "on"], BeforeValidator(lower)] = Field(
        "off", description="a trace of each call, to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names"
    )
    trace_numbers: Annotated[Literal["none", "masked", "full"], BeforeValidator(lower)] = Field(
        "none", description="whether traces tell the numbers of calls; masked: their last two digits"
    )
    log_format: Literal["text", "json"] = Field("text", description="log lines for people or for machines")
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = Field(
        "info", description="the least severe log lines that are written"
    )

    @property
    def secrets(self) -> Sequence[str]:
        """The values of all settings that are secrets, where they are set."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [secret for value in values if isinstance(value, SecretStr) and (secret := value.get_secret_value())]

    @property
    def has_realtime(self) -> bool:
        """Whether there is a server of models that hear and speak: OpenAI's with a key, or any other."""
        return bool(self.realtime_api_key.get_secret_value()) or self.realtime_url != REALTIME_URL

    @property
    def artefacts_place(self) -> str:
        """The store of recordings and logs: `artefacts_url`, or the folder `artefacts` beside the database."""
        return self.artefacts_url or str(self._beside_database / "artefacts")

    @property
    def spool_folder(self) -> Path:
        """The folder where recordings and logs grow: `spool_dir`, or `spool` beside the database."""
        return self.spool_dir or self._beside_database / "spool"

    @property
    def link_base_url(self) -> str:
        """What links to recordings and logs begin with, without a slash at its end."""
        return self.public_url or self.local_url

    @property
    def local_url(self) -> str:
        """The URL of the API for programs of this machine, without a slash at its end."""
        # Nobody reaches "every address of this machine"; from it, its own loopback leads to the API all the same.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind.host, self.bind.host)  # noqa: S104 -- is not bound
        return Address(host, self.bind.port).http_url

    @property
    def _beside_database(self) -> Path:
        """The folder of the SQLite file; where the database is a server, that of the default one."""
        url = self.database_url if self.database_url.startswith("sqlite") else default_database_url()
        return Path(url.partition(":///")[2].partition("?")[0]).absolute().parent

    @property
    def retention_days(self) -> RetentionDays:
        """How long calls, and parts of them, are kept."""
        recordings, logs = self.recording_retention_days, self.log_retention_days
        return RetentionDays(self.record_retention_days, self.transcript_retention_days, recordings, logs)

    @property
    def database_is_default(self) -> bool:
        """Whether nobody has set `database_url`; the folder of the default one is made when it is missing."""
        return "database_url" not in self.model_fields_set

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The sources in order of precedence: the environment, `.env`, then what `load` read from the TOML file."""
        del settings_cls, file_secret_settings  # the base class fixes the signature
        return env_settings, dotenv_settings, init_settings


_PLAINLY: Final[Mapping[str, str]] = dict.fromkeys(("bool_parsing", "bool_type"), "expected true or false")
"""What to say instead of what pydantic says, by the type of its error."""


def _complaint(error: ValidationError) -> str:
    """One line that names each wrong variable and says what it may be; values that may hold a secret are left out."""
    lines = []
    for problem in error.errors():
        name = PREFIX + "_".join(str(part) for part in problem["loc"]).upper()
        message = _PLAINLY.get(problem["type"], problem["msg"]).removeprefix("Value error, ")
        given = "" if MAY_HOLD_SECRETS.search(name) else f" (given: {problem['input']!r})"
        lines.append(f"{name}: {message}{given}")
    return "; ".join(lines)


def _read_toml(path: Path) -> Mapping[str, Any]:
    """The settings of the file, by their names without the prefix; raises ConfigurationError for an unknown one."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"--config {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--config {path}: not valid TOML: {error}") from None
    values = {name.lower().removeprefix(PREFIX.lower()): value for name, value in values.items()}
    if unknown := sorted(values.keys() - Settings.model_fields.keys()):
        known = ", ".join(sorted(Settings.model_fields))
        raise ConfigurationError(f"--config {path}: unknown setting {', '.join(unknown)}; known are {known}")
    return values


def _nearest(name: str) -> str | None:
    """The setting whose name is so like this one that it must be meant; None where there is none."""
    short = name.lower()
    near = difflib.get_close_matches(short, Settings.model_fields, n=3, cutoff=0.66)
    abbreviated = [each for each in near if re.search(".*".join(map(re.escape, short)), each)]
    return next(iter([*abbreviated, *near]), None)


def _check_names(variables: Iterable[str]) -> None:
    """Refuse variables with our prefix that are nearly settings, and log those that are like none."""
    names = {name.upper().removeprefix(PREFIX) for name in variables if name.upper().startswith(PREFIX)}
    unknown = sorted(name for name in names - OF_OTHERS if name.lower() not in Settings.model_fields)
    if wrong := [
        f"{PREFIX}{name} is no setting: {PREFIX}{near.upper()} is" for name in unknown if (near := _nearest(name))
    ]:
        raise ConfigurationError("; ".join(wrong))
    for name in unknown:
        log.warning("no such setting: %s; docs/settings.md lists them all", PREFIX + name)


def load(config_file: Path | None = None) -> Settings:
    """Read the settings from the environment, `.env` and the TOML file, and check those that depend on one another.

    Raises:
        ConfigurationError: a value is wrong, the file is unreadable, or a required secret is missing.
    """
    given = _read_toml(config_file) if config_file else {}
    try:
        _check_names([*os.environ, *dotenv_values(".env")])
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the file .env in this folder cannot be read: {error}") from None
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigurationError(_complaint(error)) from None
    required = [name for name in ("ari_password", "api_key") if not getattr(settings, name).get_secret_value()]
    if required:
        lines = (f"{PREFIX}{name.upper()}: not set; {Settings.model_fields[name].description}" for name in required)
        raise ConfigurationError("; ".join(lines))
    if settings.reserved_inbound_concurrency >= settings.concurrency_limit:
        raise ConfigurationError(
            f"{PREFIX}RESERVED_INBOUND_CONCURRENCY: {settings.reserved_inbound_concurrency} must be less than "
            f"{PREFIX}CONCURRENCY_LIMIT, which is {settings.concurrency_limit}"
        )
    if settings.dial_policy.cost_per_day_cents is not None and settings.prices is None:
        raise ConfigurationError(
            f"{PREFIX}DIAL_POLICY has cost_per_day_cents, and what calls cost is not known: set {PREFIX}PRICES, or "
            "leave that key out"
        )
    recognizer, synthesizer = settings.speech_to_text, settings.text_to_speech
    if (recognizer == "none") != (synthesizer == "none") and "auto" not in {recognizer, synthesizer}:
        raise ConfigurationError(
            f"{PREFIX}SPEECH_TO_TEXT is {recognizer} and {PREFIX}TEXT_TO_SPEECH is {synthesizer}: set both, or neither"
        )
    return settings
