"""docker/compose*.yaml and docker/ari-agent.service: they pass every setting, and name the paths that the docs name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ari_agent.config import Settings
from ari_agent.default_database import DATABASE_FILE, SERVICE_FOLDER

REPOSITORY = Path(__file__).parents[2]
COMPOSE = (REPOSITORY / "docker" / "compose.yaml").read_text()
PAIRS = (REPOSITORY / "docker" / "compose.pairs.yaml").read_text()
UNIT = (REPOSITORY / "docker" / "ari-agent.service").read_text()
DOCS = (REPOSITORY / "docs" / "existing-pbx.md").read_text()
OF_THE_ASTERISK_BESIDE = {
    *("ari_url", "ari_username", "ari_password", "app", "api_key"),
    *("browser_phone_account", "browser_phone_password"),
}
"""The controller beside the Asterisk of the same file reads these from the volume of secrets."""


def service(name: str, compose: str = COMPOSE) -> str:
    match = re.search(rf"^  {name}:.*?(?=^  [a-z#]|^\S|\Z)", compose, flags=re.DOTALL | re.MULTILINE)
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


def variables(name: str) -> dict[str, str]:
    """What a service of the pairs is given, with the defaults of what the environment may say."""
    default = r"\$\{\w+:-([^{}]*)\}"
    text = re.sub(default, r"\1", re.sub(default, r"\1", service(name, PAIRS)))  # one may be in another
    return dict(re.findall(r"^      ([A-Z_]+): \"?(.+?)\"?$", text, re.MULTILINE))


def test_the_pairs_share_database_key_and_files_and_nothing_else() -> None:
    one, two = ({**variables("controller-a"), **variables(f"controller-{pair}")} for pair in "ab")
    shared = {name for name in one if one[name] == two[name]}
    assert shared == {"ARI_AGENT_DATABASE_URL", "ARI_AGENT_ARTEFACTS_URL"}
    for pair in (one, two):
        assert pair["ARI_AGENT_NODE_URL"] == f"http://{pair['ARI_AGENT_BIND']}"
        assert {name.removeprefix("ARI_AGENT_").lower() for name in pair} <= set(Settings.model_fields)
    assert "ARI_AGENT_API_KEY" in variables("asterisk-a")


def test_kamailio_knows_the_asterisks_of_the_pairs_and_no_port_is_used_twice() -> None:
    one, two = ({**variables("asterisk-a"), **variables(f"asterisk-{pair}")} for pair in "ab")
    kamailio = variables("kamailio")
    where = [f"{pair['ARI_AGENT_SIP_BIND']}:{pair['ARI_AGENT_SIP_PORT']}" for pair in (one, two)]
    assert kamailio["ARI_AGENT_ASTERISKS"].split(",") == where
    assert one["ARI_AGENT_KAMAILIO"] == kamailio["ARI_AGENT_KAMAILIO_LISTEN"].partition(":")[0]
    ports = [pair[name] for pair in (one, two) for name in pair if name.endswith("_PORT")]
    assert len(ports) == len(set(ports)) == 8
    assert int(one["ARI_AGENT_SIP_RTP_PORTS"].split("-")[1]) < int(two["ARI_AGENT_SIP_RTP_PORTS"].split("-")[0])


def test_an_asterisk_of_the_pairs_is_told_the_address_of_kamailio() -> None:
    conf = (REPOSITORY / "docker" / "kamailio" / "pjsip.conf").read_text()
    assert len(re.findall(r"^match = ", conf, re.MULTILINE)) == 1
    assert "s|^match = .*|match = $ARI_AGENT_KAMAILIO|" in (REPOSITORY / "docker" / "run-asterisk.sh").read_text()


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
