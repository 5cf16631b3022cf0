"""What calls have cost, summed: an extension of ours."""

from __future__ import annotations

import json
from typing import Final

from aiohttp import web

from ari_agent.api.answer import json_array
from ari_agent.api.body import read_query
from ari_agent.api.dependencies import DEPENDENCIES
from ari_agent.api.route import get
from ari_agent.contract.cost_summary import CostSummary, CostSummaryQuery


async def get_cost_summary(request: web.Request) -> web.Response:
    """Answer what the calls of some days have cost, by day, agent and number or less finely.

    A call counts on the day on which it began, with what it costs as far as that is known: once it has ended.
    """
    wanted = read_query(request, CostSummaryQuery)
    dependencies = request.app[DEPENDENCIES]
    summary = await dependencies.store.costs.summary(wanted.spans(dependencies.now_ms()), wanted.groups)
    groups = await json_array([group.as_json for group in summary.groups])
    total = json.dumps(summary.total.as_json()).encode()
    return web.Response(body=b'{"total":' + total + b',"groups":' + groups + b"}", content_type="application/json")


ROUTES: Final = (get("/v2/cost-summary", get_cost_summary, query=CostSummaryQuery, answers=CostSummary),)
