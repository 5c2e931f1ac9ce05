"""Session sense in the running proxy: which conversation a request belongs to, and what its models charge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from litellm_plugins.model import RouteReason
from litellm_plugins.routing.experiments import Placed
from litellm_plugins.routing.policy import decide
from litellm_plugins.routing.scoring import Score
from litellm_plugins.routing.session import Moving, Rates, prefixes, session_name, tokens_of, weigh
from litellm_plugins.routing.session_memory import SessionMemory

if TYPE_CHECKING:
    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.routing.conversation import Conversation
    from litellm_plugins.routing.policy import Ladder, Needs, Route, Wishes
    from litellm_plugins.routing.session_sharing import SessionSharing
    from litellm_plugins.settings.route_trials import Session

_NANO = 1e-9


class Followed:
    """A request as a part of its conversation."""

    __slots__ = ("names", "own", "session", "tokens")

    def __init__(self, names: list[tuple[bytes, int]], own: list[bytes], session: Session, tokens: int) -> None:
        self.names, self.own = names, own  # what it may be known by, with tokens; what it will be known by
        self.session, self.tokens = session, tokens


class Sessions:
    """One per worker. What the others had they tell it, where they share."""

    def __init__(
        self, book: PriceBook, memory: SessionMemory | None = None, sharing: SessionSharing | None = None
    ) -> None:
        self._book, self._memory, self._sharing = book, memory or SessionMemory(), sharing

    async def aclose(self) -> None:
        """Tell the other workers the last of it."""
        if self._sharing is not None:
            await self._sharing.aclose()

    def followed(
        self,
        router: str,
        session: Session | None,
        conversation: Conversation,
        request: Request,
        data: Mapping[str, Any],
    ) -> Followed | None:
        """None: conversations are not kept, or it is nobody's."""
        who = request.identity
        if self._sharing is not None:
            self._sharing.start()
        if session is None or not session.keep or not (who.key_id or who.team_id) or not conversation.turns:
            return None
        owner = "\n".join((router, who.team_id or "", who.key_id or "", who.end_user_id or ""))
        tokens = tokens_of(conversation)
        names = prefixes(owner, conversation)
        own = [names[-1][0]]
        named = data.get("litellm_session_id")  # the client's, wherever it wrote it
        if isinstance(named, str) and named:
            own.append(session_name(owner, named))
            names.append((own[-1], tokens))
        return Followed(names, own, session, tokens)

    def kept(
        self,
        followed: Followed,
        ladder: Ladder,
        route: Route,
        needs: Needs,
        wishes: Wishes,
        team_id: str | None,
        place: Callable[[Route], Placed] = Placed,
    ) -> Route:
        """`route`, or the conversation's own: only where nothing but the score asks for another.

        `place` says which model an experiment makes of that of a route.
        """
        found = self._memory.first(name for name, _ in reversed(followed.names))
        if found is None or route.reason is not RouteReason.SCORE:
            return route
        name, held = found
        held_at, fresh_at = ladder.place(held.tier), ladder.place(route.tier)
        if held_at is None or fresh_at is None or held_at == fresh_at:
            return route
        cached = min(held.tokens, next(tokens for each, tokens in followed.names if each == name))
        moving = Moving(held_at, fresh_at, route.score, cached, followed.tokens)
        rates = (self._rates(model, team_id) for model in (held.model, place(route).route.model))
        if not weigh(moving, ladder.thresholds, followed.session.margin, *rates).stays:
            return route
        stays = replace(wishes, forced=held.tier, may_force=True)
        own = decide(ladder, Score(route.score, route.because), needs, stays)
        if own.reason is not RouteReason.FORCED or place(own).route.model != held.model:
            return route  # it cannot take this request, or is not allowed any more
        return replace(own, reason=RouteReason.SESSION_KEPT, most=route.most)

    def remember(self, followed: Followed, tier: str, model: str) -> None:
        """Where this request of it goes. A model that is in no tier is not stayed with."""
        for name in followed.own:
            self._memory.keep(name, tier, model, followed.tokens, followed.session.ttl_s)

    def _rates(self, model: str, team_id: str | None) -> Rates | None:
        """The dearest of its deployments; None where one has no price."""
        found = [_rates(each.info, each.given) for each in self._book.listings(model, team_id)]
        known = [each for each in found if each is not None]
        if not known or len(known) < len(found):
            return None
        return max(known, key=lambda each: (each.prompt, each.answer))


def _rates(info: Mapping[str, Any], given: Any) -> Rates | None:
    prompt, answer = info.get("input_cost_per_token"), info.get("output_cost_per_token")
    if isinstance(prompt, int | float) and isinstance(answer, int | float):
        cached = info.get("cache_read_input_token_cost")
        return Rates(prompt, cached if isinstance(cached, int | float) else prompt, answer)
    if given is None:
        return None
    return Rates(float(given.input) * _NANO, float(given.input) * _NANO, float(given.output) * _NANO)
