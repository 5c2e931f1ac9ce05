"""The review loop over HTTP, on two workers: a thumb or a verdict changes what every worker does next."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from litellm_plugins.cache.admin.audit import Record
from litellm_plugins.cache.backends.sqlite_journal import SqliteJournal
from litellm_plugins.proxy.stores import SCHEMA
from litellm_plugins.storage.sqlite import SqliteFile
from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.at_once import chat
from tests.support.redis_server import RedisServer, why_no_redis
from tests.support.workers import ask_each_worker, in_turn, on_each_worker

pytestmark = pytest.mark.timeout(240)
CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
GYM = (
    "How do I cancel my gym membership?",
    "Hello, how do I cancel my gym membership?",
    "Hi, how do I cancel my gym membership?",
)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """It says the same whoever asks about the gym."""
    with Provider(topics=dict.fromkeys(GYM, "gym membership")) as provider:
        yield provider


@pytest.fixture(scope="module", params=["sqlite", "redis"])
def reviewed(
    request: pytest.FixtureRequest, provider: Provider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """Two workers that keep every request in the control sample; a fixed threshold lets paraphrases hit at once."""
    pack: dict[str, Any] = {
        "review": {"enabled": True, "control_share": "100%"},
        "ui": {"enabled": True},
        "cache": {"semantic": {"threshold": 0.8}},
        "per_team": {"legal": {"cache": {"semantic": {"max_error_rate": 0.01}}}},  # the verifier decides for them
    }
    folder = tmp_path_factory.mktemp("reviewed")
    if request.param == "sqlite":
        config = proxy_config(provider.url, pack=pack)
        with RunningProxy(config, folder, provider_url=provider.url, num_workers=2) as proxy:
            yield proxy
        return
    if missing := why_no_redis():
        pytest.skip(missing)
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        pack["storage"] = {"url": server.url, "key_prefix": "reviewed", "timeout_ms": 10_000}
        config = proxy_config(provider.url, pack=pack)
        with RunningProxy(config, folder, provider_url=provider.url, num_workers=2) as proxy:
            yield proxy


def test_a_verdict_by_the_page_s_form_makes_the_next_paraphrase_miss_and_only_its_team_sees_the_item(
    reviewed: RunningProxy, keys: Keys
) -> None:
    stored, asked = "How do I renew <my> library card?", "How can I renew <my> library card?"
    hit = _taught(reviewed, keys.sales, stored, asked)
    item = _item_of(reviewed, hit)
    with _signed_in(reviewed, reviewed.master_key) as visitor:
        page = visitor.get("/plugins/ui/review", params={"team": "sales"}).text
        assert f'name="item" value="{item["id"]}"' in page
        said = page.replace("<mark>", "").replace("</mark>", "")  # around the words in which they differ
        assert all(html.escape(text) in said and text not in said for text in (stored, asked))
        form = {"word": "0" * 64, "item": item["id"], "verdict": "wrong", "place": "1", "team": "sales"}
        assert visitor.post("/plugins/ui/review", data=form).status_code == 403
        assert item["id"] in visitor.get("/plugins/ui/review", params={"team": "sales"}).text  # nothing was done

        done = visitor.post("/plugins/ui/review", data=form | {"word": _word_in(page)})
        assert done.status_code == 200
        assert "This pair never hits again" in done.text
        before, queue, waiting = done.text.partition('<ol class="queue">')
        assert queue
        assert item["id"] not in waiting
        assert item["id"] in before  # for who meant the other word
    audit = reviewed.http("GET", "/plugins/cache/audit?action=verdict", reviewed.master_key).raise_for_status()
    record = next(each for each in audit.json()["records"] if each["what"]["item_id"] == item["id"])
    assert (record["actor"], record["what"]["verdict"], record["what"]["team"]) == ("master", "wrong", "sales")
    assert {"evicted", "remembered"} <= set(record["what"]["effects"])
    assert "library" not in audit.text
    for next_one in (asked, "How could I renew <my> library card?"):
        answers = _ask_each(reviewed, keys.sales, next_one, cache={"no-store": True})
        assert {answer.headers["x-litellm-plugins-cache"] for answer in answers} == {"miss"}
        assert hit.json()["id"] not in {answer.json()["id"] for answer in answers}

    for team, sees in (("sales", True), ("support", False)):
        made = reviewed.http("POST", "/plugins/ui/tokens", reviewed.master_key, json={"team": team}).json()
        with _signed_in(reviewed, made["token"]) as owner:

            def shown(owner: httpx.Client = owner, sees: bool = sees) -> str:
                page = owner.get("/plugins/ui/review").text.replace("<mark>", "").replace("</mark>", "")
                return page if (html.escape(asked) in page) is sees else ""

            page = eventually(shown, what=f"the misses that came after it to be on the page of {team}: {sees}")
            assert 'class="verdict"' not in page
            other = owner.get("/plugins/ui/review", params={"team": "legal"})
            assert other.status_code == 403


def test_of_two_reviewers_with_the_same_page_the_second_is_told_what_the_first_said_at_another_worker(
    reviewed: RunningProxy, keys: Keys
) -> None:
    hit = _taught(reviewed, keys.sales, "Where do I find the opening times?", "Where can I find the opening times?")
    item = _item_of(reviewed, hit)["id"]
    with _signed_in(reviewed, reviewed.master_key) as visitor, on_each_worker(reviewed) as found:
        page = visitor.get("/plugins/ui/review", params={"team": "sales"}).text
        _, _, form = page.partition(f'name="item" value="{item}"')
        shown = re.search(r'name="shown" value="(\d+)"', form)
        assert shown is not None
        one, other = in_turn(found)
        cookie = {"cookie": "; ".join(f"{each.name}={each.value}" for each in visitor.cookies.jar)}

        def say(client: httpx.Client, verdict: str) -> Mapping[str, list[str]]:
            """What the address says that the page goes on with."""
            data = {"word": _word_in(page), "item": item, "shown": shown[1], "verdict": verdict}
            answer = client.post("/plugins/ui/review", headers=cookie, data=data)
            assert answer.status_code == 303, answer.text
            return parse_qs(urlsplit(answer.headers["location"]).query)

        assert say(one, "wrong")["done"] == ["wrong"]
        told = say(other, "right")
        assert (told["not"], told["said"], told["verdict"]) == (["meanwhile"], ["wrong"], ["right"])
        assert say(other, "wrong")["done"] == ["wrong"]  # the same verdict of two is one
    record = reviewed.http("GET", "/plugins/cache/audit?action=verdict", reviewed.master_key).json()["records"]
    assert [each["what"]["verdict"] for each in record if each["what"]["item_id"] == item] == ["wrong"]


def test_a_thumb_down_makes_the_next_paraphrase_miss_on_every_worker_within_a_second(
    reviewed: RunningProxy, keys: Keys
) -> None:
    asked = "How can I block a lost card?"
    hit = _taught(reviewed, keys.support, "How do I block a lost card?", asked)

    told = _say(reviewed, keys.support, hit, "down")
    at = time.monotonic()
    answers = _ask_each(reviewed, keys.support, "How could I block a lost card?")
    assert time.monotonic() - at < 30  # they were asked at once: no worker had a second to catch up

    assert {"evicted", "remembered"} <= set(told["effects"])
    fresh = {answer.json()["id"] for answer in answers}
    assert hit.json()["id"] not in fresh
    [item] = _queued(reviewed, asked)
    assert (item["why"], item["thumb"], item["control"]) == ("thumb_down", "down", True)
    assert item["matched_question"] == "How do I block a lost card?"
    report = _report(reviewed)
    assert report["effects"]["evicted"] >= 1
    assert report["thumbs"]["down"] >= 1


def test_a_thumb_down_on_a_fresh_answer_keeps_it_from_the_next_paraphrase_on_every_worker(
    reviewed: RunningProxy, keys: Keys
) -> None:
    """Nobody has met it in the cache yet, and nobody shall: by either protocol, streamed or not."""
    for kind, said in (("chat", "block"), ("streamed", "freeze"), ("messages", "close")):
        first, served = f"How do I {said} my savings account?", f"How do I {said} my savings account, please?"
        fresh = _fresh(reviewed, keys.sales, kind, first)
        effects = _say_of(reviewed, keys.sales, fresh["x-litellm-call-id"], "down")["effects"]
        assert set(effects) == {"evicted", "remembered"}, kind
        path = MESSAGES if kind == "messages" else CHAT
        for answer in ask_each_worker(reviewed, "POST", path, keys.sales, json=_body(kind, served, no_store=True)):
            assert answer.headers["x-litellm-plugins-cache"] == "miss", kind


def test_who_is_of_no_team_is_reviewed_like_anybody(reviewed: RunningProxy, keys: Keys) -> None:
    """The master key, too, which is the first that one tries it with."""
    for key in (reviewed.master_key, keys.freelancer):
        question = f"Who may see what {key[-6:]} asks?"
        hit = _taught(reviewed, key, question, f"{question} ")
        assert set(_say(reviewed, key, hit, "down")["effects"]) >= {"evicted"}
        assert next(each["team"] for each in _queue(reviewed) if each["question"].startswith(question)) == ""
    assert _report(reviewed)["precision"]["by_team"][""]["sampled"] >= 2


def test_a_reviewer_s_wrong_on_a_fresh_answer_evicts_it_and_a_changed_one_takes_back_what_can_be(
    reviewed: RunningProxy, keys: Keys
) -> None:
    fresh = _fresh(reviewed, keys.sales, "chat", "Where is the branch in the old town?")
    named = {"trace_id": fresh["x-litellm-call-id"], "verdict": "wrong"}
    done = reviewed.http("POST", "/plugins/review/verdicts", reviewed.master_key, json=named).json()
    assert set(done["effects"]) == {"evicted", "remembered"}
    assert (
        _ask(reviewed, keys.sales, "Where is the branch in the old town?").headers["x-litellm-plugins-cache"] == "miss"
    )
    assert set(_judge(reviewed, done["id"], "right")["effects"]) == {"forgotten", "support_raised"}


def test_a_thumb_down_is_a_label_of_the_verifier_and_a_reviewer_s_word_another(
    reviewed: RunningProxy, keys: Keys
) -> None:
    for stored in GYM:  # one answer in several wordings that is asked for often: what a cold verifier believes in
        _stored(reviewed, keys.legal, stored)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: _ask(reviewed, keys.legal, GYM[0]), range(80)))
    hit = _taught(reviewed, keys.legal, GYM[0], "How can I cancel my gym membership?")
    before = _labels(reviewed)

    told = _say(reviewed, keys.legal, hit, "down")
    assert "labelled" in told["effects"]
    assert _labels(reviewed) == before + 1
    assert _say(reviewed, keys.legal, hit, "down")["effects"] == told["effects"]  # said again it is no other word
    assert _labels(reviewed) == before + 1

    assert "labelled" in _judge(reviewed, _item_of(reviewed, hit)["id"], "wrong")["effects"]
    assert _labels(reviewed) == before + 2
    report = _report(reviewed)
    assert report["labels"] == {"verifier": before + 2, "of_people": report["labels"]["of_people"]}
    assert report["labels"]["of_people"] >= 1


def test_a_pair_that_was_judged_wrong_never_hits_again_even_when_its_entry_is_stored_anew(
    reviewed: RunningProxy, keys: Keys
) -> None:
    stored, asked = "When does the pharmacy open on Mondays?", "When does the pharmacy open on a Monday?"
    hit = _taught(reviewed, keys.sales, stored, asked)
    item = _item_of(reviewed, hit)

    done = _judge(reviewed, item["id"], "wrong")
    assert {"evicted", "remembered"} <= set(done["effects"])
    assert _judge(reviewed, item["id"], "wrong") == done  # again is no other verdict
    _stored(reviewed, keys.sales, stored)
    answers = _ask_each(reviewed, keys.sales, asked, cache={"no-store": True})
    layers = {answer.headers["x-litellm-plugins-cache"] for answer in answers}
    reasons = {answer.headers["x-litellm-plugins-cache-reason"] for answer in answers}
    assert (layers, reasons) == ({"miss"}, {"judged_wrong"})

    right = _judge(reviewed, item["id"], "right")
    assert {"forgotten", "support_raised"} <= set(right["effects"])
    again = _ask_each(reviewed, keys.sales, asked)
    assert {answer.headers["x-litellm-plugins-cache"] for answer in again} == {"semantic"}


def test_the_report_counts_hits_of_the_sample_and_what_was_said_of_them(reviewed: RunningProxy, keys: Keys) -> None:
    hit = _taught(reviewed, keys.support, "Where do I park my car?", "Where may I park my car?")
    _judge(reviewed, _item_of(reviewed, hit)["id"], "right")
    told = _report(reviewed)

    assert told["precision"]["all"]["judged"] >= 1
    assert told["precision"]["by_layer"]["semantic"]["sampled"] >= 1
    assert told["verdicts"]["count"] >= 1
    metrics = reviewed.metrics()
    assert metrics.value("litellm_plugins_review_verdicts_total", kind="hit", verdict="right", source="human") >= 1
    lines = [json.loads(line[line.index("{") :]) for line in reviewed.log().splitlines() if '"review_verdict"' in line]
    assert any(line["verdict"] == "right" and "support_raised" in line["effects"] for line in lines)
    assert "park my car" not in "".join(map(json.dumps, lines))


def test_the_report_says_what_it_can_of_a_verifier_that_took_over(reviewed: RunningProxy, keys: Keys) -> None:
    at = time.time()
    told = _report(reviewed)["promotions"]
    assert (told["fewest"], told["router"]) == (30, [])
    if not reviewed.database.exists():  # on Redis
        return
    asyncio.run(_take_over(reviewed, Record(at, "pack", "verifier_promoted", 1, {"tenant": "", "labels": 123_456})))
    _ask(reviewed, keys.legal, "Is the museum open?")

    def sampled() -> list[dict[str, Any]]:
        rows = _report(reviewed)["promotions"]["verifier"]
        return [row for row in rows if row["labels"] == 123_456 and row["after"]["looked_up"]]

    [row] = eventually(sampled, what="a request of the sample after it")
    assert (row["at_s"], row["of"], row["state"], row["difference"]) == (at, "everybody", "too_few", None)
    assert row["after"]["right"] is None


async def _take_over(proxy: RunningProxy, record: Record) -> None:
    file = SqliteFile(proxy.database, schema=SCHEMA)
    await SqliteJournal(file).append(record)
    await file.aclose()


def test_only_admins_see_the_queue_and_judge(reviewed: RunningProxy, keys: Keys) -> None:
    for method, path in (("GET", "queue"), ("GET", "report"), ("GET", "outcomes"), ("POST", "verdicts")):
        body = {"json": {"item_id": "0" * 32, "verdict": "right"}} if method == "POST" else {}
        assert reviewed.http(method, f"/plugins/review/{path}", keys.support, **body).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"item_id": "0" * 32, "verdict": "right"}, 404),
        ({"item_id": "0" * 32, "verdict": "up"}, 400),
        ({"verdict": "right"}, 400),
        ({"item_id": "a", "trace_id": "b", "verdict": "right"}, 400),
        ({"item_id": "a", "verdict": "right", "stars": 5}, 400),
    ],
)
def test_nonsense_is_refused(reviewed: RunningProxy, body: dict[str, Any], status: int) -> None:
    assert reviewed.http("POST", "/plugins/review/verdicts", reviewed.master_key, json=body).status_code == status


def test_what_is_refused_says_why_in_one_word(reviewed: RunningProxy) -> None:
    """The host's error bodies have the status in that place."""
    for path, body, status, word in (
        ("sync", {}, 409, "langfuse_unset"),
        ("judge", {}, 409, "no_judge"),
        ("verdicts", {"item_id": "0" * 32, "verdict": "right"}, 404, "not_found"),
        ("dataset", {"name": "golden", "team": ["a"]}, 400, "invalid_request_error"),
    ):
        refused = reviewed.http("POST", f"/plugins/review/{path}", reviewed.master_key, json=body)
        assert (refused.status_code, refused.headers.get("x-litellm-plugins-error")) == (status, word)


