from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ari_agent import default_database
from ari_agent.config import load
from ari_agent.contract.dial_policy import DialPolicy
from ari_agent.contract.price_table import PriceTable
from ari_agent.demo.settings import PORTS
from ari_agent.errors import ConfigurationError
from ari_agent.setting_values import Address, PortRange


@pytest.fixture(autouse=True)
def secrets_are_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARI_AGENT_ARI_PASSWORD", "p4ss")
    monkeypatch.setenv("ARI_AGENT_API_KEY", "k3y")


def test_the_defaults() -> None:
    found = load()
    assert found.ari_url == "http://127.0.0.1:8088/ari"
    assert found.bind == Address("127.0.0.1", 8080)
    assert found.rtp_ports == PortRange(0, 0)
    assert found.concurrency_limit == 20


@pytest.mark.parametrize(
    ("given", "artefacts", "spool"),
    [
        ({}, "/db/artefacts", "/db/spool"),
        ({"ARTEFACTS_URL": "s3://calls/x"}, "s3://calls/x", "/db/spool"),
        ({"ARTEFACTS_URL": "/disk", "SPOOL_DIR": "/fast"}, "/disk", "/fast"),
        ({"DATABASE_URL": "postgresql+asyncpg://u:p@h/d"}, "/state/ari-agent/artefacts", "/state/ari-agent/spool"),
    ],
)
def test_recordings_and_logs_are_beside_the_database(
    given: dict[str, str], artefacts: str, spool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    for name, value in {"DATABASE_URL": "sqlite+aiosqlite:////db/file.db?timeout=5", **given}.items():
        monkeypatch.setenv(f"ARI_AGENT_{name}", value)
    found = load()
    assert (found.artefacts_place, str(found.spool_folder)) == (artefacts, spool)


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"BIND": "[::1]:80"}, "http://[::1]:80"),
        ({"BIND": "0.0.0.0:80"}, "http://127.0.0.1:80"),
        ({"BIND": "[::]:80"}, "http://[::1]:80"),
        ({"PUBLIC_URL": "https://pbx.example.com/voice/"}, "https://pbx.example.com/voice"),
    ],
)
def test_links_begin_with_what_the_world_reaches(
    given: dict[str, str], base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"ARI_AGENT_{name}", value)
    assert load().link_base_url == base


def test_environment_beats_dotenv_beats_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toml = tmp_path / "ari-agent.toml"
    ports = 'rtp_ports = "30000-30999"\n[dial_policy]\ncalls_per_day = 5\n'
    toml.write_text(f'app = "from_toml"\nbind = "[::1]:1"\n{ports}')
    (tmp_path / ".env").write_text("ARI_AGENT_APP=from_dotenv\nARI_AGENT_BIND=10.0.0.1:2\n")
    monkeypatch.setenv("ARI_AGENT_APP", "from_environment")
    found = load(toml)
    assert (found.app, found.bind, found.rtp_ports) == ("from_environment", ("10.0.0.1", 2), (30000, 30999))
    assert found.dial_policy == DialPolicy(calls_per_day=5)


