"""Syncing with a server that speaks Langfuse's API: once each, whatever breaks on the way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from litellm_plugins.review.backends import sqlite_items, sqlite_sync
from litellm_plugins.review.desk import ReviewDesk
from litellm_plugins.review.items import Item, Source, Verdict, Why
from litellm_plugins.review.langfuse_client import LangfuseClient, Project
from litellm_plugins.review.scores import Scores, verdict_of
from litellm_plugins.review.sync import LangfuseSync, Names, SyncBusy, Synced
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support.langfuse_api import CONFIGS, QUEUES, SCORES, LangfuseApi, Trouble
from tests.unit.review.samples import item

QUEUE = "doubtful"
SCHEMA = (*sqlite_items.SCHEMA, *sqlite_sync.SCHEMA)


class Noted:
    """Takes down what verdicts ask for."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    async def apply(self, item: Item, verdict: Verdict) -> tuple[str, ...]:
        self.done.append((item.id, str(verdict)))
        return ("remembered",)

    async def doubt(self, item: Item) -> tuple[str, ...]:
        raise AssertionError

    async def undo(self, item: Item, effects: tuple[str, ...], *, by_reviewer: bool) -> tuple[str, ...]:
        return ()


class Worker:
    """One worker's view of the store and of the server."""

    def __init__(self, path: Path, api: LangfuseApi, *, name: str = "one", limit: int = 50) -> None:
        self.file = SqliteFile(path, schema=SCHEMA)
        self.items = sqlite_items.SqliteItems(self.file, max_items=1_000)
        self.notes, self.effects = sqlite_sync.SqliteSync(self.file), Noted()
        self.desk = ReviewDesk(self.items, self.effects, tell=lambda _: None, between_s=0.0)
        self.project = Project(api.url, api.public_key, api.secret_key)
        self.name, self.limit, self.later_s = name, limit, 0.0

    async def sync(self, *, timeout_s: float = 10.0) -> Synced:
        def clock() -> float:
            return time.time() + self.later_s

        scores = Scores(self.notes, self.desk, self.items, "review", scope="s", clock=clock)
        return await LangfuseSync(
            lambda hold: LangfuseClient(self.project, before=hold, first_wait_s=0.01, timeout_s=timeout_s),
            self.notes,
            self.desk,
            self.items,
            scores,
            Names(QUEUE, "review", self.limit),
            scope="s",
            owner=self.name,
        ).run()


@pytest.fixture
def api() -> Iterator[LangfuseApi]:
    with LangfuseApi(page=3) as api:
        yield api


@pytest.fixture
async def worker(tmp_path: Path, api: LangfuseApi) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path / "items.db", api)
    yield worker
    await worker.file.aclose()


async def kept(worker: Worker, count: int) -> list[Item]:
    """So many items of now that wait for somebody."""
    items = [item(number, why=Why.NEAR, at_s=time.time() - number) for number in range(1, count + 1)]
    await worker.items.add(items)
    return items


def traces(api: LangfuseApi) -> list[str]:
    return sorted(each["objectId"] for each in api.items(QUEUE))


async def test_the_queue_is_created_once_and_so_is_each_item_over_syncs_and_restarts(
    worker: Worker, api: LangfuseApi, tmp_path: Path
) -> None:
    items = await kept(worker, 7)
    first = await worker.sync()
    assert (first.pushed, first.there, first.failed) == (7, 0, [])
    again = await worker.sync()
    assert (again.pushed, again.there) == (0, 7)
    restarted = Worker(tmp_path / "items.db", api, name="two")
    assert (await restarted.sync()).pushed == 0
    await restarted.file.aclose()

    assert traces(api) == sorted(each.trace_id for each in items)
    assert [(each["name"], each["isArchived"]) for each in api.lists[CONFIGS]] == [("review", False)]
    assert len(api.lists[QUEUES]) == 1
    assert api.count("POST", "/items") == 7


async def test_a_queue_of_that_name_is_taken_as_it_is_with_what_lies_in_it(worker: Worker, api: LangfuseApi) -> None:
    items = await kept(worker, 5)
    _, config = api.write(CONFIGS, {"name": "other", "dataType": "BOOLEAN"})
    for number in range(4):  # it is on the second page
        api.write(QUEUES, {"name": f"queue-{number}", "scoreConfigIds": [config["id"]]})
    _, queue = api.write(QUEUES, {"name": QUEUE, "scoreConfigIds": [config["id"]]})
    for each in items[:2]:  # a store that was lost had put these there
        api.write(f"{QUEUES}/{queue['id']}/items", {"objectId": each.trace_id, "objectType": "TRACE"})

    done = await worker.sync()
    assert (done.pushed, done.there, len(api.lists[CONFIGS])) == (3, 2, 1)
    assert traces(api) == sorted(each.trace_id for each in items)
    api.say(items[0].trace_id, "wrong")
    await worker.sync()
    assert worker.effects.done == [(items[0].id, "wrong")]


