"""What the documented install, `pip install .` without extras, is enough for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^\w.-]", requirement)[0] for requirement in requirements}


def imported_with(module: str) -> set[str]:
    """The top-level packages that a new interpreter imports for this module."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return {*subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()}


@pytest.mark.parametrize("module", ["ari_agent.demo.agent", "ari_agent.demo.text_agent", "ari_agent.app"])
def test_both_sample_agents_and_the_controller_need_no_extra(module: str) -> None:
    imported = imported_with(module)
    by_package = packages_distributions()
    needed = {owner for name in imported for owner in by_package.get(name, ())}
    extras = set().union(*(names(extra) for extra in PROJECT["optional-dependencies"].values()))
    assert needed & (extras - names(PROJECT["dependencies"]) - {"ari-agent"}) == set()


def test_a_command_that_serves_nobody_does_not_wait_for_what_a_server_needs() -> None:
    imported = imported_with("ari_agent.__main__")
    assert {"pydantic", "uvloop"} <= imported
    assert imported & {"alembic", "aiohttp", "numpy", "picows", "sqlalchemy"} == set()
