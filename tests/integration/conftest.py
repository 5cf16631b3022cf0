"""A real Asterisk and a real controller for the session; every test here runs in the session's event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.console.browser.conftest import chromium, open_console
from tests.integration.long_calls import Outcomes, first_to_come, play_and_tell
from tests.integration.stage import Stage, staged
from tests.integration.stalls import priority

__all__ = ["chromium", "open_console"]

HERE = f"{Path(__file__).parent}/"
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is below this folder."""
    for item in items:
        if str(item.path).startswith(HERE):
            item.add_marker(pytest.mark.asterisk)
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the controller and Asterisk said last."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        for stage in (value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Stage)):
            report.sections.append(("controller", stage.controller.log_tail(60)))
            report.sections.append(("Asterisk", stage.asterisk_log_tail(20)))
    return report


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, go_before_others: None) -> AsyncIterator[Stage]:
    """The stage that most tests share: they use their own agents and numbers on it."""
    async with staged(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def long_calls(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[asyncio.Task[Outcomes]]:
    """Calls of a minute, on a stage of their own, while other tests run; one worker's, who tells the others."""
    alone = not hasattr(request.config, "workerinput")
    run = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent  # the workers' own
    told = run / "long_calls.json"
    if not first_to_come(run):
        task = asyncio.create_task(Outcomes.told(told))
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return
    async with staged(tmp_path_factory.mktemp("long")) as made:
        task = asyncio.create_task(play_and_tell(made, told))
        yield task
        if alone:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # others may ask for it yet


@pytest.fixture(scope="session", autouse=True)
def go_before_others() -> Iterator[None]:
    """Asterisk, controller and callers keep time to a few milliseconds, also on a machine that has more to do."""
    with priority(-10):
        yield


@pytest.fixture(scope="session", autouse=True)
def begin_long_calls(request: pytest.FixtureRequest, go_before_others: None) -> None:
    """Place the long calls first, if any test of this run asks for them."""
    if any("long_calls" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("long_calls")


@pytest.fixture(autouse=True)
def scripts_went_well(request: pytest.FixtureRequest) -> Iterator[None]:
    """What an agent's script found wrong fails the test, too."""
    yield
    for stage in (value for value in getattr(request.node, "funcargs", {}).values() if isinstance(value, Stage)):
        assert stage.agents.take_script_errors() == []


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_is_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """The calls of a test that failed do not disturb the next one, nor its own second attempt."""
    yield
    if request.node.stash.get(FAILED, False):
        request.node.stash[FAILED] = False
        for stage in (value for value in request.node.funcargs.values() if isinstance(value, Stage)):
            await stage.clear()
