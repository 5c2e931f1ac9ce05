"""`/plugins/ui/tokens`: tokens for teams' owners, to look at their own numbers; for the host's admins only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from litellm_plugins.alerts.message import iso
from litellm_plugins.cache.admin import reading as given_as
from litellm_plugins.errors import RequestError
from litellm_plugins.insight.usage import OTHER
from litellm_plugins.proxy.admin_http import Json, reading, writing
from litellm_plugins.proxy.ui.teams import team_of

if TYPE_CHECKING:
    from fastapi import Request
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.ui.page import HostUi
    from litellm_plugins.ui.passes import Pass

ROOT = "/plugins/ui/tokens"
_DAYS = 30
_LONGEST_TEAM = 128


def ui_token_routes(ui: HostUi) -> list[APIRoute]:
    """The routes to put ahead of the host's."""

    async def listed(_: Request, query: Mapping[str, Any]) -> Json:
        given_as.refuse_unknown(query, ())
        return {"tokens": [_told(each) for each in await ui.door.tokens()]}

    async def made(given: Mapping[str, Any], *, actor: str) -> Json:
        given_as.refuse_unknown(given, ("team", "days"))
        team = given_as.text_of(given, "team", most=_LONGEST_TEAM)
        if team is None or team == OTHER or not team.isprintable():
            raise RequestError("team: expected the name of a team", param="team")
        most = ui.settings.ui.token_days
        days = given_as.whole_number(given, "days", default=min(_DAYS, most), most=most)
        if days < 1:
            raise RequestError(f"days: expected 1 to {most}", param="days")
        whose = await team_of(team, ui.keys.teams)
        opened = await ui.door.hand_out(whose, days=days, by=actor)
        told = {"token_id": opened.kept.id, "team": whose.word, "team_id": whose.id, "days": days}
        await ui.note("ui_token_made", actor, told)
        return {**_told(opened.kept), "token": opened.secret}

    async def revoked(given: Mapping[str, Any], *, actor: str) -> Json:
        given_as.refuse_unknown(given, ("id",))
        token_id = given_as.text_of(given, "id")
        if token_id is None:
            raise RequestError("id: is required", param="id")
        gone = await ui.door.take_back(token_id)
        await ui.note("ui_token_revoked", actor, {"token_id": gone.id, "team": gone.team})
        return {"revoked": _told(gone)}

    return [reading(ROOT, listed), writing(ROOT, made), writing(f"{ROOT}/revoke", revoked)]


def _told(given: Pass) -> Json:
    return {
        "id": given.id,
        "team": given.team,
        "team_id": given.team_id,
        "by": given.by,
        "made": iso(given.made_ms),
        "until": iso(given.until_ms),
    }
