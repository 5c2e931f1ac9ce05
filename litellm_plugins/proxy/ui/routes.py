"""`/plugins/ui`: the page itself. Whose numbers it shows is the session's to say, and nothing else's."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litellm_plugins.errors import NotFound, RequestError
from litellm_plugins.insight.usage import hour_of
from litellm_plugins.model import Identity
from litellm_plugins.proxy.budgets.stage import now_ms
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.proxy.ui.endpoints import route, static_route
from litellm_plugins.proxy.ui.entry import TooSoon
from litellm_plugins.proxy.ui.http import (
    COOKIE,
    FORM_COOKIE,
    Refused,
    base_of,
    form_of,
    is_from_here,
    page,
    place_at,
    place_in,
    see,
    with_cookie,
    with_session,
    without_cookie,
)
from litellm_plugins.proxy.ui.judging import judged, place_of
from litellm_plugins.proxy.ui.teams import team_of
from litellm_plugins.ui.notices import notice
from litellm_plugins.ui.overview import CAUSES
from litellm_plugins.ui.passes import Pass, Role
from litellm_plugins.ui.promises import MARK
from litellm_plugins.ui.reading import QUEUE, Scope, scope_of
from litellm_plugins.ui.rendering import STATIC, render
from litellm_plugins.ui.spans import SPANS, span_of

if TYPE_CHECKING:
    from fastapi import Request, Response
    from fastapi.routing import APIRoute

    from litellm_plugins.proxy.ui.page import HostUi

_FORM_LASTS_S = 3_600
_LONGEST_TEAM = 128
_ENDED = "Your session has ended, and your verdict was not recorded. Sign in, and give it again."


def ui_routes(ui: HostUi) -> list[APIRoute]:
    """The routes to put ahead of the host's."""
    pages = _Pages(ui)
    found = [
        route("", "GET", pages.overview),
        route("/review", "GET", pages.review),
        route("/review", "POST", pages.judge),
        route("/sign-in", "GET", pages.sign_in_form),
        route("/sign-in", "POST", pages.open),
        route("/sign-out", "POST", pages.sign_out),
    ]
    return [*found, *(static_route(name, kind) for name, kind in STATIC.items())]


