"""`ari-agent check` as a page: a button that runs it in the controller, and its lines as they come."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping

from aiohttp import web

from ari_agent.check.finding import Status
from ari_agent.console.check.check_runs import CheckRuns
from ari_agent.console.dependencies import DEPENDENCIES, PAGES, SESSION
from ari_agent.console.form import read_form
from ari_agent.console.login.access import see_other
from ari_agent.console.pages import headers
from ari_agent.errors import ApiError


async def show_check(request: web.Request) -> web.Response:
    """Show the last run, and the button for another."""
    runs = _runs(request)
    lines = request.app[PAGES].fragment("check_lines.html", _values(runs))
    return request.app[PAGES].page("check.html", request[SESSION], lines=lines, is_running=runs.is_running)


async def show_lines(request: web.Request) -> web.Response:
    """Answer the lines of the run alone, for a page that is open."""
    text = request.app[PAGES].fragment("check_lines.html", _values(_runs(request)))
    body = text.encode("utf-8", "replace")
    return web.Response(
        body=body, content_type="text/html", charset="utf-8", headers=headers(secrets.token_urlsafe(16))
    )


async def run_check(request: web.Request) -> web.Response:
    """Begin a run, unless one is in progress, and show the page."""
    deep = (await read_form(request)).get("deep", "") == "on"
    _runs(request).start(deep=deep)
    return see_other("/console/check")


def _runs(request: web.Request) -> CheckRuns:
    runs = request.app[DEPENDENCIES].checks
    if runs is None:
        raise ApiError(404, "this console runs no checks")
    return runs


def _values(runs: CheckRuns) -> Mapping[str, object]:
    counted = Counter(entry.finding.status for entry in runs.entries)
    return {
        "lines_of_run": runs.lines(),
        "counts": [(status.value, counted[status]) for status in Status],
        "is_running": runs.is_running,
        "began_ms": runs.began_ms,
        "ended_ms": runs.ended_ms,
        "fault": runs.fault,
    }