async def test_of_two_workers_at_once_one_syncs(worker: Worker, api: LangfuseApi, tmp_path: Path) -> None:
    items = await kept(worker, 6)
    other = Worker(tmp_path / "items.db", api, name="two")
    told = await asyncio.gather(worker.sync(), other.sync(), return_exceptions=True)
    await other.file.aclose()

    assert sorted(type(each).__name__ for each in told) == ["SyncBusy", "Synced"]
    assert isinstance(next(each for each in told if isinstance(each, BaseException)), SyncBusy)
    assert traces(api) == sorted(each.trace_id for each in items)


async def test_scores_are_read_once_page_by_page_and_become_verdicts(worker: Worker, api: LangfuseApi) -> None:
    items = await kept(worker, 8)
    await worker.sync()
    now = time.time()
    for number, each in enumerate(items[:7]):
        api.say(each.trace_id, "wrong" if number % 2 else "right", at_s=now - 100 + number)
    api.say(items[7].trace_id, "wrong", name="another name")
    api.say(items[7].trace_id, "wrong", source="EVAL")
    api.say("f" * 32, "wrong")
    api.say(items[7].trace_id, "perhaps")

    done = (await worker.sync()).scores
    assert (done.read, done.verdicts, done.unknown, done.unreadable) == (9, 7, 1, 1)
    assert api.count("GET", SCORES) == 1 + 3
    wrong = [(each.id, "wrong" if number % 2 else "right") for number, each in enumerate(items[:7])]
    assert worker.effects.done == wrong
    state = (await worker.items.judged(since_s=0, team=None, tenant=None))[0].state
    assert (state.source, state.by, state.why) == (Source.LANGFUSE, "langfuse:ada", Why.NEAR)  # nobody pointed at it

    assert (await worker.sync()).scores.read == 0
    worker.later_s = 5 * 86_400
    assert (await worker.sync()).scores.read == 0
    assert worker.effects.done == wrong


async def test_the_last_word_holds_and_a_changed_score_is_read_again(worker: Worker, api: LangfuseApi) -> None:
    [one] = await kept(worker, 1)
    await worker.sync()
    now = time.time()
    said = api.say(one.trace_id, "right", at_s=now - 50)
    api.say(one.trace_id, "wrong", at_s=now - 40, authorUserId="bob")
    await worker.sync()
    assert worker.effects.done[-1] == (one.id, "wrong")

    said |= {"stringValue": "right", "updatedAt": "9999-01-01T00:00:00.000Z"}
    await worker.sync()
    assert worker.effects.done[-1] == (one.id, "right")


@pytest.mark.parametrize("is_pushed", [True, False], ids=["of the queue", "of another trace"])
async def test_a_verdict_that_was_given_elsewhere_after_a_score_holds(
    worker: Worker, api: LangfuseApi, is_pushed: bool
) -> None:
    """Scores are read from time to time: what the page was told meanwhile is the later word."""
    one = replace(item(1, why=Why.NEAR if is_pushed else Why.NONE), at_s=time.time())
    await worker.items.add([one])
    await worker.sync()
    api.say(one.trace_id, "right", at_s=time.time() - 60)
    await worker.desk.judge(one.id, Verdict.WRONG, "ana")
    done = (await worker.sync()).scores
    assert (done.read, done.verdicts, done.overtaken) == (1, 0, 1)
    assert worker.effects.done == [(one.id, "wrong")]

    api.say(one.trace_id, "right", at_s=time.time() + 60)  # after that, by whose clock ever
    worker.later_s = 120
    assert (await worker.sync()).scores.verdicts == 1
    assert worker.effects.done[-1] == (one.id, "right")


async def test_a_score_of_a_trace_that_was_not_in_the_queue_points_at_its_item(
    worker: Worker, api: LangfuseApi
) -> None:
    control = replace(item(1, why=Why.NONE), at_s=time.time())
    await worker.items.add([control])
    api.say(control.trace_id, "wrong")
    assert (await worker.sync()).scores.verdicts == 1
    [judged] = await worker.items.judged(since_s=0, team=None, tenant=None)
    assert (judged.state.verdict, judged.state.why) == (Verdict.WRONG, Why.COMPLAINT)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("POST", "/items", "status", 500, times=2, after=2),
        Trouble("POST", "/items", "status", 429, times=2, retry_after="0"),
        Trouble("POST", "/items", "lost", times=2, after=1),
        Trouble("POST", "/items", "cut", after=3),
        Trouble("POST", "/items", "hang", after=1),
        Trouble("POST", QUEUES, "lost"),
        Trouble("POST", CONFIGS, "lost"),
        Trouble("GET", "/items", "cut"),
        Trouble("GET", "/items", "status", 503, times=2),
    ],
    ids=str,
)
async def test_what_breaks_on_the_way_to_the_queue_loses_and_doubles_nothing(
    worker: Worker, api: LangfuseApi, trouble: Trouble
) -> None:
    items = await kept(worker, 5)
    api.fail(trouble)
    done = await worker.sync(timeout_s=1.0)

    assert (done.pushed, done.failed) == (5, [])
    assert trouble.times == 0
    assert traces(api) == sorted(each.trace_id for each in items)
    assert (len(api.lists[QUEUES]), len(api.lists[CONFIGS])) == (1, 1)


