"""What becomes of a request that is to wait while the queue is full, gone, or does not say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from litellm.proxy._types import UserAPIKeyAuth

from litellm_plugins.batch.queue import Deferred, Put, Status
from litellm_plugins.batch.wish import Wish
from litellm_plugins.errors import StoreUnavailable
from litellm_plugins.model import DeferReason, Identity, Request
from litellm_plugins.proxy.batch.about import About
from litellm_plugins.proxy.batch.stage import HostBatch
from litellm_plugins.proxy.batch.wishes import PutOff
from litellm_plugins.proxy.refusal import Refusal
from litellm_plugins.settings.batch import Batch as Rules
from litellm_plugins.telemetry.events import DeferralDecided, DeferralEnded, Event, StageFailed, Telemetry

RULES = Rules(enabled=True, models=("mini",))


class FakeQueue:
    """Takes what it is given, unless a test says otherwise."""

    def __init__(self, *, fails: str = "", fails_again: bool = False, says: Put = Put.KEPT) -> None:
        self.fails, self.fails_again, self.says = fails, fails_again, says
        self.taken: list[Deferred] = []

    async def put(self, request: Deferred, *, most: int, most_of_tenant: int | None = None) -> Put:
        assert (most, most_of_tenant) == (10_000, 5_000)
        if self.fails:
            raise StoreUnavailable(self.fails)
        self.taken += [request] if self.says is Put.KEPT else []
        return self.says

    async def cancel(self, id_: str, *, tenant: str, now_s: float) -> Deferred | None:
        if self.fails_again:
            raise StoreUnavailable(self.fails)
        return None


class Seen:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


def waiting(wish: Wish) -> Any:
    """A request that was admitted to wait, as its ticket has it."""
    request = Request("chat", "mini", (), {}, Identity(key_id="k", team_id="support"))
    put_off = PutOff(wish, reason=DeferReason.REQUIRED, is_on=True, body={"messages": []})
    return SimpleNamespace(put_off=put_off, held=None, call=None, decision=SimpleNamespace(request=request))


async def kept(queue: FakeQueue, ticket: Any) -> tuple[Deferred | None, Seen]:
    seen = Seen()
    given: Any = (RULES, queue, None, None, None, Telemetry([seen]))
    return await HostBatch(*given).keep(ticket, {"model": "mini"}), seen


async def test_it_is_kept_for_its_team_with_its_time() -> None:
    queue, ticket = FakeQueue(), waiting(Wish.REQUIRE)
    found, seen = await kept(queue, ticket)
    assert queue.taken == [found]
    assert found is not None
    assert (found.tenant, found.status, found.body) == ("team:support", Status.QUEUED, b'{"messages":[]}')
    assert found.expires_s - found.created_s == RULES.max_wait_s
    told = seen.events[0]
    assert isinstance(told, DeferralDecided)
    assert (told.outcome, told.reason) == ("deferred", "required")


@pytest.mark.parametrize(
    ("queue", "reason"),
    [
        (FakeQueue(says=Put.FULL), "queue_full"),
        (FakeQueue(says=Put.TENANT_FULL), "tenant_queue_full"),
        (FakeQueue(fails="store_full"), "store_unavailable"),
    ],
)
async def test_who_must_wait_is_refused_and_who_may_is_answered_at_once(queue: FakeQueue, reason: str) -> None:
    ticket = waiting(Wish.REQUIRE)
    with pytest.raises(Refusal) as refused:
        await kept(queue, ticket)
    assert (refused.value.reason, refused.value.code) == (reason, "503")
    assert not ticket.put_off.is_unsure

    ticket = waiting(Wish.ALLOW)
    found, seen = await kept(queue, ticket)
    assert (found, ticket.put_off.headers["x-litellm-plugins-defer"]) == (None, "immediate")
    assert ticket.put_off.headers["x-litellm-plugins-defer-reason"] == reason
    assert any(isinstance(each, StageFailed) for each in seen.events) is (reason == "store_unavailable")


async def test_what_may_have_been_kept_is_not_answered_twice() -> None:
    """A server that did not say in time is asked to forget it; where it cannot be asked, nobody is answered."""
    ticket = waiting(Wish.ALLOW)
    found, _ = await kept(FakeQueue(fails="store_timeout"), ticket)
    assert (found, ticket.put_off.is_unsure) == (None, False)

    ticket = waiting(Wish.ALLOW)
    with pytest.raises(Refusal) as refused:
        await kept(FakeQueue(fails="store_timeout", fails_again=True), ticket)
    assert ticket.put_off.is_unsure
    assert refused.value.headers["x-should-retry"] == "false"
    assert ticket.put_off.headers["x-litellm-plugins-defer"] == "refused"


@pytest.mark.parametrize(
    ("identity", "auth", "messages", "reason"),
    [
        (Identity(key_id="k"), UserAPIKeyAuth(max_budget=1.0), [], DeferReason.HOST_BUDGET),
        (Identity(), UserAPIKeyAuth(), [], DeferReason.NO_DELIVERY),
        (
            Identity(key_id="k"),
            UserAPIKeyAuth(),
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}],
            DeferReason.UNSUPPORTED_PARAMETER,
        ),
        (Identity(key_id="k"), UserAPIKeyAuth(), [], None),
    ],
)
def test_who_is_paid_for_elsewhere_or_is_nobody_does_not_wait(
    identity: Identity, auth: UserAPIKeyAuth, messages: list[Any], reason: DeferReason | None
) -> None:
    ticket, seen = waiting(Wish.REQUIRE), Seen()
    ticket.decision = SimpleNamespace(
        request=Request("chat", "mini", (), {}, identity), verdict=SimpleNamespace(is_hit=False)
    )
    ticket.put_off = ticket.output = None
    provider = SimpleNamespace(
        offers=lambda _: True, is_for_everybody=lambda *_: True, worded=lambda _, asked: {"messages": asked["messages"]}
    )
    given: Any = (RULES, FakeQueue(), provider, None, None, Telemetry([seen]))
    data = {"model": "mini", "messages": messages, "metadata": {"litellm_plugins": {"defer": "require"}}}
    if reason is None:
        HostBatch(*given).consider(ticket, data, auth, is_in_front=True)
        assert ticket.put_off.later is not None
        return
    with pytest.raises(Refusal) as refused:
        HostBatch(*given).consider(ticket, data, auth, is_in_front=True)
    assert (refused.value.reason, refused.value.code) == (reason, "400")
    assert [each.outcome for each in seen.events if isinstance(each, DeferralDecided)] == ["refused"]


async def test_what_was_taken_back_is_told_once_and_let_go_of_again() -> None:
    """Whoever was first may have died before he let go of what is reserved."""
    released: list[str] = []

    class Queue(FakeQueue):
        at_s: float | None = None

        async def cancel(self, id_: str, *, tenant: str, now_s: float) -> Deferred | None:
            self.at_s = self.at_s or now_s
            about = About("call", "mini").written()
            return Deferred(id_, tenant, "mini", b"{}", about, 0, 1, Status.CANCELLED, ended_s=self.at_s)

    async def release(request: Deferred) -> None:
        released.append(request.id)

    seen = Seen()
    given: Any = (RULES, Queue(), None, SimpleNamespace(release=release), None, Telemetry([seen]))
    batch = HostBatch(*given)
    for _ in range(2):
        assert (await batch.cancel("a", Identity(key_id="k")))["status"] == "cancelled"
    assert len([each for each in seen.events if isinstance(each, DeferralEnded)]) == 1
    assert released == ["a", "a"]
