"""Stage 6 in the running proxy: a request for a router is sent on to a model of one of its tiers (docs/adr/0007)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from litellm.proxy import common_request_processing as host_processing

from litellm_plugins.cache.own_calls import put_on
from litellm_plugins.model import RouteReason
from litellm_plugins.proxy.budgets.tokens import Asked
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.routing.answers import limit, unlimited
from litellm_plugins.proxy.routing.models import Ladders
from litellm_plugins.proxy.routing.reading import conversation_of, forced_tier
from litellm_plugins.proxy.routing.scoring import Asking, HostScoring, host_scoring
from litellm_plugins.proxy.routing.session_stores import open_sessions
from litellm_plugins.proxy.routing.sessions import Sessions
from litellm_plugins.proxy.routing.trials import Trials
from litellm_plugins.routing.experiments import Placed
from litellm_plugins.routing.policy import Ladder, Needs, Route, Wishes, capped, dearer, decide
from litellm_plugins.routing.session_memory import SessionMemory
from litellm_plugins.routing.session_sharing import SessionSharing
from litellm_plugins.telemetry.events import RouteDecided, StageFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litellm_plugins.cache.judge import JudgeSpend
    from litellm_plugins.cache.verdict import Verdict
    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.proxy.routing.sessions import Followed
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.routing.conversation import Conversation
    from litellm_plugins.settings import Policies, Settings
    from litellm_plugins.settings.cascade import Cascade
    from litellm_plugins.telemetry.events import Telemetry

_ENDPOINTS = frozenset({"chat", "messages", "responses", "completions"})
_COUNTED_AS = ("openai", "gpt-4.1")  # where a prompt may not fit, and so has to be counted
_PER_TURN, _PER_IMAGE, _PRIMING = 8, 5_000, 64  # tokens, at most
_UNREAD = 1_000_000  # more than any model takes: it has to be counted


class Routed:
    """Of one request: where it was sent, and what is needed to say so again where a budget sends it lower."""

    __slots__ = ("event", "followed", "ladder", "needs", "own", "route")

    def __init__(
        self,
        ladder: Ladder,
        needs: Needs,
        route: Route,
        event: RouteDecided,
        followed: Followed | None = None,
        *,
        own: Route | None = None,
    ) -> None:
        self.ladder, self.needs, self.route, self.event, self.followed = ladder, needs, route, event, followed
        self.own = own or route  # with a model of the tier's own, whatever arm it is in


class HostRouting:
    """One for all requests of a worker."""

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        book: PriceBook,
        telemetry: Telemetry,
        *,
        scoring: HostScoring,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._settings, self._policies, self._telemetry, self._timer = settings.routing, policies, telemetry, timer
        self._ladders, self.scoring = Ladders(book, scoring.thresholds), scoring
        self._trials, self._sessions = Trials(book), Sessions(book, *_shared(settings, telemetry))

    async def aclose(self) -> None:
        """Let go of what it holds open."""
        await self._sessions.aclose()
        await self.scoring.aclose()

    def before_lookup(self, request: Request, data: Mapping[str, Any]) -> Request:
        """Keep answers apart that not everybody would get: by the tier that was named, and by how far one may go."""
        name = self._router_of(request)
        if name is None or self._settings.mode == "shadow":
            return request
        wishes, marks = self._wishes(request, data), self._trials.marks(name, self._settings.routers[name], request)
        if wishes.may_force and wishes.forced in self._settings.tier_names:
            marks.append(f"tier:{wishes.forced}")
        if wishes.max_tier is not None:
            marks.append(f"max_tier:{wishes.max_tier}")
        if name != request.model_group:
            marks.append(f"routable:{name}")
        return replace(request, routing_tags=(*request.routing_tags, *marks)) if marks else request

    def routes(self, request: Request) -> bool:
        """Whether a model is to be chosen for it, and then called."""
        routed = self._router_of(request) is not None and request.endpoint in _ENDPOINTS
        return routed and self._settings.mode != "shadow"

    async def route(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """Decide, tell, and send `data` to the model. Never raises: in doubt the request goes on as it was asked.

        Only the dearest tier that its caller may have holds even then.
        """
        request = ticket.decision.request
        name = self._router_of(request)
        if name is None or request.endpoint not in _ENDPOINTS:
            return
        try:
            with put_on(ticket.decision.own), ticket.decision.steps.measured("route"):
                routed = await self._decided(name, request, data, ticket.decision.verdict)
                if not routed.event.shadow:
                    _send(data, routed.route.model, request)
                    self._limit(routed, data, request.endpoint)
                    _told_on(ticket, routed)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("route", exc)
            self._held_back(name, request, data)
            return
        ticket.routed = routed
        self._telemetry.emit(routed.event)

    def _held_back(self, name: str, request: Request, data: dict[str, Any]) -> None:
        """Else whoever finds a request that this stage breaks on goes as high as he likes."""
        most = self._policies.routing_for(request.identity).max_tier
        tier = next((tier for tier in self._settings.routers[name].tiers if tier.name == most), None)
        if tier is not None and self._settings.mode != "shadow" and data.get("model") == request.model_group:
            data["model"] = tier.models[0]

    def lowered(self, ticket: Ticket, model: str) -> str:
        """The model that a budget's degrading to `model` means for it: no dearer a tier, and no dearer than now."""
        routed = ticket.routed
        if routed is None or routed.event.shadow:
            return model
        route = capped(routed.ladder, routed.own, routed.needs, model)
        return model if route is None else route.model

    def cascade_of(self, ticket: Ticket | None) -> Cascade | None:
        """How the answer to it is to be checked; None where it is served as it comes."""
        routed = None if ticket is None else ticket.routed
        if ticket is None or routed is None or routed.event.shadow or routed.event.model != routed.route.model:
            return None
        if ticket.held is not None and (change := ticket.held.admission.change) is not None and change.model:
            return None  # a budget degrades to a model: the request goes no higher than that
        cascade = self._settings.routers[routed.event.router].cascade
        asked = ticket.decision.request.parameters
        apart = asked.get("n") not in (None, 1) or asked.get("background")  # several answers, or none yet
        if cascade is None or not cascade.enabled or apart or self.dearer(routed) is None:
            return None
        return cascade

    def dearer(self, routed: Routed) -> Route | None:
        """Where it goes if its answer is not good enough."""
        return dearer(routed.ladder, routed.route, routed.needs)

    def answered(self, ticket: Ticket) -> None:
        """Its answer is the one that is served: its conversation is with the model that gave it."""
        routed = ticket.routed
        if routed is not None and routed.followed is not None:
            self._sessions.remember(routed.followed, routed.event.tier, routed.event.model)

    def escalate(self, ticket: Ticket, routed: Routed, data: dict[str, Any]) -> None:
        """Send `data`, whose ticket that is, to the dearer model of `routed`, with its tier's limit of an answer."""
        request, model = ticket.decision.request, routed.route.model
        if "stream_options" in data:
            data["model"] = model
        else:
            _send(data, model, request)
        change = None if ticket.held is None else ticket.held.admission.change
        if routed.event.max_tokens is not None and (change is None or change.max_tokens is None):
            unlimited(data, request.endpoint, request.parameters)
            routed.event = replace(routed.event, max_tokens=None)
        self._limit(routed, data, request.endpoint)
        if ticket.prompted is not None:
            ticket.prompted = ticket.prompted.at_tier(data, request.endpoint, routed.route.tier, model)
        if ticket.output is not None:
            ticket.output.fit(data)
        ticket.routed = routed
        _told_on(ticket, routed)

    def tell_lowered(self, ticket: Ticket, model: str, data: dict[str, Any]) -> None:
        """A budget has sent it to `model`: it is in no arm any more."""
        routed = ticket.routed
        if routed is None or routed.event.shadow or model == routed.route.model:
            return
        place = routed.ladder.place_of_model(model)
        tier = "" if place is None else routed.ladder.rungs[place].name
        reason = RouteReason.BUDGET_MODEL if place is None else RouteReason.BUDGET_CAP
        routed.event = replace(routed.event, tier=tier, model=model, reason=reason, experiment="", arm="")
        self._limit(routed, data, ticket.decision.request.endpoint)
        _told_on(ticket, routed)
        if routed.followed is not None:
            self._sessions.remember(routed.followed, tier, model)
        self._telemetry.emit(routed.event)

    def _limit(self, routed: Routed, data: dict[str, Any], endpoint: str) -> None:
        tiers = self._settings.routers[routed.event.router].tiers
        most = next((tier.max_tokens for tier in tiers if tier.name == routed.event.tier), None)
        routed.event = replace(routed.event, max_tokens=limit(data, endpoint, most) or routed.event.max_tokens)

    async def tier_for(self, name: str, ticket: Ticket) -> str | None:
        """The tier of its request by the router called `name`, without budgets; None: the host is to decide."""
        if name not in self._settings.routers or self._settings.mode == "shadow":
            return None
        request = ticket.decision.request
        ladder = self._ladders.of(name, self._settings.routers[name], request.identity.team_id)
        conversation = conversation_of(request)
        asking = Asking(name, ladder, conversation, request.identity, ticket.decision.verdict)
        with put_on(ticket.decision.own):
            weighed = await self.scoring.weigh(asking)
        needs = Needs(conversation.images > 0, conversation.tools > 0, conversation.json_schema)
        wishes = self._wishes(replace(request, model_group=name), {})
        return decide(ladder, weighed.score, needs, wishes, weighed.rule).tier

    def _router_of(self, request: Request) -> str | None:
        asked = request.model_group
        if asked in self._settings.routers:
            return asked
        return (self._policies.routing_for(request.identity).routable or {}).get(asked)

    def _wishes(self, request: Request, data: Mapping[str, Any]) -> Wishes:
        limits = self._policies.routing_for(request.identity)
        return Wishes(
            forced=forced_tier(data),
            may_force=bool(limits.may_force),
            max_tier=limits.max_tier,
            asked=None if request.model_group in self._settings.routers else request.model_group,
        )

    async def _decided(self, name: str, request: Request, data: dict[str, Any], verdict: Verdict) -> Routed:
        started, identity = self._timer(), request.identity
        ladder = self._ladders.of(name, self._settings.routers[name], identity.team_id)
        conversation = conversation_of(request)
        weighed = await self.scoring.weigh(Asking(name, ladder, conversation, identity, verdict))
        needs = await _needs(ladder, conversation, request, data)
        wishes, router = self._wishes(request, data), self._settings.routers[name]

        def place(route: Route) -> Placed:
            if weighed.rule is not None and weighed.rule.model is not None:
                return Placed(route)
            return self._trials.placed(name, router, ladder, route, request, needs, wishes)

        own = decide(ladder, weighed.score, needs, wishes, weighed.rule)
        followed = self._sessions.followed(name, router.session, conversation, request, data)
        if followed is not None and weighed.rule is None:
            own = self._sessions.kept(followed, ladder, own, needs, wishes, identity.team_id, place)
        placed = place(own)
        route = placed.route
        if followed is not None:
            self._sessions.remember(followed, route.tier, route.model)
        event = RouteDecided(
            router=name,
            tier=route.tier,
            model=route.model,
            score=route.score,
            reason=route.reason,
            because=route.because,
            scorer=weighed.scorer,
            model_group=request.model_group,
            team=identity.team_name,
            key=identity.key_name,
            shadow=self._settings.mode == "shadow",
            took_ms=(self._timer() - started) * 1_000,
            experiment=placed.experiment,
            arm=placed.arm,
        )
        return Routed(ladder, needs, route, event, followed, own=own)


