"""What every test shares: hypothesis without deadlines, for machines that are busy, and the databases.

`--hypothesis-profile quick` has fewer examples: for a second interpreter, and for `make check`. `thorough` has many,
for whoever changes a parser or a table.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.store.databases import bare_database_url, database_url, empty_database, kept_database, postgresql_url

__all__ = ["bare_database_url", "database_url", "empty_database", "kept_database", "postgresql_url"]

# The processes that tests start run in folders of their own, and what is tested is this tree, wherever it is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH"))))

settings.register_profile("usual", deadline=None, max_examples=30)
settings.register_profile("quick", deadline=None, max_examples=15)
settings.register_profile("thorough", deadline=None, max_examples=500)
settings.load_profile("usual")


@pytest.fixture(scope="session", autouse=True)
def state_is_kept_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a controller without settings writes goes into the tests' folder, not into the developer's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


LONGEST_FIRST = (
    "test_text_agent",
    "demo/test_run",
    "test_overflow",
    "test_crash",
    "test_outbound",
    "test_audio",
    "test_asterisk_conf",
    "try_agent/test_run",
)
"""The files whose tests wait longest: begun last, one of them would keep every other worker waiting."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether a file is not even read, because its mark leaves it out as a whole: every worker would import it."""
    left_out = [mark for mark in ("asterisk", "slow") if f"not {mark}" in config.option.markexpr]
    if not left_out or collection_path.suffix != ".py":
        return None
    text = collection_path.read_text()
    return any(f"\npytestmark = pytest.mark.{mark}\n" in text for mark in left_out) or None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of tests stay until the end: no collection of garbage walks over them, now or later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which files are dealt out to workers (with `--no-loadscope-reorder`)."""

    def rank(item: pytest.Item) -> int:
        name = str(item.path.with_suffix(""))
        return next((at for at, ending in enumerate(LONGEST_FIRST) if name.endswith(ending)), len(LONGEST_FIRST))

    items.sort(key=rank)
