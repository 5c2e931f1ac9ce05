"""The worker: sends what waits, fetches what is done. One of all workers has its turn; any may take over, at any point.

Nothing is lost and nothing sent twice, because each step is written down before it is taken: a batch is claimed before
anything is sent, and said to be *being created* before its creation is asked for. Whoever finds it so later looks for
it at the provider, by our id in its metadata, and creates it only where it is not there after `unsure_s`: longer than
a request to the provider can be under way. Answers are booked before they are kept, and booking twice changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from litellm_plugins.batch.flush import due
from litellm_plugins.batch.provider import Ended, Paid, ProviderFault
from litellm_plugins.batch.queue import Batch, Deferred, Stage, Status
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.tasks import stop

if TYPE_CHECKING:
    from litellm_plugins.batch.lines import Result
    from litellm_plugins.batch.provider import Books, Progress, Provider
    from litellm_plugins.batch.queue import Queue
    from litellm_plugins.settings.batch import Batch as Rules

HELD_ON_S = 3_600.0  # after a request expires: for its provider to end it, and to say what it cost
_MOST_OVERDUE = 500
_LONGEST_PAUSE_S = 900.0
_DAY_S = 86_400
# Why a whole batch fails, and would not later: so many tokens of the organization wait in batches already.
_FOR_NOW = frozenset({"token_limit_exceeded"})
_OF_A_TURN = 0.7
Failed = Callable[[str, str], None]  # told the reason and what it was about


class Worker:
    """One per worker process; what it does it does for all."""

    def __init__(  # noqa: PLR0913 - the seams of one job, and what a test must hold in its hand
        self,
        store: Queue,
        provider: Provider,
        books: Books,
        rules: Rules,
        *,
        told: Callable[[Ended], None],
        failed: Failed,
        clock: Callable[[], float] = time.time,
        lease_s: float = 60.0,
        unsure_s: float = 180.0,
    ) -> None:
        self._store, self._provider, self._books, self._rules = store, provider, books, rules
        self._told, self._failed, self._clock = told, failed, clock
        self._lease_s, self._unsure_s = lease_s, unsure_s
        self._owner = secrets.token_hex(8)

    async def turn(self) -> bool:
        """Do what is to be done now; False: another worker has the turn. Raises: StoreUnavailable."""
        if not await self._is_ours():
            return False
        work = asyncio.create_task(self._work())
        try:
            while not (await asyncio.wait({work}, timeout=self._lease_s / 4))[0]:
                if not await self._is_ours():
                    return False
            await work
        finally:
            with contextlib.suppress(Exception):
                await stop(work)
        # Until the next turn is due, whoever takes it: should this process be gone by then, nobody waits for its lease.
        await self._store.lease(self._owner, now_s=self._clock(), for_s=self._rules.poll_every_s * _OF_A_TURN)
        return True

    async def give_back(self) -> None:
        """Let another worker go on at once, rather than after the lease."""
        with contextlib.suppress(StoreUnavailable):
            await self._store.release(self._owner)

    async def _is_ours(self) -> bool:
        return await self._store.lease(self._owner, now_s=self._clock(), for_s=self._lease_s)

    async def _work(self) -> None:
        for request in await self._store.overdue(now_s=self._clock(), most=_MOST_OVERDUE):
            await self._end_without(request, Status.EXPIRED, "no_batch_in_time")
        for batch in await self._store.batches():
            await self._with_care(batch)
        for model_group in due(await self._store.waiting(), self._rules, now_s=self._clock()):
            batch = Batch(secrets.token_hex(16), model_group, self._clock())
            if await self._store.claim(batch, most=self._rules.max_requests):
                await self._with_care(batch)
        await self._store.sweep(before_s=self._clock() - self._rules.keep_days * _DAY_S)

    async def _with_care(self, batch: Batch) -> None:
        """A fault with one batch keeps no other waiting."""
        try:
            await self._advance(batch)
        except ProviderFault as fault:
            self._failed(fault.kind, str(fault))
            await self._give_up_in_time(batch)
        except StoreUnavailable:
            raise
        except Exception as exc:  # noqa: BLE001 - one request's oddities must not stop everybody's
            self._failed("internal_error", f"a batch: {type(exc).__name__}")
            await self._give_up_in_time(batch)

    async def _advance(self, batch: Batch) -> None:
        if batch.stage is Stage.SUBMITTED:
            await self._look_after(batch)
        elif batch.stage is Stage.CLAIMED:
            pause_s = min(self._rules.poll_every_s * 2**batch.tries, _LONGEST_PAUSE_S) if batch.tries else 0.0
            if self._clock() - batch.touched_s >= pause_s:
                await self._submit(batch)
        elif self._clock() - batch.touched_s >= self._unsure_s:
            found = await self._provider.look_up(batch)
            if found is None:
                await self._submit(batch)
            else:
                await self._store.note(replace(batch, stage=Stage.SUBMITTED, provider_id=found))

    async def _submit(self, batch: Batch) -> None:
        members = []
        for request in await self._store.members(batch.id):
            if request.expires_s <= self._clock():
                await self._end_without(request, Status.EXPIRED, "no_batch_in_time")
            elif not request.body:  # none of the encryption keys opens it
                await self._end_without(request, Status.FAILED, "unreadable")
            else:
                members.append(request)
        if not members:
            await self._store.drop(batch.id)
            return
        try:
            file = await self._provider.upload(batch, members)
            batch = replace(batch, stage=Stage.CREATING, deployment=file.deployment, touched_s=self._clock())
            for request in members:
                await self._books.called(request)
            await self._store.note(batch)
            if not await self._is_ours():  # it took long, and another worker may be at it
                return
            provider_id = await self._provider.create(batch, file)
        except ProviderFault as fault:
            await self._not_submitted(batch, members, fault)
            return
        await self._store.note(replace(batch, stage=Stage.SUBMITTED, provider_id=provider_id))

    async def _not_submitted(self, batch: Batch, members: list[Deferred], fault: ProviderFault) -> None:
        self._failed(fault.kind, str(fault))
        if fault.is_certain and fault.is_lasting:
            for request in members:
                await self._end_without(request, Status.FAILED, fault.reason)
            await self._store.drop(batch.id)
        elif fault.is_certain or batch.stage is Stage.CLAIMED:
            again = replace(batch, stage=Stage.CLAIMED, tries=batch.tries + 1, touched_s=self._clock())
            await self._store.note(again)

    async def _look_after(self, batch: Batch) -> None:
        progress = await self._provider.progress(batch)
        members = await self._store.members(batch.id)
        if progress.status == "failed" and progress.reason in _FOR_NOW:
            self._failed("provider_busy", progress.reason)
            again = replace(batch, stage=Stage.CLAIMED, provider_id="", tries=batch.tries + 1, touched_s=self._clock())
            await self._store.note(again)
        elif progress.is_over:
            await self._harvest(batch, progress, members)
        elif any(each.expires_s <= self._clock() for each in members):
            if progress.status != "cancelling":
                await self._provider.cancel(batch)
            await self._give_up_in_time(batch)

    async def _harvest(self, batch: Batch, progress: Progress, members: list[Deferred]) -> None:
        """End what has an end. What the provider did not get to waits again, if there is time left for it."""
        results = {result.id: result for result in await self._provider.results(batch, progress)}
        odd: Exception | None = None
        numbered = list(enumerate(members, start=1))
        # Bad lines are told by number: from the last, so that a worker that goes on with the rest counts them alike.
        for number, request in reversed(numbered) if progress.bad_lines else numbered:
            is_bad = not progress.bad_lines or number in progress.bad_lines
            try:
                await self._end_as_told(request, batch, progress, results.get(request.id), is_bad=is_bad)
            except (StoreUnavailable, ProviderFault):
                raise
            except Exception as exc:  # noqa: BLE001 - the others' answers must not wait for this one's
                odd = exc
        if odd is not None:
            raise odd
        await self._store.drop(batch.id)

    async def _end_as_told(
        self, request: Deferred, batch: Batch, progress: Progress, result: Result | None, *, is_bad: bool
    ) -> None:
        if result is not None and result.status is Status.COMPLETED:
            await self._answered(request, batch, result)
        elif result is not None and result.status is Status.FAILED:
            await self._end_without(request, Status.FAILED, result.reason, result.answer)
        elif result is None and progress.status in ("completed", "failed"):
            if is_bad:
                await self._end_without(request, Status.FAILED, progress.reason or "no_result")
        elif request.expires_s <= self._clock():
            await self._end_without(request, Status.EXPIRED, "no_answer_in_time")

    async def _answered(self, request: Deferred, batch: Batch, result: Result) -> None:
        paid = await self._books.settle(request, batch, result.usage)
        now = self._clock()
        ended = await self._store.finish(request.id, Status.COMPLETED, now_s=now, answer=result.answer)
        if ended is not None:
            self._told(Ended(ended, Status.COMPLETED, now, paid))

    async def _end_without(self, request: Deferred, status: Status, reason: str, answer: bytes = b"") -> None:
        await self._books.release(request)
        await self._end(request, status, reason, answer)

    async def _end(self, request: Deferred, status: Status, reason: str, answer: bytes = b"") -> None:
        now = self._clock()
        ended = await self._store.finish(request.id, status, now_s=now, reason=reason, answer=answer)
        if ended is not None:
            self._told(Ended(ended, status, now, Paid()))

    async def _give_up_in_time(self, batch: Batch) -> None:
        """A provider that cannot be asked any more: its requests end, and what was reserved for them lapses."""
        members = await self._store.members(batch.id)
        if batch.stage is Stage.CLAIMED or any(each.expires_s + HELD_ON_S > self._clock() for each in members):
            return
        for request in members:
            await self._end(request, Status.EXPIRED, "provider_unreachable")
        await self._store.drop(batch.id)
