"""docker/install.sh: what it writes, what it refuses, where it finds its mirror."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

REPOSITORY = Path(__file__).parents[2]
INSTALL = REPOSITORY / "docker" / "install.sh"
SECRET_FILES = {"ari.conf", "pjsip.conf", "prometheus.conf", "ari-agent.env", "keys/asterisk.key"}


def install(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ARI_AGENT_")}
    return subprocess.run(
        [str(INSTALL), *arguments], env={**kept, **environment}, capture_output=True, text=True, check=False
    )


def configure(directory: Path, **environment: str) -> dict[str, str]:
    done = install("configure", str(directory), **environment)
    assert done.returncode == 0, done.stderr
    lines = (directory / "ari-agent.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def files_of(directory: Path) -> dict[str, str]:
    text_files = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".wav")
    return {str(path.relative_to(directory)): path.read_text() for path in text_files}


def test_every_placeholder_is_filled_and_every_template_written(tmp_path: Path) -> None:
    configure(tmp_path)
    written = files_of(tmp_path)
    assert {path.name for path in (REPOSITORY / "asterisk-conf").glob("*.conf")} <= written.keys()
    for name, text in written.items():
        assert not re.search("@[A-Z_]+@", text), name


def test_files_with_a_secret_are_for_their_owner_only(tmp_path: Path) -> None:
    made = configure(tmp_path)
    for name, text in files_of(tmp_path).items():
        holds_secret = any(value in text for which, value in made.items() if which.endswith("_PASSWORD"))
        assert (holds_secret or name.endswith(".key")) == (name in SECRET_FILES)
        assert (tmp_path / name).stat().st_mode & 0o777 == (0o600 if name in SECRET_FILES else 0o644), name


@pytest.mark.parametrize(
    ("given", "apps"),
    [
        ({}, "ari_agent"),
        ({"ARI_AGENT_PROCESSES": "3"}, "ari_agent_1&ari_agent_2&ari_agent_3"),
        ({"ARI_AGENT_APP": "east", "ARI_AGENT_PROCESSES": "2"}, "east_1&east_2"),
    ],
)
def test_the_dialplan_names_the_applications_of_all_processes(given: dict[str, str], apps: str, tmp_path: Path) -> None:
    configure(tmp_path, **given)
    assert f"\nARI_AGENT_APPS = {apps}\n" in (tmp_path / "extensions.conf").read_text()
    configure(tmp_path)  # as it was chosen before
    assert f"\nARI_AGENT_APPS = {apps}\n" in (tmp_path / "extensions.conf").read_text()


def test_no_template_holds_a_secret() -> None:
    for path in (REPOSITORY / "asterisk-conf").glob("*.conf"):
        for name, value in re.findall(r"(?m)^\s*(\w*(?:password|secret))\s*=>?\s*(\S+)", path.read_text()):
            assert re.fullmatch("@[A-Z_]+@", value), f"{path.name}: {name}"


def test_passwords_differ_from_one_installation_to_the_next_and_stay_in_each(tmp_path: Path) -> None:
    one, other = configure(tmp_path / "one"), configure(tmp_path / "other")
    kinds = ("ARI_PASSWORD", "SOFTPHONE_PASSWORD", "BROWSER_PHONE_PASSWORD", "API_KEY", "ENTITY_ID")
    made = [f"ARI_AGENT_{kind}" for kind in kinds]
    assert not {one[name] for name in made} & {other[name] for name in made}
    assert len({one[name] for name in made}) == len(made)
    assert configure(tmp_path / "one") == one


def test_a_chosen_value_is_kept_until_another_is_chosen(tmp_path: Path) -> None:
    assert configure(tmp_path, ARI_AGENT_SIP_PORT="5090")["ARI_AGENT_SIP_PORT"] == "5090"
    assert configure(tmp_path)["ARI_AGENT_SIP_PORT"] == "5090"
    assert configure(tmp_path, ARI_AGENT_SIP_PORT="5091")["ARI_AGENT_SIP_PORT"] == "5091"
    assert "bind = 0.0.0.0:5091" in (tmp_path / "pjsip.conf").read_text()


def test_ari_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    configure(tmp_path)
    assert "bindaddr = 127.0.0.1" in (tmp_path / "http.conf").read_text()
    made = configure(tmp_path, ARI_AGENT_ARI_BIND="0.0.0.0")
    assert "bindaddr = 0.0.0.0" in (tmp_path / "http.conf").read_text()
    assert "tlsbindaddr = 127.0.0.1:8089" in (tmp_path / "http.conf").read_text()
    assert made["ARI_AGENT_ARI_URL"] == "http://127.0.0.1:8088/ari"


def test_without_a_telephone_in_the_console_calls_take_no_memory_for_ice(tmp_path: Path) -> None:
    configure(tmp_path)
    assert "icesupport = yes" in (tmp_path / "rtp.conf").read_text()
    made = configure(tmp_path, ARI_AGENT_BROWSER_PHONE="off")
    assert "icesupport = no" in (tmp_path / "rtp.conf").read_text()
    assert made["ARI_AGENT_BROWSER_PHONE"] == "off"


def test_a_file_that_somebody_changed_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    configure(tmp_path)
    edited = "[general]\n; mine\n"
    (tmp_path / "rtp.conf").write_text(edited)
    own = tmp_path / "pjsip.d" / "carrier.conf"
    own.write_text("; my trunk\n")
    configure(tmp_path)
    assert (tmp_path / "rtp.conf.old").read_text() == edited
    assert "rtpstart = 10000" in (tmp_path / "rtp.conf").read_text()
    assert own.read_text() == "; my trunk\n"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ARI_AGENT_APP", "a;b"),
        ("ARI_AGENT_APP", "two words"),
        ("ARI_AGENT_ARI_PORT", "0"),
        ("ARI_AGENT_ARI_PORT", "65536"),
        ("ARI_AGENT_SIP_PORT", "sip"),
        ("ARI_AGENT_SIP_TLS_PORT", "-1"),
        ("ARI_AGENT_SIP_WSS_PORT", "65536"),
        ("ARI_AGENT_SIP_WSS_BIND", "everywhere"),
        ("ARI_AGENT_BROWSER_PHONE", "perhaps"),
        ("ARI_AGENT_BROWSER_PHONE_ACCOUNT", "a]\n[b"),
        ("ARI_AGENT_SIP_BIND", "everywhere"),
        ("ARI_AGENT_ARI_BIND", "127.0.0.1\nbindport = 1"),
        ("ARI_AGENT_SIP_RTP_PORTS", "10000"),
        ("ARI_AGENT_SIP_RTP_PORTS", "20000-10000"),
        ("ARI_AGENT_SIP_RTP_PORTS", "10-20"),
        ("ARI_AGENT_ARI_PASSWORD", "short"),
        ("ARI_AGENT_ARI_PASSWORD", "with;comment-sign"),
        ("ARI_AGENT_SOFTPHONE_ACCOUNT", "a]\n[b"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_written(tmp_path: Path, variable: str, value: str) -> None:
    done = install("configure", str(tmp_path), **{variable: value})
    assert done.returncode == 2
    assert done.stderr.startswith(f"install.sh: {variable} must")
    assert done.stderr.count("\n") == 1 + value.count("\n") * (value in done.stderr)
    assert not list(tmp_path.iterdir())


@settings(max_examples=25, deadline=None)
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_whatever_the_application_is_called_it_is_refused_or_written_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    directory = tmp_path_factory.mktemp("etc")
    done = install("configure", str(directory), ARI_AGENT_APP=value)
    if done.returncode == 0:
        assert f"Stasis({value})" in (directory / "extensions.conf").read_text()
    else:
        assert (done.returncode, list(directory.iterdir())) == (2, [])


@pytest.mark.parametrize(
    ("kind", "protocol", "variable"),
    [
        (socket.SOCK_STREAM, "tcp", "ARI_AGENT_ARI_PORT"),
        (socket.SOCK_STREAM, "tcp", "ARI_AGENT_SIP_PORT"),
        (socket.SOCK_DGRAM, "udp", "ARI_AGENT_SIP_PORT"),
        (socket.SOCK_STREAM, "tcp", "ARI_AGENT_SIP_TLS_PORT"),
        (socket.SOCK_STREAM, "tcp", "ARI_AGENT_SIP_WSS_PORT"),
    ],
)
def test_a_busy_port_is_named_with_its_variable(tmp_path: Path, kind: int, protocol: str, variable: str) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = str(taken.getsockname()[1])
        free = {"ARI_AGENT_ARI_PORT": "21901", "ARI_AGENT_SIP_PORT": "21902", "ARI_AGENT_SIP_TLS_PORT": "21903"}
        free["ARI_AGENT_SIP_WSS_PORT"] = "21904"
        configure(tmp_path, **{**free, variable: port})
        done = install("ports", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"install.sh: port {port}/{protocol} is in use: choose another with {variable}\n"
    assert install("ports", str(tmp_path)).returncode == 0


DEB822 = """\
# the machine's own
Types: deb deb-src
URIs: https://mirror.example/debian/
 https://second.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
