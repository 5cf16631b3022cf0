"""What every test shares: hypothesis without deadlines, for machines that are busy, and the databases.

A second interpreter need not look for the same examples again, nor into PostgreSQL, nor turn the other event loop:
`--hypothesis-profile "second interpreter"`.
"""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.interpreters import SECOND_INTERPRETER, is_second_interpreter
from tests.store.databases import bare_database_url, database_url, empty_database, kept_database, postgresql_url

__all__ = ["bare_database_url", "database_url", "empty_database", "kept_database", "postgresql_url"]

settings.register_profile("no deadline", deadline=None)
settings.register_profile(SECOND_INTERPRETER, deadline=None, max_examples=10)
settings.load_profile("no deadline")

LONGEST_FIRST = (
    "test_text_agent",
    "demo/test_run",
    "test_overflow",
    "test_crash",
    "test_outbound",
    "test_audio",
    "test_asterisk_conf",
)
"""Of the files with tests on a real Asterisk: begun last, one of them would keep every other worker waiting."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The order in which files are dealt out to workers (with `--no-loadscope-reorder`), and what is left out."""
    if is_second_interpreter(config):
        left_out = [item for item in items if "[postgresql" in item.name]
        items[:] = [item for item in items if "[postgresql" not in item.name]
        config.hook.pytest_deselected(items=left_out)

    def rank(item: pytest.Item) -> int:
        name = str(item.path.with_suffix(""))
        return next((at for at, ending in enumerate(LONGEST_FIRST) if name.endswith(ending)), len(LONGEST_FIRST))

    items.sort(key=rank)
