"""What every test shares: hypothesis without deadlines, for machines that are busy, and the databases.

`--hypothesis-profile quick` has fewer examples: for a second interpreter, and for `make check`. `thorough` has many,
for whoever changes a parser or a table.
"""

from __future__ import annotations

import fcntl
import gc
import os
import sys
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

from tests.fakes.preloaded import offering
from tests.store.databases import (
    bare_database_url,
    database_url,
    empty_database,
    kept_database,
    postgresql_url,
    shared_url,
    shared_url_of_module,
)

__all__ = [
    "bare_database_url",
    "database_url",
    "empty_database",
    "kept_database",
    "postgresql_url",
    "shared_url",
    "shared_url_of_module",
]

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


@pytest.fixture(scope="session", autouse=True)
def controllers_are_preloaded() -> Iterator[None]:
    """Hundreds of controllers are started, and one that is to be tested from its first import says so."""
    with offering():
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


ALL_ON_ASTERISK = Path(__file__).parent / "integration"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Whether a file is not even read, because its mark leaves it out as a whole: every worker would import it."""
    left_out = [mark for mark in ("asterisk", "slow") if f"not {mark}" in config.option.markexpr]
    if "asterisk" in left_out and collection_path == ALL_ON_ASTERISK:
        return True
    if not left_out or collection_path.suffix != ".py":
        return None
    text = collection_path.read_text()
    return any(f"\npytestmark = pytest.mark.{mark}\n" in text for mark in left_out) or None


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect as cheaply as workers can that all collect the same."""
    with _behind_the_first(session.config), _garbage_left():
        return (yield)


@contextmanager
def _behind_the_first(config: pytest.Config) -> Iterator[None]:
    """In a fresh clone, let one worker rewrite the assertions of all tests, and the others read what it wrote.

    A file says that it has been done; later runs collect at once. It is not done where Python keeps no compiled code.
    """
    if sys.dont_write_bytecode or not hasattr(config, "workerinput"):
        yield
        return
    cache = Path(__file__).parent / "__pycache__"
    cache.mkdir(exist_ok=True)
    which = zlib.crc32(repr(config.args).encode())
    with (cache / f"collected-{which:08x}.{sys.implementation.cache_tag}").open("ab") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        is_first = os.fstat(turn.fileno()).st_size == 0
        if not is_first:
            fcntl.flock(turn, fcntl.LOCK_UN)
        yield
        if is_first:
            turn.write(b"done\n")


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Thousands of tests stay until the end: no collection of garbage walks over them, now or later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The order in which files are dealt out to workers (with `--no-loadscope-reorder`)."""

    def rank(item: pytest.Item) -> int:
        name = str(item.path).removesuffix(".py")
        return next((at for at, ending in enumerate(LONGEST_FIRST) if name.endswith(ending)), len(LONGEST_FIRST))

    items.sort(key=rank)