def host_routing(
    settings: Settings,
    policies: Policies,
    book: PriceBook,
    telemetry: Telemetry,
    embedder: Embedder | None,
    spend: JudgeSpend,
) -> HostRouting | None:
    """None where nothing is routed."""
    if not (settings.routing.enabled and settings.routing.routers):
        return None
    scoring = host_scoring(settings, telemetry, embedder, spend)
    return HostRouting(settings, policies, book, telemetry, scoring=scoring)


def _shared(settings: Settings, telemetry: Telemetry) -> tuple[SessionMemory, SessionSharing | None]:
    """What workers know of conversations together; of nothing where no router keeps them."""
    memory = SessionMemory()
    if not any(each.session is not None and each.session.keep for each in settings.routing.routers.values()):
        return memory, None

    def failed(reason: str, detail: str) -> None:
        telemetry.emit(StageFailed("route_sessions", reason, detail))

    return memory, SessionSharing(memory, open_sessions(settings), failed=failed)


async def _needs(ladder: Ladder, conversation: Conversation, request: Request, data: Mapping[str, Any]) -> Needs:
    windows = [each.window for rung in ladder.rungs for each in rung.candidates if each.window is not None]
    tokens = _most_tokens(conversation, request)
    if windows and tokens > min(windows):
        tokens = await Asked(data, request.endpoint).prompt_tokens(*_COUNTED_AS, None)
    return Needs(conversation.images > 0, conversation.tools > 0, conversation.json_schema, tokens)