@pytest.mark.parametrize(
    ("given", "policy"),
    [("", DialPolicy()), ("{}", DialPolicy()), ('{"extensions": ["_2XX"]}', DialPolicy(extensions=("_2XX",)))],
)
def test_the_dial_policy_is_json_in_the_environment(
    given: str, policy: DialPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARI_AGENT_DIAL_POLICY", given)
    assert load().dial_policy == policy


def test_the_price_table_is_json_a_file_or_a_table_in_toml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = PriceTable.model_validate({"telephony": [{"prefix": "+1", "cents_per_minute": Decimal("0.1")}]})
    as_json = '{"telephony": [{"prefix": "+1", "cents_per_minute": 0.1}]}'
    as_toml = '[[telephony]]\nprefix = "+1"\ncents_per_minute = 0.1\n'
    (tmp_path / "prices.json").write_text(as_json)
    (tmp_path / "windows.json").write_text(as_json, encoding="utf-8-sig")
    (tmp_path / "prices.toml").write_text(as_toml)
    assert load().prices is None
    for value in (as_json, "prices.json", "windows.json", str(tmp_path / "prices.toml")):
        monkeypatch.setenv("ARI_AGENT_PRICES", value)
        assert load().prices == table
    monkeypatch.setenv("ARI_AGENT_PRICES", "")
    assert load().prices is None
    monkeypatch.delenv("ARI_AGENT_PRICES")
    (tmp_path / "all.toml").write_text(as_toml.replace("telephony", "prices.telephony"))
    assert load(tmp_path / "all.toml").prices == table


@pytest.mark.parametrize("given", ["no toml", "[telephony]\ncents_per_minute = 1\n", b"\xff"])
def test_a_wrong_price_file_is_told(given: str | bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "prices.toml").write_bytes(given if isinstance(given, bytes) else given.encode())
    monkeypatch.setenv("ARI_AGENT_PRICES", "prices.toml")
    with pytest.raises(ConfigurationError, match="ARI_AGENT_PRICES: expected a price table"):
        load()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BIND", "8080", "HOST:PORT"),
        ("BIND", "localhost:99999", "HOST:PORT"),
        ("RTP_PORTS", "30000", "FIRST-LAST"),
        ("RTP_PORTS", "31000-30000", "FIRST-LAST"),
        ("RTP_PORTS", "80-90", "1024"),
        ("ARI_URL", "127.0.0.1:8088", "http://"),
        ("WEBHOOK_URL", "ftp://x", "http://"),
        ("WEBHOOK_URL", "https://", "names a host"),
        ("WEBHOOK_RETENTION_DAYS", "0", "greater than or equal to 1"),
        ("DEAD_WEBHOOK_RETENTION_DAYS", "1e3", "integer"),
        ("APP", "my app", "letters"),
        ("CONCURRENCY_LIMIT", "many", "integer"),
        ("DIAL_POLICY", "US", "a JSON object such as"),
        ("DIAL_POLICY", "[]x", "a JSON object such as"),
        ("DIAL_POLICY", "[1]", "the policy: must be an object"),
        ("DIAL_POLICY", '{"countries": ["usa"]}', "countries.0.: must have at most 2 characters"),
        ("DIAL_POLICY", '{"calls_per_day": -1}', "calls_per_day: must be greater than or equal to 0"),
        ("DIAL_POLICY", '{"cost_per_day_cents": 5}', "what calls cost is not known: set ARI_AGENT_PRICES"),
        ("PRICES", "prices.json", "or a file of it: '/[^ ]*/prices.json': No such file or directory"),
        ("PRICES", '{"telephony": [], "telephony": []}', "'telephony' is there twice in one object"),
        ("PRICES", '{"a":' * 20_000, "it is nested too deeply"),
        ("PRICES", "{", "expected a price table such as"),
        ("PRICES", '{"telephony": [{"prefix": "1"}]}', "telephony.0..prefix: must match"),
        ("PRICES", '{"telephone": []}', "the price table: has no telephone; its keys are telephony"),
        ("CONCURRENCY_LIMIT", "0", "greater than or equal to 1"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
        ("DRAIN_S", "-1", "greater than or equal to 0"),
        ("WEBHOOK_DATA_COPY", "maybe", "expected true or false"),
        ("SHOW_WITHHELD_NUMBERS", "2", "expected true or false"),
        ("LOG_FORMAT", "xml", "'text' or 'json'"),
        ("SPEECH_TO_TEXT", "siri", "'auto', 'none', 'openai', 'deepgram', 'wyoming', 'moonshine' or 'grammar'"),
        ("OPENAI_BASE_URL", "localhost", "http://"),
        ("OPENAI_STT_URL", "ws://localhost/v1", "http://"),
        ("RESERVED_INBOUND_CONCURRENCY", "20", "less than ARI_AGENT_CONCURRENCY_LIMIT"),
    ],
)
def test_a_wrong_value_names_the_variable_and_what_it_may_be(
    name: str, value: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ARI_AGENT_{name}", value)
    with pytest.raises(ConfigurationError, match=f"ARI_AGENT_{name}.*{expected}"):
        load()


def test_one_who_listens_and_nobody_who_speaks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_SPEECH_TO_TEXT", "grammar")
    assert load().text_to_speech == "auto"
    monkeypatch.setenv("ARI_AGENT_TEXT_TO_SPEECH", "none")
    with pytest.raises(ConfigurationError, match=r"SPEECH_TO_TEXT is grammar and .*TEXT_TO_SPEECH is none: set both"):
        load()
    monkeypatch.setenv("ARI_AGENT_SPEECH_TO_TEXT", "auto")
    assert load().text_to_speech == "none"


@pytest.mark.parametrize("name", ["ARI_PASSWORD", "API_KEY"])
def test_a_missing_secret_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"ARI_AGENT_{name}")
    with pytest.raises(ConfigurationError, match=f"ARI_AGENT_{name}: not set"):
        load()


def test_all_missing_secrets_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ARI_PASSWORD", "API_KEY"):
        monkeypatch.delenv(f"ARI_AGENT_{name}")
    with pytest.raises(ConfigurationError, match=r"ARI_AGENT_ARI_PASSWORD: not set.*ARI_AGENT_API_KEY: not set"):
        load()


