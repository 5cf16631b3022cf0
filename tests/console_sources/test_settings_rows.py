"""What the console tells of settings: what each means, and no value that may be a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from ari_agent.config import PREFIX, Settings, load
from ari_agent.console.dependencies import SettingsRow
from ari_agent.console_sources.settings_rows import settings_rows

SET = {
    "API_KEY": "hunter22",
    "ARI_PASSWORD": "hunter22",
    "OPENAI_API_KEY": "",
    "DATABASE_URL": "postgresql+asyncpg://u:hunter22@db/x",
    "WEBHOOK_URL": "https://hooks.example/hunter22",
    "DEEPGRAM_URL": "wss://x.example/hunter22",
    "LLM_URL": "https://u:hunter22@llm.example/v1",
    "LLM_MODEL": "the model of hunter22",
    "CONCURRENCY_LIMIT": "7",
    "BIND": "[::1]:8081",
    "RTP_PORTS": "30000-30999",
    "WEBHOOK_DATA_COPY": "false",
    "DIAL_POLICY": '{"calls_per_day": 200}',
}


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, SettingsRow]:
    monkeypatch.chdir(tmp_path)
    for name, value in SET.items():
        monkeypatch.setenv(PREFIX + name, value)
    settings = load()
    return {row.name.removeprefix(PREFIX): row for row in settings_rows(settings)}


def test_no_value_of_a_setting_that_may_hold_a_secret_is_told(rows: dict[str, SettingsRow]) -> None:
    assert "hunter22" not in str(rows)
    hidden = ("API_KEY", "ARI_PASSWORD", "DATABASE_URL", "WEBHOOK_URL", "DEEPGRAM_URL", "LLM_URL")
    assert {rows[name].here for name in hidden} == {"set"}
    assert rows["OPENAI_API_KEY"].here == "set to nothing"
    assert rows["LLM_MODEL"].here == "the model of ***"


def test_other_values_are_told_as_people_write_them(rows: dict[str, SettingsRow]) -> None:
    told = ("CONCURRENCY_LIMIT", "BIND", "RTP_PORTS", "WEBHOOK_DATA_COPY", "DIAL_POLICY", "PIPER")
    expected = ["7", "[::1]:8081", "30000-30999", "false", '{"calls_per_day":200}', ""]
    assert [rows[name].here for name in told] == expected
    defaults = [rows[name].default for name in ("CONCURRENCY_LIMIT", "BIND", "RTP_PORTS", "API_KEY", "PUBLIC_URL")]
    assert defaults == ["20", "127.0.0.1:8080", "0", "none", "none"]


def test_each_setting_is_there_with_its_meaning(rows: dict[str, SettingsRow]) -> None:
    assert list(rows) == [name.upper() for name in Settings.model_fields]
    assert all(row.meaning and row.default for row in rows.values())
