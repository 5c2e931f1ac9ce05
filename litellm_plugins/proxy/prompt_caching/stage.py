"""The third cache layer in the running proxy: marks for the provider's prompt cache, and what came of them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from litellm.llms.anthropic.common_utils import supports_anthropic_cache_control

from litellm_plugins.model import PromptCacheReason as Why
from litellm_plugins.prompt_caching.blocks import Block, Place, Ttl, blocks_of
from litellm_plugins.prompt_caching.deciding import Marks, Rules, decide
from litellm_plugins.prompt_caching.families import Families
from litellm_plugins.prompt_caching.marking import marked, unmarked
from litellm_plugins.prompt_caching.moving import Changing
from litellm_plugins.prompt_caching.prices import TTL_S
from litellm_plugins.prompt_caching.report import report
from litellm_plugins.prompt_caching.sharing import Sharing
from litellm_plugins.proxy.budgets.prices import provider_of
from litellm_plugins.proxy.calls.log import whole
from litellm_plugins.proxy.host.token_counts import counted
from litellm_plugins.proxy.host.tokenizers import CL100K
from litellm_plugins.proxy.prompt_caching.following import stayed
from litellm_plugins.proxy.prompt_caching.models import Target, Targets
from litellm_plugins.proxy.prompt_caching.moving import THREAD_FROM_CHARS, Moved, chars, moved
from litellm_plugins.proxy.prompt_caching.stores import open_prompts
from litellm_plugins.proxy.review.tenant import tenant_of
from litellm_plugins.settings import prompt_caching_anywhere
from litellm_plugins.telemetry.events import PromptCacheDecided, PromptCacheUsed, StageFailed

if TYPE_CHECKING:
    from litellm_plugins.model import Identity
    from litellm_plugins.prompt_caching.family import Family
    from litellm_plugins.prompt_caching.store import PromptStore
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.settings import Policies, Settings
    from litellm_plugins.settings.prompt_caching import PromptCaching
    from litellm_plugins.telemetry.events import Telemetry

_ENDPOINTS = frozenset({"chat", "messages"})
_MOST_COUNTS = 20_000
_MOST_FEATURES = 16  # named by clients, of one family
_HOSTS_POINTS = "cache_control_injection_points"
_HOSTS_SWITCH = "enable_prompt_caching"  # stamped by the host from a key's metadata


@dataclass(frozen=True, slots=True)
class PromptCached:
    """Of one request: what was decided, and what is needed once it is over."""

    event: PromptCacheDecided
    family: Family | None
    target: Target
    estimated: int  # tokens of the whole prompt
    marks: tuple[tuple[bytes, Ttl], ...]  # the client's and ours, by their prefixes
    places: tuple[Place, ...]  # of ours
    moved: Moved | None = None  # None: it is not allowed


class HostPromptCaching:
    """One for all requests of a worker. `clock` is in UNIX seconds."""

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        book: PriceBook,
        telemetry: Telemetry,
        store: PromptStore,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        mine = settings.prompt_caching
        self._policies, self._telemetry, self._targets = policies, telemetry, Targets(book)
        self.families = Families(clock=clock, max_families=mine.max_families, max_prefixes=mine.max_prefixes)
        self._changing = Changing(most=mine.max_prefixes)
        self._sharing = Sharing(self.families, store, failed=self._not_shared)
        self._since_s = clock()

    async def aclose(self) -> None:
        """Tell the other workers the last of it."""
        await self._sharing.aclose()

    def _not_shared(self, reason: str, detail: str) -> None:
        self._telemetry.emit(StageFailed("prompt_cache_sharing", reason, detail))

    async def mark(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """Decide, tell, and put the marks into `data`. Never raises: in doubt the request goes on as it is."""
        ticket.prompt_cached = None
        request = ticket.decision.request
        model = str(data.get("model") or "")
        rules = self._policies.prompt_caching_for(request.identity, model)
        if not rules.enabled or request.endpoint not in _ENDPOINTS:
            return
        try:
            self._sharing.start()
            with ticket.decision.steps.measured("prompt_cache"):
                told = None
                if rules.move_volatile:
                    stands_down = _stands_down(self._targets.of(model, request.identity.team_id), data)
                    tenant = tenant_of(request.identity)
                    told = await moved(request.endpoint, data, self._changing, tenant, model, stands_down)
                # After it, for what lies at the provider is the prompt as it was moved.
                await self._followed(ticket, data, model)
                blocks = await _read(request.endpoint, data)
                ticket.prompt_cached = self._decided(ticket, data, model, blocks, rules, told)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("prompt_cache", exc)
            return
        self._telemetry.emit(ticket.prompt_cached.event)

    @staticmethod
    def unmark(ticket: Ticket, data: dict[str, Any]) -> None:
        """Take off what was put there for the model of `ticket`: another is to be asked."""
        if ticket.prompt_cached is not None:
            _undo(ticket.prompt_cached, data)

    def at_deployment(self, ticket: Ticket, kwargs: dict[str, Any]) -> None:
        """A deployment is about to be asked: one of a fallback may take no marks. Never raises.

        The host takes them off for OpenAI itself, and leaves them for servers that speak its protocol.
        """
        cached = ticket.prompt_cached
        if cached is None or not (cached.places or cached.moved):
            return
        try:
            model = str(kwargs.get("model") or "")
            if not supports_anthropic_cache_control(model, provider_of(model, kwargs.get("custom_llm_provider"))):
                _undo(cached, kwargs)
        except Exception as exc:  # noqa: BLE001 - the host's edge: it goes as it is
            self._telemetry.broke("prompt_cache", exc)

    def over(self, ticket: Ticket, kwargs: Mapping[str, Any]) -> None:
        """A provider has answered: what it read from its cache, and what it wrote. Never raises."""
        cached = ticket.prompt_cached
        if cached is None or cached.family is None or kwargs.get("cache_hit") is True:
            return
        try:
            payload = kwargs.get("standard_logging_object") or {}
            if payload.get("model_group") not in (None, "", cached.family.model):
                return  # a fallback's, which is another family
            nano_usd = self._count(cached, cached.family, _usage_of(payload))
            if ticket.call is not None:
                ticket.call.prompt_cache_nano_usd[f"{kwargs.get('litellm_call_id')} {payload.get('id')}"] = nano_usd
        except Exception as exc:  # noqa: BLE001 - the host's edge: counting may break no request
            self._telemetry.broke("prompt_cache", exc)

    async def report(self, _query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every family, over all workers; where the store cannot say, those that this worker remembers."""
        now, shared = self.families.clock(), await self._sharing.all()
        if shared is None:
            return report(self.families.all(), since_s=self._since_s, now_s=now, worker=os.getpid())
        return report(shared, since_s=min((each.since_s for each in shared), default=now), now_s=now)

    async def _followed(self, ticket: Ticket, data: dict[str, Any], model: str) -> None:
        """Where the provider has texts cached as they were before they were made shorter, they stay so."""
        compressed, request = ticket.compressed, ticket.decision.request
        if compressed is None or not compressed.fields:
            return
        target = self._targets.of(model, request.identity.team_id)
        live = self._live(tenant_of(request.identity), model, by_itself=target.stands_down is Why.AUTOMATIC)
        ticket.compressed = await asyncio.to_thread(stayed, request.endpoint, data, compressed, target, live, _tokens)

    def _live(self, tenant: str, model: str, *, by_itself: bool) -> Callable[[bytes], bool | None]:
        now = self.families.clock()

        def live(chain: bytes) -> bool | None:
            seen = self.families.known(tenant, model, [chain])[0]
            if seen is None:
                return None
            return now < seen.live_until_s or (by_itself and now - seen.last_s < TTL_S["5m"])

        return live

    def _decided(
        self,
        ticket: Ticket,
        data: dict[str, Any],
        model: str,
        blocks: Sequence[Block],
        rules: PromptCaching,
        told: Moved | None,
    ) -> PromptCached:
        request = ticket.decision.request
        tenant, target = tenant_of(request.identity), self._targets.of(model, request.identity.team_id)
        allowed: tuple[Ttl, ...] = target.ttls if rules.ttl == "auto" else (rules.ttl,)
        allowed = tuple(ttl for ttl in allowed if ttl in target.ttls) or ("5m",)
        sight = self.families.see(tenant, model, blocks)
        if sight is None:
            marks = Marks((), target.stands_down or Why.NO_PREFIX)
        elif (stands_down := _stands_down(target, data)) is not None:
            marks = Marks((), stands_down, sight.family.in_its_tokens(sight.family.prefix_tokens))
        else:
            now_s = self.families.clock()
            marks = decide(blocks, sight, Rules(target.minimum, allowed, target.prices, rules.ahead, now_s))
        family = None if sight is None else sight.family
        if family is not None:
            _noted(family, marks, blocks, target, allowed, request.identity, request.feature)
        if marks.at:
            data.update(marked(data, {blocks[at].place: ttl for at, ttl in marks.at}))
        theirs = tuple((block.chain, block.mark) for block in blocks if block.mark is not None)
        return PromptCached(
            _event(marks, family, model, request.identity, told),
            family,
            target,
            blocks[-1].tokens if blocks else 0,
            (*theirs, *((blocks[at].chain, ttl) for at, ttl in marks.at)),
            tuple(blocks[at].place for at, _ in marks.at),
            told,
        )

    def _count(self, cached: PromptCached, family: Family, usage: _Usage) -> int:
        """What it saved, less what it cost extra, in nano-dollars."""
        self.families.touch(family)
        family.told += 1
        family.heard(cached.estimated, usage.prompt)
        family.active = usage.read > 0
        family.read_requests += family.active
        family.prompt_tokens += usage.prompt
        family.read_tokens += usage.read
        family.written_5m_tokens += usage.written_5m
        family.written_1h_tokens += usage.written_1h
        saved, extra = cached.target.prices.saved_and_extra(usage.read, usage.written_5m, usage.written_1h)
        family.saved_nano_usd += saved - extra
        if usage.read or usage.written_5m or usage.written_1h:
            self.families.written(family.tenant, family.model, cached.marks)
        self._telemetry.emit(
            PromptCacheUsed(
                family=family.id,
                model_group=family.model,
                team=cached.event.team,
                prompt_tokens=usage.prompt,
                read_tokens=usage.read,
                written_5m_tokens=usage.written_5m,
                written_1h_tokens=usage.written_1h,
                saved_nano_usd=saved,
                extra_nano_usd=extra,
            )
        )
        return saved - extra