"""
ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb-src http://sources.example/debian bookworm main
deb [signed-by=/usr/share/keyrings/vendor.gpg arch=amd64] https://vendor.example/packages stable-vendor main
deb [ arch=amd64 ] http://mirror.example/debian bookworm main contrib  # fast
"""
MIRROR_LIST = "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\n"


@pytest.mark.parametrize(
    ("distribution", "sources", "expected"),
    [
        ("debian", {"sources.list.d/debian.sources": DEB822}, "https://mirror.example/debian"),
        ("debian", {"sources.list": ONE_LINE}, "http://mirror.example/debian"),
        ("debian", {"sources.list.d/debian.sources": DEB822.replace("Types", "Enabled: no\nTypes")}, ""),
        (
            "debian",
            {
                "sources.list.d/debian.sources": MIRROR_LIST,
                "mirrors/debian.list": "# cloud\nhttps://cloud.example/debian\tpriority:1\n",
            },
            "https://cloud.example/debian",
        ),
        ("debian", {"sources.list": "deb cdrom:[Debian]/ bookworm main\n"}, ""),
        ("debian", {}, ""),
        ("ubuntu", {"sources.list": "deb http://ubuntu.example/ubuntu bookworm main\n"}, ""),
    ],
    ids=["deb822", "one line", "disabled", "list of mirrors", "cd", "none", "not Debian"],
)
def test_the_mirror_is_the_machines_own(
    tmp_path: Path, distribution: str, sources: dict[str, str], expected: str
) -> None:
    (tmp_path / "os-release").write_text(f'ID={distribution}\nVERSION_CODENAME="bookworm"\n')
    for name, text in sources.items():
        path = tmp_path / "apt" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = install("mirror", ARI_AGENT_ETC=str(tmp_path))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, expected, "")


def test_the_mirror_can_be_chosen() -> None:
    done = install("mirror", ARI_AGENT_DEBIAN_MIRROR="http://mirror.example/debian")
    assert done.stdout == "http://mirror.example/debian\n"


def test_an_unknown_command_says_what_there_is() -> None:
    done = install("instal")
    assert done.returncode == 2
    assert "install.sh root" in done.stderr


def test_a_browser_is_looked_for_and_not_fetched_where_that_is_asked_for(tmp_path: Path) -> None:
    done = install("chromium", "present", ARI_AGENT_CACHE=str(tmp_path / "cache"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ("", "/usr/lib/chromium/chromium\n")
    assert not (tmp_path / "cache").exists()