def test_texts_are_gone_after_their_days_and_the_items_stay(
    provider: Provider, keys: Keys, tmp_path_factory: pytest.TempPathFactory
) -> None:
    days = 8 / 86_400
    config = proxy_config(provider.url, pack={"review": {"enabled": True, "control_share": "100%", "keep_days": days}})
    with RunningProxy(config, tmp_path_factory.mktemp("swept"), provider_url=provider.url) as proxy:
        proxy.ask(keys.sales, "Which bus goes to the zoo?")

        def item(*, has_text: bool) -> list[dict[str, Any]]:
            return [each for each in _queue(proxy) if bool(each["question"]) is has_text]

        [kept] = eventually(lambda: item(has_text=True), what="the item to be kept")
        assert kept["question"] == "Which bus goes to the zoo?"
        [swept] = eventually(lambda: item(has_text=False), what="its texts to be swept", timeout_s=30)
        assert swept["id"] == kept["id"]
        assert b"zoo" not in json.dumps(swept).encode()


@contextmanager
def _signed_in(proxy: RunningProxy, key: str) -> Iterator[httpx.Client]:
    """Somebody with the page open; every worker knows the session."""
    with httpx.Client(base_url=proxy.url, trust_env=False, follow_redirects=True, timeout=30) as visitor:
        form = {"word": _word_in(visitor.get("/plugins/ui").text), "key": key}
        assert "tiles" in visitor.post("/plugins/ui/sign-in", data=form).raise_for_status().text
        yield visitor


