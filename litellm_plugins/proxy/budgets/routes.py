"""`/plugins/budgets…`: what the budgets hold, and an administrator's hand on them; for the host's admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litellm_plugins.proxy.admin_http import reading, writing

if TYPE_CHECKING:
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.budgets.admin import BudgetAdmin

ROOT = "/plugins/budgets"


def budget_routes(admin: BudgetAdmin) -> list[APIRoute]:
    """The routes to put ahead of the host's. An account holds slashes, and stands percent-encoded in the path."""
    return [
        reading(ROOT, lambda _, query: admin.list(query)),
        writing(f"{ROOT}/reset", admin.reset),
        writing(f"{ROOT}/limit", admin.limit),
        reading(f"{ROOT}/{{account:path}}", lambda request, _: admin.show(request.path_params["account"])),
    ]
