"""Summaries of old turns by a cheap model: made once, remembered, bounded in time and number, paid by the request."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from litellm_plugins.cache.judge import JudgeUnavailable
from litellm_plugins.cache.own_calls import OwnCalls, tab
from litellm_plugins.compression.memo import Memo
from litellm_plugins.compression.summary import Part, case_of, rules_for
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import HistoryReason
from litellm_plugins.proxy.cache.host_judge import HostJudge
from litellm_plugins.storage.circuit import Circuit

if TYPE_CHECKING:
    from litellm_plugins.cache.judge import Judge
    from litellm_plugins.compression.history import Item
    from litellm_plugins.compression.summary_store import SummaryStore
    from litellm_plugins.settings.history import History

_LEARN_S, _MOST_LEARNT = 0.25, 64  # of the way of a request that would wait for a model; steps of one conversation
_LAST_S = 2.0  # of closing, for telling the rest
_MOST_KEPT, _MOST_KEPT_CHARS, _AT_ONCE = 8_192, 16_000_000, 16


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of old turns, or why nothing is. `reason` and `detail` hold no text of anybody."""

    text: str | None
    reason: HistoryReason = HistoryReason.OVER_BUDGET
    detail: str = ""
    fault: str = ""  # of what broke, as the judge's


def _host_model(name: str, max_tokens: int) -> Judge:
    return HostJudge(name, max_tokens=max_tokens)


class Summaries:
    """One for all requests of a worker. What was made first of some turns stays, for as long as it is known."""

    def __init__(
        self,
        *,
        model: Callable[[str, int], Judge] = _host_model,
        clock: Callable[[], float] = time.monotonic,
        store: SummaryStore | None = None,
        failed: Callable[[str, str], None] = lambda _reason, _detail: None,
    ) -> None:
        self._model, self._clock, self._store, self._failed = model, clock, store, failed
        self._telling: set[asyncio.Task[None]] = set()
        self._known: Memo[str] = Memo(most=_MOST_KEPT, most_chars=_MOST_KEPT_CHARS)
        self._wordless: Memo[bool] = Memo(most=_MOST_KEPT)  # turns of which the model said nothing, and charged for it
        self._calls: dict[bytes, asyncio.Task[Summary]] = {}
        self._circuits: dict[str, Circuit] = {}

    async def aclose(self) -> None:
        """Tell the last of it, and close the store."""
        if self._telling:
            await asyncio.wait(self._telling, timeout=_LAST_S)
        if self._store is not None:
            await self._store.aclose()

    async def of(
        self, parts: Sequence[Part], items: Sequence[Item], rules: History, *, tenant: str, within_s: float
    ) -> Summary:
        """Of all the turns in `parts`, which tell one tenant's from another's: known, or made within that time."""
        last, began = parts[-1], self._clock()
        if rules.share and self._known.get(last.key) is None and last.key not in self._calls:
            await self._learn(tenant, parts, within_s=min(within_s, _LEARN_S))
            within_s = max(0.0, within_s - (self._clock() - began))
        if (known := self._known.get(last.key)) is not None:
            return Summary(known)
        if self._wordless.get(last.key):
            return Summary(None, HistoryReason.SUMMARY_FAILED, "not asked: it said nothing of these turns before")
        call = self._calls.get(last.key)
        if call is None:
            name = str(rules.model)
            circuit = self._circuits.setdefault(name, Circuit(clock=self._clock))
            if len(self._calls) >= _AT_ONCE:
                return Summary(None, HistoryReason.BUSY)
            if circuit.refusal() is not None:
                return Summary(None, HistoryReason.SUMMARY_FAILED, "not asked: it failed a moment ago", "paused")
            turns, before = self._still_to_read(parts, items)
            made = self._made(last.key, case_of(turns, before), rules, circuit, within_s, tab(), tenant)
            # In a context of its own: nothing of the user's request (its trace, its call id) is to cling to this call.
            call = asyncio.create_task(made, context=contextvars.Context())
            self._calls[last.key] = call
            call.add_done_callback(partial(self._over, last.key))
        # Not cancelled when it is late: the provider charges for it, and the next request has its summary.
        await asyncio.wait({call}, timeout=within_s)
        return call.result() if call.done() else Summary(None, HistoryReason.SUMMARY_LATE)

    def _still_to_read(self, parts: Sequence[Part], items: Sequence[Item]) -> tuple[list[Item], str]:
        """The turns that no earlier summary covers, and that summary."""
        unread: list[Part] = []
        before = ""
        for part in reversed(parts):
            known = self._known.get(part.key)
            if known is not None:
                before = known
                break
            unread.append(part)
        return [items[place] for part in reversed(unread) for place in part.items], before

    async def _made(
        self,
        key: bytes,
        case: str,
        rules: History,
        circuit: Circuit,
        within_s: float,
        payer: OwnCalls | None,
        tenant: str,
    ) -> Summary:
        began = self._clock()
        try:
            model = self._model(str(rules.model), rules.summary_tokens)
            said = await model.ask(rules_for(rules.summary_tokens), case)
        except JudgeUnavailable as exc:
            circuit.failed(exc.reason, at_once=False)
            return Summary(None, HistoryReason.SUMMARY_FAILED, str(exc), exc.reason)
        if payer is not None:
            payer.add(said.cost_nano_usd, for_history=True)
        if self._clock() - began <= within_s:
            circuit.succeeded()
        else:
            circuit.failed(HistoryReason.SUMMARY_LATE, at_once=False)
        text = said.text.strip()
        if not text:
            self._wordless.setdefault(key, True)
            return Summary(None, HistoryReason.SUMMARY_FAILED, "the model said nothing", "empty")
        if rules.share and self._store is not None:
            task = asyncio.create_task(self._tell(self._store, tenant, key, text))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
        return Summary(self._known.setdefault(key, text, len(text)))

    async def _learn(self, tenant: str, parts: Sequence[Part], *, within_s: float) -> None:
        """What other workers know of these turns. A model would take far longer; where the store fails, it is asked."""
        keys = [part.key for part in parts[-_MOST_LEARNT:] if self._known.get(part.key) is None]
        if self._store is None:
            return
        try:
            async with asyncio.timeout(within_s):
                found = await self._store.get(tenant, keys)
        except (StoreUnavailable, TimeoutError) as exc:
            self._failed(exc.reason if isinstance(exc, StoreUnavailable) else "store_timeout", type(exc).__name__)
            return
        for key, text in found.items():
            told = text.decode("utf-8", "surrogatepass")
            self._known.setdefault(key, told, len(told))

    async def _tell(self, store: SummaryStore, tenant: str, key: bytes, text: str) -> None:
        try:
            await store.put(tenant, key, text.encode("utf-8", "surrogatepass"), now_ms=time.time_ns() // 1_000_000)
        except StoreUnavailable as exc:
            self._failed(exc.reason, type(exc).__name__)

    def _over(self, key: bytes, call: asyncio.Task[Summary]) -> None:
        self._calls.pop(key, None)
        if not call.cancelled():
            call.exception()  # also where nobody waits any more
