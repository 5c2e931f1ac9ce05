"""Fresh answers on their way out of the front route: read off the wire, and kept.

What a client gets is what is stored: the host has several ways to make it (a provider's own protocol, or a
translation of another's), one wire shape for each endpoint, and no hook that sees them all. A stream is passed on as it
comes; only when its last event stands there is an answer put together, before that event goes out, because clients
hang up on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import litellm

from litellm_plugins.model import Reply
from litellm_plugins.proxy.cache.identifiers import without_owner
from litellm_plugins.proxy.host.endpoints import CHAT, COMPLETIONS, Body, Endpoint, tokens_of
from litellm_plugins.proxy.host.prices import cost_nano_usd
from litellm_plugins.proxy.host.provider_chunks import chunks_of, is_finished
from litellm_plugins.proxy.host.token_counts import counted
from litellm_plugins.proxy.host.tokenizers import base_model_of, tokenizer_of
from litellm_plugins.proxy.routing.trial import Outcome
from litellm_plugins.proxy.wire.sse import events_in

if TYPE_CHECKING:
    from starlette.responses import StreamingResponse

    from litellm_plugins.pipeline import Decision, Pipeline
    from litellm_plugins.proxy.boot import Pack
    from litellm_plugins.proxy.ticket import Ticket

_LOG = logging.getLogger(__name__)
_MOST_BYTES_PER_ANSWER_BYTE = 24  # what a stream's events weigh beside the words they bring
_tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps weak references only


async def all_stored(within_s: float) -> None:
    """Let what is being stored come to its end, for so long."""
    if _tasks:
        await asyncio.wait(tuple(_tasks), timeout=within_s)


def listen(pack: Pack, endpoint: Endpoint, ticket: Ticket, result: StreamingResponse) -> None:
    """Have what `result` streams stored if it may be, before anything that ends when the client leaves, and counted."""
    if endpoint is not CHAT:
        fresh = FreshAnswer(pack.pipeline, endpoint, ticket)
        if fresh.is_wanted:
            fresh.watch(result)
    if pack.early_stop is not None:  # after that, which stores no stopped answer, and before what hears its end
        pack.early_stop.watch(ticket, result)
    pack.calls.overhear(ticket, result, pack.budgets)


class FreshAnswer:
    """One fresh answer of `endpoint` to the request of `ticket`."""

    def __init__(self, pipeline: Pipeline, endpoint: Endpoint, ticket: Ticket) -> None:
        self._pipeline, self._endpoint, self._ticket = pipeline, endpoint, ticket

    @property
    def is_wanted(self) -> bool:
        """Whether it may be kept at all, as far as its request goes."""
        decision = self._ticket.decision
        trial = self._ticket.trial
        doubted = trial is not None and trial.outcome is Outcome.DOUBTED
        return decision.verdict.is_shared and not decision.request.controls.no_store and not doubted

    def keep(self, body: Body) -> None:
        """Store a whole answer, beside whatever else goes on; of one that is tried, if it is the one that is served."""
        trial = self._ticket.trial
        if trial is not None and trial.outcome is not Outcome.SERVED:  # of one that is known by now the end came later
            trial.when_known(partial(self._keep_if_served, body))
            return
        self._pipeline.call_answered(self._ticket.decision)
        task = asyncio.get_running_loop().create_task(self._store(body))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _keep_if_served(self, body: Body, outcome: Outcome) -> None:
        if outcome is Outcome.SERVED:
            self.keep(body)

    async def _ended(self, over: Callable[[Decision], None], outcome: Outcome) -> None:
        if outcome is Outcome.SERVED:
            over(self._ticket.decision)

    def watch(self, response: StreamingResponse) -> None:
        """Store what `response` streams, if it comes to its end."""
        response.body_iterator = self._watched(response.body_iterator)

    async def _watched(self, chunks: Any) -> AsyncIterator[Any]:
        collected: list[bytes] = []
        room = self._ticket.decision.policy.max_answer_kb * 1024 * _MOST_BYTES_PER_ANSWER_BYTE
        kept = False
        told = chunks_of(self._ticket.stream)
        self._ticket.stream = None
        try:
            async for chunk in chunks:
                if not kept and room > 0:
                    raw = chunk.encode() if isinstance(chunk, str) else bytes(chunk)
                    collected.append(raw)
                    room -= len(raw)
                    # An end may be cut in two where a provider's bytes are passed on: one chunk back is looked at, too.
                    if self._endpoint.end in b"".join(collected[-2:]):
                        kept = self._keep_stream(b"".join(collected), told)
                yield chunk
        finally:
            if not kept:
                over = self._pipeline.call_failed if room > 0 else self._pipeline.call_unshared
                if self._ticket.trial is None:
                    over(self._ticket.decision)
                else:
                    self._ticket.trial.when_known(partial(self._ended, over))
            with contextlib.suppress(AttributeError):
                await chunks.aclose()

    def _keep_stream(self, raw: bytes, told: list[Any] | None) -> bool:
        if told is not None and not is_finished(told):
            return False  # the connection ended, the answer did not: the host makes up an end for such a stream
        try:
            body = self._endpoint.whole(events_in(raw))
        except ValueError:  # the rest of an event is still to come, or an answer only speaks of such an end
            return False
        if body is None:
            return False
        self.keep(body)
        return True

    async def _store(self, body: Body) -> None:
        try:
            reply = await self._reply(body)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            _LOG.debug("an answer of unknown shape was not stored: %s", exc)
            reply = None
        if reply is None:
            self._pipeline.call_unshared(self._ticket.decision)
        else:
            await self._pipeline.after_call(self._ticket.decision, reply)

    async def _reply(self, body: Body) -> Reply | None:
        deployment = self._ticket.deployment
        if deployment is None:
            return None
        self._endpoint.typed(body)  # as a hit will be; raises where that could not be done
        usage = self._endpoint.usage(body)
        if self._endpoint is COMPLETIONS and not usage.total_tokens:
            # Told only to who asks for it; counted as the host does for its own books. The first count takes seconds.
            usage = await asyncio.to_thread(self._counted, body)
            body = {**body, "usage": usage.model_dump(exclude_none=True)}
        priced = litellm.ModelResponse(model=deployment.model, usage=usage)
        return Reply(
            body=without_owner(self._endpoint, body),
            model=deployment.model,
            provider=deployment.provider,
            model_group=deployment.model_group,
            usage=tokens_of(usage),
            cost_nano_usd=cost_nano_usd(priced, deployment, call_type="acompletion"),
        )

    def _counted(self, body: Body) -> litellm.Usage:
        deployment = self._ticket.deployment
        model = self._ticket.decision.request.model_group
        if deployment is not None:
            model = tokenizer_of(deployment.model, deployment.provider, base_model_of(deployment.info))
        prompt = self._ticket.decision.request.messages[0]["content"]
        asked = counted(prompt, model)
        answered = sum(counted(choice["text"], model) for choice in body["choices"])
        return litellm.Usage(prompt_tokens=asked, completion_tokens=answered, total_tokens=asked + answered)
