"""docs/settings.md explains every setting, with the default of the code."""

from __future__ import annotations

import pytest

from ari_agent.config import PREFIX, Settings
from ari_agent.default_database import DATABASE_FILE, SERVICE_FOLDER
from ari_agent.demo.settings import PORTS
from tests.documentation.pages import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text()


@pytest.mark.parametrize("name", [*Settings.model_fields, *(name.lower() for name, _ in PORTS.values())])
def test_every_setting_is_explained(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in PAGE


@pytest.mark.parametrize(
    "name", ["app", "ari_url", "ari_username", "rtp_host", "concurrency_limit", "drain_s", "log_level"]
)
def test_defaults_are_those_of_the_code(name: str) -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{PREFIX}{name.upper()}`"))
    assert f"`{Settings.model_fields[name].default}`" in row


def test_the_page_says_where_the_default_database_is() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{PREFIX}DATABASE_URL`"))
    assert f"`{SERVICE_FOLDER / DATABASE_FILE}`" in row
    assert f"`~/.local/state/ari-agent/{DATABASE_FILE}`" in row
