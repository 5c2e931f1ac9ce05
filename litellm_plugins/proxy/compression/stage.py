"""Stage 5 in the running proxy: prompts go out shorter. What is new is made in a thread, within a deadline."""

from __future__ import annotations

import asyncio
import copy
import gc
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from litellm_plugins.compression.bodies import CONVERSATION, as_messages, place_of, users_texts, with_text
from litellm_plugins.compression.memo import Memo
from litellm_plugins.compression.question import SHORT
from litellm_plugins.compression.squeezing import Squeezed
from litellm_plugins.model import CompressionReason, Identity
from litellm_plugins.proxy.cache.host_judge import host_router
from litellm_plugins.proxy.compression.job import Job, Wanted
from litellm_plugins.proxy.compression.methods import HostMethods
from litellm_plugins.proxy.compression.models import input_nano_usd, marks_of_host, read_share, tokenizer_of
from litellm_plugins.proxy.compression.replaced import Compressed, Replaced
from litellm_plugins.settings import compression_anywhere
from litellm_plugins.telemetry.events import PromptCompressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from litellm import Router

    from litellm_plugins.embedding.embedder import Embedder
    from litellm_plugins.model import Request
    from litellm_plugins.proxy.budgets.prices import PriceBook
    from litellm_plugins.proxy.ticket import Ticket
    from litellm_plugins.settings import Policies, Settings
    from litellm_plugins.settings.compression import Compression
    from litellm_plugins.telemetry.events import Telemetry