class _Pages:
    def __init__(self, ui: HostUi) -> None:
        self._ui = ui

    async def overview(self, request: Request) -> Response:
        who = await self._who(request)
        if who is None:
            return await self.sign_in(request, to=place_at("", request.query_params))
        scope, at_ms = await self._scope(who, request.query_params.get("team")), now_ms()
        span = span_of(request.query_params.get("span"), hour_of(at_ms))
        read = await self._ui.reader.overview(span, scope, choose=who.role is Role.ADMIN)
        return await self._shown(
            request,
            who,
            scope,
            "overview.html",
            seen=read.seen,
            promises=read.promises,
            budgets=read.budgets,
            anomalies=read.anomalies,
            precision=read.precision,
            changes=read.changes,
            away=read.away,
            teams=read.teams,
            causes=CAUSES,
            mark=MARK,
            span=span.name,
            spans=SPANS,
            may_choose=who.role is Role.ADMIN,
            team_query=_team_query(who, scope, "&"),
            now_ms=at_ms,
        )

    async def review(self, request: Request) -> Response:
        who = await self._who(request)
        if who is None:
            return await self.sign_in(request, to=place_at("/review", request.query_params))
        if self._ui.desk is None:
            raise NotFound("nothing is put up for review here: the setting review is off")
        scope, shown_at_ms = await self._scope(who, request.query_params.get("team")), now_ms()
        may_judge = who.role is Role.ADMIN
        return await self._shown(
            request,
            who,
            scope,
            "review.html",
            items=await self._ui.reader.queue(scope),
            most=QUEUE,
            precision=await self._ui.reader.precision(scope),
            teams=await self._ui.reader.teams(span_of("30d", hour_of(shown_at_ms))) if may_judge else (),
            may_judge=may_judge,
            shown_at_ms=shown_at_ms,
            notice=notice(request.query_params) if may_judge else None,
        )

    async def judge(self, request: Request) -> Response:
        cookie, who = request.cookies.get(COOKIE, ""), await self._who(request)
        form = await form_of(request)
        if who is None:
            to = place_at("/review", form)
            return see(f"{base_of(request)}/sign-in?{urlencode({'told': 'ended', 'to': to})}")
        if not self._ui.door.is_form_word(cookie, form.get("word", "")):
            raise Refused("this form is not from this session: load the page again")
        if who.role is not Role.ADMIN:
            raise Refused("a team's token is to look, not to judge")
        query = await judged(self._ui.desk, form, who.by)
        if form.get("team"):
            query["team"] = form["team"][:_LONGEST_TEAM]
        return see(f"{base_of(request)}/review?{urlencode(query)}#item-{place_of(form)}")

    async def sign_in_form(self, request: Request) -> Response:
        """On its own: after a verdict that came too late."""
        asked = request.query_params
        fault = _ENDED if asked.get("told") == "ended" else ""
        return await self.sign_in(request, fault, to=place_in(asked.get("to", "")))

    async def sign_in(self, request: Request, fault: str = "", status: int = 200, *, to: str = "") -> Response:
        """The form. It carries a word that only who holds its cookie can know: nobody is signed in by another's form.

        That is a cookie of its own: a link from elsewhere comes without the session's, which must outlive it. `to`:
        where to go on.
        """
        cookie = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(32)
        body = render(
            "sign_in.html",
            base=base_of(request),
            who=None,
            fault=fault,
            to=to,
            is_from_here=is_from_here(request),
            word=self._ui.door.form_word(cookie),
            minutes=self._ui.settings.ui.session_minutes,
        )
        return with_cookie(page(body, status), request, FORM_COOKIE, cookie, lasts_s=_FORM_LASTS_S)

    async def open(self, request: Request) -> Response:
        """A key or token was given."""
        form = await form_of(request)
        to = place_in(form.get("to", ""))
        if not self._ui.door.is_form_word(request.cookies.get(FORM_COOKIE, ""), form.get("word", "")):
            return await self.sign_in(request, "This form is too old. Try again.", 403, to=to)
        try:
            opened = await self._ui.entry.sign_in(request, form.get("key", ""))
        except TooSoon as exc:
            response = await self.sign_in(request, f"Too many wrong keys. Try again in {exc.wait_s:.0f} s.", 429, to=to)
            response.headers["retry-after"] = str(int(exc.wait_s) + 1)
            return response
        if opened is None:
            return await self.sign_in(request, "That is neither an admin's key nor a team's token.", 401, to=to)
        if opened.kept.role is not Role.ADMIN:
            to = to.partition("?")[0]  # the address may name another's team
        return with_session(see(base_of(request) + to), request, *opened)

    async def sign_out(self, request: Request) -> Response:
        cookie, form = request.cookies.get(COOKIE, ""), await form_of(request)
        if not self._ui.door.is_form_word(cookie, form.get("word", "")):
            raise Refused("this form is not from this session: load the page again")
        await self._ui.door.leave(cookie)
        return without_cookie(see(base_of(request)), request)

    async def _who(self, request: Request) -> Pass | None:
        return await self._ui.door.who(request.cookies.get(COOKIE, ""))

    async def _scope(self, who: Pass, asked: str | None) -> Scope | None:
        """An admin may ask for anybody's; a team's owner gets their own, and a word if they ask for another's.

        A token outlives names: of a team that has gone, or has lost its name to another since, it shows nothing.
        """
        known = self._ui.keys.teams
        if who.role is Role.TEAM:
            try:
                team = await team_of(who.team_id, known)
            except RequestError as exc:
                raise Refused(f"this token shows nothing any more: {exc}") from exc
            mine = Scope(team.word, team.names, team.id, tenant_of(Identity(team_id=team.id)))
            if asked and asked not in mine.names:
                raise Refused("this token is for one team, and that is another")
            return mine
        return scope_of(asked[:_LONGEST_TEAM], known) if asked else None

    async def _shown(self, request: Request, who: Pass, scope: Scope | None, template: str, **given: Any) -> Response:
        draw = partial(
            render,
            template,
            base=base_of(request),
            who=who,
            word=self._ui.door.form_word(request.cookies.get(COOKIE, "")),
            here=template.removesuffix(".html"),
            has_desk=self._ui.desk is not None,
            team=None if scope is None else scope.team,
            query=_team_query(who, scope, "?"),
            **given,
        )
        return page(await asyncio.to_thread(draw))


def _team_query(who: Pass, scope: Scope | None, before: str) -> str:
    """For links; a team's owner needs none."""
    return before + urlencode({"team": scope.team}) if scope is not None and who.role is Role.ADMIN else ""