@pytest.mark.parametrize(
    "trouble",
    [
        Trouble("GET", SCORES, "status", 500, times=2, after=1),
        Trouble("GET", SCORES, "status", 429, retry_after="1", after=1),
        Trouble("GET", SCORES, "half", after=1),
        Trouble("GET", SCORES, "half", after=2),
        Trouble("GET", SCORES, "cut", after=2),
        Trouble("GET", SCORES, "hang"),
    ],
    ids=str,
)
async def test_what_breaks_between_pages_of_scores_loses_and_doubles_nothing(
    worker: Worker, api: LangfuseApi, trouble: Trouble
) -> None:
    items = await kept(worker, 8)
    await worker.sync()
    for number, each in enumerate(items):
        api.say(each.trace_id, "right", at_s=time.time() - 100 + number)
    api.fail(trouble)
    began = time.monotonic()
    done = await worker.sync(timeout_s=1.0)

    assert (done.scores.verdicts, done.failed, trouble.times) == (8, [], 0)
    assert worker.effects.done == [(each.id, "right") for each in items]
    assert not trouble.retry_after or time.monotonic() - began >= 1


async def test_a_server_that_stays_down_is_reported_and_the_next_sync_goes_on_from_there(
    worker: Worker, api: LangfuseApi
) -> None:
    items = await kept(worker, 5)
    broken = Trouble("POST", "/items", "lost", times=100, after=2)
    api.fail(broken)
    api.fail(Trouble("GET", "/items", "status", 500, times=100, after=1))
    scores = Trouble("GET", SCORES, "status", 503, times=100)
    api.fail(scores)
    api.say(items[0].trace_id, "right")

    done = await worker.sync()
    assert [(each["step"], each["reason"]) for each in done.failed] == [
        ("scores", "server_error"),
        ("queue", "server_error"),
    ]
    assert done.pushed == 2
    assert len(traces(api)) == 3  # of the third nobody was told

    api.troubles.clear()
    done = await worker.sync()
    assert (done.failed, done.scores.verdicts) == ([], 1)
    assert traces(api) == sorted(each.trace_id for each in items)
    assert worker.effects.done == [(items[0].id, "right")]


async def test_a_page_that_stays_short_is_reported_and_what_was_missing_is_read_when_it_comes(
    worker: Worker, api: LangfuseApi
) -> None:
    items = await kept(worker, 4)
    await worker.sync()
    for each in items:
        api.say(each.trace_id, "right", at_s=time.time() - 100)
    api.fail(Trouble("GET", SCORES, "half", times=100, after=1))
    done = await worker.sync()
    assert (done.scores.verdicts, [each["reason"] for each in done.failed]) == (3, ["short_page"])

    api.troubles.clear()
    worker.later_s = 20 * 86_400  # far beyond what is read again anyway
    done = await worker.sync()
    assert (done.scores.verdicts, done.failed) == (1, [])


async def test_who_is_asked_to_wait_for_long_gives_up_for_now(worker: Worker, api: LangfuseApi) -> None:
    api.fail(Trouble("GET", SCORES, "status", 429, retry_after="3600"))
    done = await worker.sync()
    assert done.failed == [{"step": "scores", "reason": "rate_limited", "detail": "HTTP 429"}]
    assert api.count("GET", SCORES) == 1


async def test_wrong_keys_are_told_and_no_key_is_ever_logged(
    worker: Worker, api: LangfuseApi, caplog: pytest.LogCaptureFixture
) -> None:
    await kept(worker, 1)
    with caplog.at_level(logging.DEBUG):
        await worker.sync()
        worker.project = replace(worker.project, secret_key="sk-lf-wrong")
        done = await worker.sync()
    assert {each["detail"] for each in done.failed} == {"HTTP 401"}
    for secret in (api.public_key, api.secret_key, "sk-lf-wrong"):
        assert secret not in caplog.text
    assert api.secret_key not in repr(Project(api.url, api.public_key, api.secret_key))


async def test_while_another_has_the_lease_langfuse_is_asked_nothing(worker: Worker, api: LangfuseApi) -> None:
    await worker.notes.lease("s", "another", now_s=time.time(), for_s=60)
    with pytest.raises(SyncBusy):
        await worker.sync()
    assert api.requests == []


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        ({"stringValue": "right", "value": 1}, Verdict.RIGHT),
        ({"stringValue": " Incorrect "}, Verdict.WRONG),
        ({"stringValue": "True", "value": 1, "dataType": "BOOLEAN"}, Verdict.RIGHT),
        ({"stringValue": "meh", "value": 1}, None),
        ({"value": 1}, Verdict.RIGHT),
        ({"value": 0.0}, Verdict.WRONG),
        ({"value": 0.7}, None),
        ({"value": None}, None),
        ({}, None),
    ],
)
def test_a_score_says_right_wrong_or_neither(score: dict[str, object], verdict: Verdict | None) -> None:
    assert verdict_of(score) is verdict