def _most_tokens(conversation: Conversation, request: Request) -> int:
    """No tokenizer makes more tokens than bytes."""
    texts = sum(len(turn.text.encode(errors="replace")) + _PER_TURN for turn in conversation.turns)
    offered = [request.parameters.get(name) for name in ("tools", "functions", "response_format", "text")]
    try:
        more = len(orjson.dumps(offered, default=str, option=orjson.OPT_NON_STR_KEYS))
    except TypeError:  # nested deeper than it goes
        more = _UNREAD
    return _PRIMING + texts + more + _PER_IMAGE * conversation.images


def _routed_to(request: Request, model: str) -> Request:
    return replace(request, routed_to=model)


def _told_on(ticket: Ticket, routed: Routed) -> None:
    """Write on the request where it goes: its answer is stored, and its end counted, by that."""
    event = routed.event
    arm = f"/{event.experiment}:{event.arm}" if event.arm else ""
    where = f"{event.router}/{event.tier}{arm}"
    request = replace(_routed_to(ticket.decision.request, routed.route.model), route=where)
    ticket.decision = replace(ticket.decision, request=request)
    if ticket.call is not None:
        ticket.call.route = where


def _send(data: dict[str, Any], model: str, request: Request) -> None:
    """To `model`; and have its provider tell a stream's usage, which the host does only where it knew the model."""
    data.update({**_usage_told(data, model, request), "model": model})  # at once: what fails has changed nothing


def _usage_told(data: Mapping[str, Any], model: str, request: Request) -> Mapping[str, Any]:
    if request.endpoint != "chat":
        return {}
    from litellm.proxy import proxy_server as host

    told: Mapping[str, Any] = host_processing._stream_usage_tracking_updates(
        data,
        host.general_settings,
        "acompletion",
        lambda: host_processing._model_deployments_support_stream_options(
            model, host_router(), request.identity.team_id
        ),
    )
    return told