@pytest.mark.parametrize(
    ("given", "meant"), [("APIKEY", "API_KEY"), ("DB_URL", "DATABASE_URL"), ("ARI_USER", "ARI_USERNAME")]
)
def test_a_misspelt_variable_is_refused_with_the_nearest_name(
    given: str, meant: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = f"ARI_AGENT_{given} is no setting: ARI_AGENT_{meant} is"
    (tmp_path / ".env").write_text(f"ARI_AGENT_{given}=x\n")
    with pytest.raises(ConfigurationError, match=expected):
        load()
    (tmp_path / ".env").unlink()
    monkeypatch.setenv(f"ari_agent_{given.lower()}", "x")
    with pytest.raises(ConfigurationError, match=expected):
        load()


def test_an_unknown_variable_that_is_like_no_setting_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ARI_AGENT_COLOUR", "red")
    load()
    assert "no such setting: ARI_AGENT_COLOUR" in caplog.text


def test_variables_of_the_demo_and_of_the_recipe_are_known(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = (Path(__file__).parents[1] / "docker" / "install.sh").read_text()
    names = {*re.findall(r"ARI_AGENT_[A-Z_]+", recipe), *(f"ARI_AGENT_{name}" for name, _ in PORTS.values())}
    names |= {"ARI_AGENT_SOFTPHONE_ACCOUNT", "ARI_AGENT_ENTITY_ID"}  # in ari-agent.env, which the systemd unit reads
    for name in names - {
        *("ARI_AGENT_BROWSER_PHONE", "ARI_AGENT_RTP_PORTS", "ARI_AGENT_BIND", "ARI_AGENT_ARI_URL"),
        "ARI_AGENT_PROCESSES",
    }:
        monkeypatch.setenv(name, "ari_agent")
    load()
    assert caplog.text == ""


def test_the_log_level_is_taken_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_LOG_LEVEL", "DEBUG")
    assert load().log_level == "debug"


def test_the_default_database_does_not_depend_on_the_current_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(default_database, "SERVICE_FOLDER", tmp_path / "service")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert load().database_url == f"sqlite+aiosqlite:///{tmp_path}/state/ari-agent/ari-agent.db"
    assert load().database_is_default
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load().database_url == f"sqlite+aiosqlite:///{tmp_path}/home/.local/state/ari-agent/ari-agent.db"
    (tmp_path / "service").mkdir()
    assert load().database_url == f"sqlite+aiosqlite:///{tmp_path}/service/ari-agent.db"
    (tmp_path / "ari-agent.db").touch()  # of an earlier version, which made it where one stood
    assert load().database_url == f"sqlite+aiosqlite:///{tmp_path}/ari-agent.db"
    monkeypatch.setenv("ARI_AGENT_DATABASE_URL", "sqlite+aiosqlite:///own.db")
    assert load().database_url == "sqlite+aiosqlite:///own.db"
    assert not load().database_is_default


def test_without_a_range_the_system_chooses_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_RTP_PORTS", " 0 ")
    assert load().rtp_ports == PortRange(0, 0)


def test_secrets_are_not_shown() -> None:
    assert "p4ss" not in repr(load())
    assert "k3y" not in repr(load())


def test_a_password_in_a_wrong_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_WEBHOOK_URL", "htps://user:hunter2@example.com/")
    with pytest.raises(ConfigurationError, match="ARI_AGENT_WEBHOOK_URL") as refused:
        load()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["https://example.com/hook/?a=1", "https://x.example/{{ call_id }}", "{{hook}}"])
def test_the_webhook_url_is_kept_as_it_is_given(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_WEBHOOK_URL", url)
    assert load().webhook_url == url


def test_an_empty_webhook_url_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARI_AGENT_WEBHOOK_URL", "")
    assert load().webhook_url is None


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    toml = tmp_path / "ari-agent.toml"
    toml.write_text('aip_key = "x"\n')
    with pytest.raises(ConfigurationError, match=r"unknown setting aip_key.*api_key"):
        load(toml)


@pytest.mark.parametrize("content", [b"app = ", b"\xff\xfe"])
def test_an_unreadable_file_is_named(content: bytes, tmp_path: Path) -> None:
    toml = tmp_path / "ari-agent.toml"
    toml.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load(toml)
    with pytest.raises(ConfigurationError, match="No such file"):
        load(tmp_path / "nowhere.toml")


def test_a_dotenv_file_that_is_no_text_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(b"ARI_AGENT_APP=\xff\n")
    with pytest.raises(ConfigurationError, match=r"\.env in this folder cannot be read: .*0xff"):
        load()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["BIND", "RTP_PORTS", "ARI_URL", "APP", "CONCURRENCY_LIMIT", "RTP_HOST"]),
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
def test_no_value_is_a_traceback(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"ARI_AGENT_{name}", value)
        try:
            load()
        except ConfigurationError as error:
            assert f"ARI_AGENT_{name}" in str(error)