def _word_in(page: str) -> str:
    found = re.search(r'name="word" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


def _taught(proxy: RunningProxy, key: str, stored: str, asked: str) -> httpx.Response:
    """`stored` is answered and kept; the hit that `asked` then makes of it."""
    _stored(proxy, key, stored)

    def hits() -> list[httpx.Response]:
        answer = _ask(proxy, key, asked, cache={"no-store": True})
        return [answer] if answer.headers["x-litellm-plugins-cache"] == "semantic" else []

    return eventually(hits, what="a hit by meaning")[0]


def _stored(proxy: RunningProxy, key: str, question: str) -> None:
    """Ask, until the answer has been stored: storing is asynchronous."""

    def is_hit() -> bool:
        return _ask(proxy, key, question).headers["x-litellm-plugins-cache"] == "exact"

    eventually(is_hit, what="the answer to be stored")


def _fresh(proxy: RunningProxy, key: str, kind: str, question: str) -> Mapping[str, str]:
    """The headers of a model's own answer, which the cache has kept for others."""
    answers = [_asked_as(proxy, key, kind, question)]

    def is_hit() -> bool:
        answers.append(_asked_as(proxy, key, kind, question))
        return answers[-1]["x-litellm-plugins-cache"] == "exact"

    eventually(is_hit, what="the answer to be stored")
    assert answers[0]["x-litellm-plugins-cache"] == "miss"
    return answers[0]


def _asked_as(proxy: RunningProxy, key: str, kind: str, question: str) -> Mapping[str, str]:
    path, body = MESSAGES if kind == "messages" else CHAT, _body(kind, question)
    with proxy.stream("POST", path, headers={"authorization": f"Bearer {key}"}, json=body) as answer:
        assert answer.status_code == 200, answer.read()
        answer.read()
        return answer.headers


def _body(kind: str, question: str, *, no_store: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}]}
    body |= {"max_tokens": 300} if kind == "messages" else {"stream": kind == "streamed"}
    return body | ({"cache": {"no-store": True}} if no_store else {})