@dataclass(frozen=True, slots=True)
class _Usage:
    prompt: int
    read: int
    written_5m: int
    written_1h: int


def host_prompt_caching(
    settings: Settings, policies: Policies, book: PriceBook, telemetry: Telemetry
) -> HostPromptCaching | None:
    """None where it is on for nobody."""
    if not prompt_caching_anywhere(settings):
        return None
    return HostPromptCaching(settings, policies, book, telemetry, open_prompts(settings))


async def _read(endpoint: str, data: Mapping[str, Any]) -> tuple[Block, ...]:
    if chars((data.get("tools"), data.get("system"), data.get("messages"))) > THREAD_FROM_CHARS:
        return await asyncio.to_thread(blocks_of, endpoint, data, _tokens)
    return blocks_of(endpoint, data, _tokens)


class _TokenCounts:
    """By the hash of a text, which is not kept. Long prompts are counted in other threads."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}

    def __call__(self, text: str) -> int:
        data = text.encode("utf-8", "surrogatepass")
        key = blake2b(data, digest_size=16).digest()
        tokens = self._known.get(key)
        if tokens is None:
            tokens = counted(data.decode("utf-8", "replace"), CL100K)  # a family learns how its model's differ
            if len(self._known) >= _MOST_COUNTS:
                self._known.clear()
            self._known[key] = tokens
        return tokens


_tokens = _TokenCounts()


def _stands_down(target: Target, data: Mapping[str, Any]) -> Why | None:
    if target.stands_down is None and (data.get(_HOSTS_POINTS) or data.get(_HOSTS_SWITCH) is True):
        return Why.HOST_MARKS
    return target.stands_down


def _noted(
    family: Family,
    marks: Marks,
    blocks: Sequence[Block],
    target: Target,
    allowed: Sequence[Ttl],
    identity: Identity,
    feature: str,
) -> None:
    theirs = [block.mark for block in blocks if block.mark is not None]
    family.minimum = target.minimum
    family.team = identity.team_name
    family.reason = marks.reason.value
    family.reasons[marks.reason.value] += 1
    family.ttl = marks.ttl or (theirs[0] if theirs else "")
    family.longest_ttl_s = TTL_S[max(theirs, key=TTL_S.__getitem__)] if theirs else max(TTL_S[each] for each in allowed)
    family.marked += bool(marks.at)
    family.by_client += bool(theirs)
    if feature and (feature in family.features_named or len(family.features_named) < _MOST_FEATURES):
        family.features_named[feature] += 1


def _undo(cached: PromptCached, data: dict[str, Any]) -> None:
    """For another model than it was meant for."""
    data.update(unmarked(data, cached.places))
    if cached.moved is not None:
        data.update(cached.moved.undone(data))


def _event(
    marks: Marks, family: Family | None, model: str, identity: Identity, told: Moved | None
) -> PromptCacheDecided:
    return PromptCacheDecided(
        reason=marks.reason,
        model_group=model,
        marks=len(marks.at),
        ttl=marks.ttl,
        tokens=marks.tokens,
        family="" if family is None else family.id,
        team=identity.team_name,
        key=identity.key_name,
        volatile=None if told is None else told.volatile,
        moved=None if told is None else told.lines,
    )


def _usage_of(payload: Mapping[str, Any]) -> _Usage:
    """As the provider told it, in the host's words."""
    told = _mapping(_mapping(payload.get("metadata")).get("usage_object"))
    details = _mapping(told.get("prompt_tokens_details"))
    by_ttl = _mapping(details.get("cache_creation_token_details")) or _mapping(told.get("cache_creation"))
    written = whole(told.get("cache_creation_input_tokens")) or whole(details.get("cache_creation_tokens"))
    of_an_hour = min(written, whole(by_ttl.get("ephemeral_1h_input_tokens")))
    read = whole(told.get("cache_read_input_tokens")) or whole(details.get("cached_tokens"))
    prompt = whole(told.get("prompt_tokens")) or whole(payload.get("prompt_tokens"))
    return _Usage(prompt, read, written - of_an_hour, of_an_hour)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
