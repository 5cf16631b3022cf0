"""Retell's own clients, unmodified and pinned, installed once into the cache folder.

The newest Python SDK is among the test dependencies. The others need an environment of their own: the Python SDK of the
first API version, whose package has the same name, and the npm packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from ari_agent.demo.installer import cache_folder

OLD_PYTHON_SDK: Final = ("retell-sdk==3.14.0", "httpx==0.28.1")
NPM_PACKAGES: Final = ("retell-sdk@5.66.1", "retell-client-js-sdk@1.3.3")
INSTALL_TIMEOUT_S: Final = 240
NODE_FOLDER: Final = Path(__file__).parent / "node"


class Unavailable(Exception):
    """A client cannot be installed here; says why."""


@cache
def old_python() -> Path:
    """An interpreter that imports the Python SDK of the first API version.

    Raises:
        Unavailable: it could not be installed.
    """

    def install(folder: Path) -> None:
        _run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *OLD_PYTHON_SDK])

    version = f"{sys.version_info.major}{sys.version_info.minor}"
    return _installed(f"retell-python-{version}", OLD_PYTHON_SDK, install) / "bin" / "python"


@cache
def node_modules() -> Path:
    """A `node_modules` folder with the npm packages.

    Raises:
        Unavailable: node or npm is missing, or the packages could not be installed.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise Unavailable(f"{program} is not installed")

    def install(folder: Path) -> None:
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true}')
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", "--loglevel=error"]
        _run(["npm", "install", *options, *NPM_PACKAGES], cwd=folder)

    return _installed("retell-npm", NPM_PACKAGES, install) / "node_modules"


def run_node(script: str, given: object, *, timeout_s: float = 120) -> Any:
    """What a script of `node/` prints as JSON, after it has read `given` from its input.

    Raises:
        Unavailable: see `node_modules`.
    """
    modules = node_modules()
    done = subprocess.run(
        ["node", str(NODE_FOLDER / script)],
        check=False,
        input=json.dumps(given),
        env={**os.environ, "NODE_PATH": str(modules)},
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _installed(name: str, packages: Sequence[str], install: Callable[[Path], None]) -> Path:
    """A folder that `install` filled, now or in an earlier run; half-filled ones are made anew."""
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]
    folder = cache_folder() / f"{name}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        complete = folder / "complete"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            install(folder)
            complete.touch()
    return folder


def _run(command: Sequence[str], cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} did not end within {INSTALL_TIMEOUT_S} s") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")
