"""`GET /plugins/costs` and `GET /plugins/routing/report`: what was spent on what; for the host's admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.admin_http import reading

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from litellm_plugins.insight.costs import Costs
    from litellm_plugins.proxy.routing.report import RouteReport

ROOT = "/plugins/costs"
ROUTES = "/plugins/routing/report"


def insight_routes(costs: Costs, routes: RouteReport) -> list[APIRoute]:
    """The routes to put ahead of the host's."""
    return [reading(ROOT, lambda _, query: costs.report(query)), reading(ROUTES, lambda _, query: routes.report(query))]