def _say(proxy: RunningProxy, key: str, hit: httpx.Response, verdict: str) -> dict[str, Any]:
    return _say_of(proxy, key, hit.headers["x-litellm-call-id"], verdict)


def _say_of(proxy: RunningProxy, key: str, call_id: str, verdict: str) -> dict[str, Any]:
    said = {"call_id": call_id, "verdict": verdict}
    answer = proxy.http("POST", "/plugins/feedback", key, json=said)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _judge(proxy: RunningProxy, item: str, verdict: str) -> dict[str, Any]:
    answer = proxy.http(
        "POST", "/plugins/review/verdicts", proxy.master_key, json={"item_id": item, "verdict": verdict}
    )
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _queue(proxy: RunningProxy) -> list[dict[str, Any]]:
    answer = proxy.http("GET", "/plugins/review/queue", proxy.master_key, params={"limit": 1_000})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _queued(proxy: RunningProxy, question: str) -> list[dict[str, Any]]:
    return [item for item in _queue(proxy) if item["question"] == question and item["kind"] == "hit"]


def _item_of(proxy: RunningProxy, hit: httpx.Response) -> dict[str, Any]:
    cache_id = hit.headers["x-litellm-plugins-cache-id"]

    def found() -> list[dict[str, Any]]:
        return [i for i in _queue(proxy) if i["cache_id"] == cache_id and i["layer"] == "semantic"]

    return eventually(found, what="the item of a hit")[0]


def _labels(proxy: RunningProxy) -> int:
    stats = proxy.http("GET", "/plugins/cache/stats", proxy.master_key).raise_for_status().json()
    return int(stats["verifier"]["labels"])


def _report(proxy: RunningProxy) -> dict[str, Any]:
    answer = proxy.http("GET", "/plugins/review/report", proxy.master_key)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def _ask(proxy: RunningProxy, key: str, text: str, **more: Any) -> httpx.Response:
    answer = proxy.http("POST", CHAT, key, json=chat(text, **more))
    assert answer.status_code == 200, answer.text
    return answer


def _ask_each(proxy: RunningProxy, key: str, text: str, **more: Any) -> list[httpx.Response]:
    """What each of the two workers answers."""
    answers = ask_each_worker(proxy, "POST", CHAT, key, json=chat(text, **more))
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    return answers