_THREADS, _MOST_WAITING = 2, 32
_ASKING_THREADS = 8  # for prompts that wait for another process: they burn no CPU, and nobody else is to wait for them
_MOST_KEPT, _MOST_KEPT_CHARS, _MOST_COUNTED = 8_192, 64_000_000, 65_536
_MORE = "extra_body"  # the host puts what stands in it over the rest of what the provider gets
# Where nothing was made shorter, the first of these is told; between the first and the next whatever was lost.
_TELLING = (
    CompressionReason.DEADLINE,
    CompressionReason.COMPRESSOR_UNAVAILABLE,
    CompressionReason.BUSY,
    CompressionReason.NO_QUESTION,
    CompressionReason.LITTLE_SAVED,
    CompressionReason.TOO_LONG,
    CompressionReason.CACHED_PREFIX,
    CompressionReason.SHORT,
    CompressionReason.NOTHING_TO_TOUCH,
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    reason: str
    made: Mapping[tuple[str | int, ...], Squeezed] = field(default_factory=dict)  # by their places
    tokens_before: int | None = None


def as_set(feature: str, model_group: str) -> float:
    """As the settings say."""
    return 1.0


class HostCompression:
    """One for all requests of a worker. What was made of a text is remembered by its content."""

    def __init__(
        self,
        policies: Policies,
        book: PriceBook,
        telemetry: Telemetry,
        *,
        timer: Callable[[], float] = time.perf_counter,
        job: type[Job] = Job,
        router: Callable[[], Router | None] = host_router,
        embedder: Embedder | None = None,
        rate_factor: Callable[[str, str], float] = as_set,
    ) -> None:
        self._methods = HostMethods(telemetry, embedder)
        self._policies, self._book, self._telemetry, self._timer, self._job = policies, book, telemetry, timer, job
        self._router, self._rate_factor = router, rate_factor
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="compress")
        self._asking = ThreadPoolExecutor(_ASKING_THREADS, thread_name_prefix="compress-asking")
        self._waiting = 0
        self._made: Memo[Squeezed] = Memo(most=_MOST_KEPT, most_chars=_MOST_KEPT_CHARS)
        self._counted: Memo[int] = Memo(most=_MOST_COUNTED)

    def start(self) -> None:
        """Start what takes a while to be ready: LLMLingua's process, where every request may want it."""
        self._methods.sidecars.start(self._policies.compression_for(Identity(), "", ""))

    async def aclose(self) -> None:
        """Begin nothing more."""
        for pool in (self._pool, self._asking):
            pool.shutdown(wait=False, cancel_futures=True)
        await self._methods.aclose()

    async def compress(self, ticket: Ticket, data: dict[str, Any]) -> None:
        """Replace in `data` what may be shorter, and tell. Never raises: in doubt the request goes on as it is."""
        request = ticket.decision.request
        if request.endpoint not in CONVERSATION:
            return
        try:
            policy = self._policies.compression_for(request.identity, request.model_group, request.feature)
            if not policy.enabled:
                return
            with ticket.decision.steps.measured("compress"):
                compressed = await self._compressed(policy, ticket, data)
            compressed.put_into(data)
        except Exception as exc:  # noqa: BLE001 - fail open: this is the stage's edge
            self._telemetry.broke("compress", exc)
            return
        ticket.compressed = compressed

    def tell(self, ticket: Ticket, data: Mapping[str, Any]) -> None:
        """Once it is known what goes out: later stages may have written into the same fields, or stayed it."""
        compressed = ticket.compressed
        if compressed is not None and not compressed.told:
            fields = {name: (was, data.get(name, sent)) for name, (was, sent) in compressed.fields.items()}
            ticket.compressed = replace(compressed, fields=fields, told=True)
            self._telemetry.emit(compressed.event)

    async def _compressed(self, policy: Compression, ticket: Ticket, data: Mapping[str, Any]) -> Compressed:
        request = ticket.decision.request
        factor = self._rate_factor(request.feature, request.model_group)
        rate = 1 - (1 - policy.rate_for(_tier_of(ticket))) * factor
        started, model = self._timer(), str(data.get("model") or "")
        listings = self._book.listings(model, request.identity.team_id)
        outcome = await self._outcome(policy, rate, request, data, tokenizer_of(listings))
        sent: dict[str, Any] = {}
        for path, made in outcome.made.items():
            place = place_of(path, data, request.endpoint)
            name = str(place[0])
            value = copy.deepcopy(made.value)  # it is remembered, and the host writes into what it is given
            sent[name] = with_text(sent.get(name, data[name]), place[1:], value)
        saved = sum(made.saved_tokens for made in outcome.made.values())
        before = outcome.tokens_before
        event = PromptCompressed(
            reason=outcome.reason,
            methods=policy.methods,
            endpoint=request.endpoint,
            model_group=request.model_group,
            team=request.identity.team_name,
            key=request.identity.key_name,
            feature=request.feature,
            tokens_before=before,
            tokens_after=None if before is None else before - saved,
            saved_nano_usd=0 if before is None else int(saved * input_nano_usd(listings)),
            took_ms=(self._timer() - started) * 1_000,
        )
        fields = {name: (data[name], value) for name, value in sent.items()}
        return Replaced(event, fields, read_share=read_share(listings))

    async def _outcome(
        self, policy: Compression, rate: float, request: Request, data: Mapping[str, Any], tokenizer: str
    ) -> _Outcome:
        more = data.get(_MORE)
        if isinstance(more, Mapping) and more.keys() & {*CONVERSATION.values(), "system", "tools"}:
            return _Outcome(CompressionReason.UNSUPPORTED_PARAMETER)
        view = as_messages(data, request.endpoint)
        tools = policy.tools and isinstance(data.get("tools"), list) and bool(data["tools"])
        texts = list(users_texts(view["messages"]))
        # No tokenizer makes more tokens than bytes.
        least = policy.min_tokens
        if not tools and not any(len(text) > SHORT and len(text.encode(errors="replace")) >= least for text in texts):
            return _Outcome(CompressionReason.SHORT if texts else CompressionReason.NOTHING_TO_TOUCH)
        if self._waiting >= _MOST_WAITING:
            return _Outcome(CompressionReason.BUSY)
        view["cache_control_injection_points"] = marks_of_host(data, view, request, self._router())
        deadline_s = policy.deadline_ms / 1_000
        chain = self._methods.chain(policy, rate)
        until = time.monotonic() + deadline_s
        wanted = Wanted(view, dict(data), chain, least, policy.min_saved, tools, tokenizer, until)
        pool = self._asking if "llmlingua" in policy.methods else self._pool
        return await self._run(self._job(wanted, self._made, self._counted), deadline_s, pool)

    async def _run(self, job: Job, deadline_s: float, pool: ThreadPoolExecutor) -> _Outcome:
        self._waiting += 1
        future = pool.submit(job.run)
        future.add_done_callback(self._over(asyncio.get_running_loop()))
        waited = asyncio.wrap_future(future)
        waited.add_done_callback(lambda it: it.cancelled() or it.exception())  # also where nobody waits any more
        done = False
        try:
            done = bool((await asyncio.wait([waited], timeout=deadline_s))[0])
        finally:  # its deadline is over, or its client is gone
            job.left = not done
        if not done:
            future.cancel()
            known = dict(job.known)
            for path, key in job.missing.items():  # what went out once as it was stays so: the provider may know it
                known[path] = self._made.setdefault(key, Squeezed(None, CompressionReason.DEADLINE))
            return _Outcome(CompressionReason.DEADLINE, _applied(known))
        future.result()
        made = dict(job.known)
        for path, fresh in job.fresh.items():
            made[path] = self._made.setdefault(job.missing[path], fresh, len(str(fresh.value or "")))
        reason = _told([each.reason for each in made.values()], cached=job.cached)
        return _Outcome(reason, _applied(made), job.tokens)

    def _over(self, loop: asyncio.AbstractEventLoop) -> Callable[[Future[None]], None]:
        def count_down() -> None:
            self._waiting -= 1

        def over(_: Future[None]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(count_down)

        return over


def host_compression(
    settings: Settings,
    policies: Policies,
    book: PriceBook,
    telemetry: Telemetry,
    *,
    job: type[Job] = Job,
    router: Callable[[], Router | None] = host_router,
    embedder: Embedder | None = None,
    rate_factor: Callable[[str, str], float] = as_set,
) -> HostCompression | None:
    """None where nothing is compressed. `embedder` is the pack's, where there is one; its owner closes it.

    `rate_factor`: by feature and model group, of the share that is taken out: less where reviewers found answers wrong.
    """
    if not compression_anywhere(settings):
        return None
    # A full collection stops every thread, and takes 0.44 s over the 700,000 objects of a loaded host (measured). A
    # long prompt makes objects enough to bring one about: those that live as long as the worker are not looked at.
    gc.freeze()
    return HostCompression(
        policies, book, telemetry, job=job, router=router, embedder=embedder, rate_factor=rate_factor
    )


def _tier_of(ticket: Ticket) -> str:
    """That it is sent to; empty where no router chose one."""
    return "" if ticket.routed is None or ticket.routed.event.shadow else ticket.routed.event.tier


def _applied(made: Mapping[tuple[str | int, ...], Squeezed]) -> dict[tuple[str | int, ...], Squeezed]:
    return {path: each for path, each in made.items() if each.value is not None}


def _told(reasons: list[str], *, cached: bool) -> str:
    if CompressionReason.APPLIED in reasons:
        return CompressionReason.APPLIED
    lost = [reason for reason in reasons if reason.startswith("lost_")]
    if lost and CompressionReason.DEADLINE not in reasons:
        return lost[0]
    found = {*reasons, *([CompressionReason.CACHED_PREFIX] if cached else [])}
    return next((reason for reason in _TELLING if reason in found), CompressionReason.NOTHING_TO_TOUCH)
