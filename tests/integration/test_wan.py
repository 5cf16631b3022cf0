"""40 +- 10 ms and 2 % loss, on either side of Asterisk. The minute-long ones are `tests.benchmarks.wan`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.fakes.lossy_link import missing
from tests.integration.wan import Outcome, Where, call_through

pytestmark = pytest.mark.skipif(bool(what := missing()), reason=f"a lossy link needs {what}")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def outcomes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[Where, Outcome]]:
    """Both stretches at the same time, for the first attempt of each test."""
    calls = [call_through(where, seconds=12, folder=tmp_path_factory.mktemp(where.name)) for where in Where]
    yield dict(zip(Where, await asyncio.gather(*calls), strict=True))


@pytest.mark.parametrize("where", Where, ids=lambda where: where.value)
async def test_a_call_over_a_bad_network_completes_and_keeps_its_time(
    outcomes: dict[Where, Outcome], where: Where, tmp_path: Path
) -> None:
    outcome = outcomes.pop(where, None) or await call_through(where, seconds=12, folder=tmp_path)
    assert outcome.faults == []
    assert outcome.caller_faults == []
