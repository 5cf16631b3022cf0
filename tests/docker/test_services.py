"""docker/compose.yaml and docker/ari-agent.service: they pass every setting, and name the paths that the docs name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ari_agent.config import Settings
from ari_agent.default_database import DATABASE_FILE, SERVICE_FOLDER

REPOSITORY = Path(__file__).parents[2]
COMPOSE = (REPOSITORY / "docker" / "compose.yaml").read_text()
UNIT = (REPOSITORY / "docker" / "ari-agent.service").read_text()
DOCS = (REPOSITORY / "docs" / "existing-pbx.md").read_text()
OF_THE_ASTERISK_BESIDE = {
    *("ari_url", "ari_username", "ari_password", "app", "api_key"),
    *("browser_phone_account", "browser_phone_password"),
}
"""The controller beside the Asterisk of the same file reads these from the volume of secrets."""


def service(name: str) -> str:
    match = re.search(rf"^  {name}:.*?(?=^  [a-z#]|^\S|\Z)", COMPOSE, flags=re.DOTALL | re.MULTILINE)
    assert match, name
    return match[0]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_compose_passes_every_setting(name: str) -> None:
    own, alone = service("controller"), service("controller-alone")
    where = alone if name in OF_THE_ASTERISK_BESIDE else own
    assert re.search(rf"^      ARI_AGENT_{name.upper()}:", where, flags=re.MULTILINE)
    assert "<<: *controller-settings" in alone


def test_compose_passes_what_the_docs_name_for_a_bucket() -> None:
    page = (REPOSITORY / "docs" / "artefacts.md").read_text()
    named = set(re.findall(r"`((?:AWS|GOOGLE|AZURE)_[A-Z_]+)`", page))
    assert len(named) == 11
    assert named == set(re.findall(r"^      ((?:AWS|GOOGLE|AZURE)_[A-Z_]+):$", service("controller"), re.MULTILINE))


def test_the_controller_alone_waits_for_no_asterisk_of_this_file() -> None:
    alone = service("controller-alone")
    assert "profiles: [controller-alone]" in alone and "depends_on: []" in alone and "secrets" not in alone


def test_the_unit_and_the_docs_name_the_same_paths() -> None:
    for path in ("/opt/ari-agent/venv/bin/ari-agent", "/etc/ari-agent/controller.env", str(SERVICE_FOLDER)):
        assert path in UNIT and path in DOCS
    assert f"{SERVICE_FOLDER}/{DATABASE_FILE}" in UNIT
    assert f"StateDirectory={SERVICE_FOLDER.name}\n" in UNIT


def test_the_unit_needs_no_file_that_only_the_recipe_makes_and_waits_longer_than_calls_may_go_on() -> None:
    assert all(path.startswith("-") for path in re.findall(r"^EnvironmentFile=(.*)", UNIT, flags=re.MULTILINE))
    drain, stop = re.search(r"ARI_AGENT_DRAIN_S=(\d+)", UNIT), re.search(r"TimeoutStopSec=(\d+)", UNIT)
    assert drain and stop and int(stop[1]) >= int(drain[1]) + 20


def test_the_unit_starts_no_controller_again_that_has_drained() -> None:
    assert "\nRestart=on-failure\n" in UNIT


def test_the_container_waits_longer_than_calls_may_go_on() -> None:
    own = service("controller")
    drain, stop = re.search(r"ARI_AGENT_DRAIN_S:-(\d+)", own), re.search(r"stop_grace_period: (\d+)s", own)
    assert drain and stop and int(stop[1]) >= int(drain[1]) + 20
