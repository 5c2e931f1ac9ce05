"""`/plugins/cache/…` on two workers: what an administrator does on one holds on both, and for nobody else."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from litellm_plugins.cache.admin.events import SIGNATURE_HEADER, sign
from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.at_once import chat
from tests.support.fixtures import new_question
from tests.support.workers import ask_each_worker

if TYPE_CHECKING:
    import httpx

SECRET = "whsec-test-" + "5" * 32
ROOT = "/plugins/cache"
NO_STORE = {"cache": {"no-store": True}}
EVENTS = {
    "secret_env": "TEST_EVENTS_SECRET",
    "types": {"order_updated": {}, "price_changed": {"tags": ["price:{product_id}"]}, "docs_released": {}},
}


@pytest.fixture(scope="module")
def two_workers(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    config = proxy_config(
        provider.url,
        pack={
            "events": EVENTS,
            "per_team": {"sales": {"cache": {"tags": ["dept:sales"], "version": "v2.4"}}},
        },
    )
    folder = tmp_path_factory.mktemp("admin")
    env = {"TEST_EVENTS_SECRET": SECRET}
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2, env=env) as proxy:
        yield proxy


def call(proxy: RunningProxy, method: str, path: str, body: Any = None, **query: Any) -> Any:
    """As the admin; the answer's JSON."""
    arguments = {"json": body} if body is not None else {}
    response = proxy.http(method, ROOT + path, proxy.master_key, params=query, **arguments)
    assert response.status_code == 200, response.text
    return response.json()


def tagged(*tags: str, **more: Any) -> dict[str, Any]:
    return {"extra_body": {"metadata": {"litellm_plugins": {"tags": list(tags)}}} | more}


def asked_of_each(proxy: RunningProxy, key: str, text: str, body: dict[str, Any] | None = None) -> list[httpx.Response]:
    """What each of the two workers answers."""
    answers = ask_each_worker(proxy, "POST", "/v1/chat/completions", key, json=chat(text) | (body or {}))
    assert len(answers) == 2
    return answers


def layers(answers: list[httpx.Response]) -> set[str]:
    return {answer.headers["x-litellm-plugins-cache"] for answer in answers}


def test_what_a_tag_names_is_gone_for_both_workers_at_once(two_workers: RunningProxy, keys: Keys) -> None:
    proxy, mine, other = two_workers, new_question(), new_question()
    proxy.teach(keys.support, mine, **tagged("order:42", "product:7"))
    proxy.teach(keys.support, other, extra_headers={"x-litellm-plugins-cache-tags": "order:43, product:7"})
    assert layers(asked_of_each(proxy, keys.support, mine)) == {"exact"}

    would = call(proxy, "POST", "/invalidate", {"tag": "order:42", "dry_run": True})
    assert (would["would_remove"], [e["question"] for e in would["entries"]]) == (1, [mine])
    assert layers(asked_of_each(proxy, keys.support, mine)) == {"exact"}

    assert call(proxy, "POST", "/invalidate", {"tag": "order:42"}) == {"dry_run": False, "removed": 1}
    assert layers(asked_of_each(proxy, keys.support, mine, NO_STORE)) == {"miss"}
    assert layers(asked_of_each(proxy, keys.support, other)) == {"exact"}


def test_an_entry_is_found_shown_and_removed_by_the_id_that_its_header_tells(
    two_workers: RunningProxy, keys: Keys, question: str
) -> None:
    known = two_workers.teach(keys.support, question)
    cache_id = two_workers.ask(keys.support, question).headers["x-litellm-plugins-cache-id"]
    shown = call(two_workers, "GET", f"/entries/{cache_id}")
    assert (shown["question"], shown["tenant"], shown["model_group"]) == (question, "team:support", "gpt-4.1")
    assert shown["answer"]["id"] == known.body.id
    assert cache_id in {e["cache_id"] for e in call(two_workers, "GET", "/entries", team="support")["entries"]}
    assert call(two_workers, "POST", "/invalidate", {"cache_id": cache_id})["removed"] == 1
    assert two_workers.http("GET", f"{ROOT}/entries/{cache_id}", two_workers.master_key).status_code == 404


def test_by_text_by_namespace_by_model_and_by_version(two_workers: RunningProxy, keys: Keys) -> None:
    proxy = two_workers
    for selector, ask in (
        ({"text": "ARTICLE 1ZZ"}, {"text": "What does Article 1zz say?"}),
        ({"namespace": "es"}, {"extra_body": {"cache": {"namespace": "es"}}}),
        ({"model": "gpt-4.1-mini"}, {"model": "gpt-4.1-mini"}),
    ):
        proxy.teach(keys.support, **({"text": new_question()} | ask))
        assert call(proxy, "POST", "/invalidate", selector)["removed"] == 1, selector
    proxy.teach(keys.sales, new_question())
    (sold,) = call(proxy, "GET", "/entries", team="sales")["entries"]
    assert sold["tags"] == ["dept:sales", "version:v2.4"]
    assert call(proxy, "POST", "/invalidate", {"version": "v2.5"})["removed"] == 0
    assert call(proxy, "POST", "/invalidate", {"version": "v2.4"})["removed"] == 1


REFUSED: dict[str, tuple[str, str, Any, int, str]] = {
    "no selector": ("POST", "/invalidate", {}, 400, "all"),
    "curated alone is none": ("POST", "/invalidate", {"curated": False}, 400, "all"),
    "a slip": ("POST", "/invalidate", {"tag": "a", "namespce": "b"}, 400, "namespce"),
    "all and a selector": ("POST", "/invalidate", {"tag": "a", "all": True}, 400, "all"),
    "no object": ("POST", "/invalidate", ["a"], 400, "body"),
    "a key in the clear": ("POST", "/invalidate", {"key": "sk-lp-1234"}, 400, "key"),
    "nobody's answer": ("POST", "/curate", {"question": "q", "answer": "a"}, 400, "team"),
    "an answer to nothing": ("POST", "/curate", {"answer": "a", "everyone": True}, 400, "questions"),
    "a tag of ours": (
        "POST",
        "/curate",
        {"question": "q", "answer": "a", "team": "x", "tags": ["version:1"]},
        400,
        "tags",
    ),
    "no such curated answer": ("DELETE", "/curate/" + "0" * 32, None, 404, ""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_makes_no_sense_is_refused_in_openai_s_shape(two_workers: RunningProxy, what: str) -> None:
    method, path, body, status, param = REFUSED[what]
    response = two_workers.http(method, ROOT + path, two_workers.master_key, json=body)
    error = response.json()["error"]
    assert (response.status_code, error["type"]) == (status, "invalid_request_error"), response.text
    assert (error["param"] or "") in (param, "None")
    assert "1234" not in error["message"]


ALL = [
    ("GET", "/stats"),
    ("GET", "/entries"),
    ("GET", "/entries/" + "0" * 32),
    ("GET", "/audit"),
    ("POST", "/invalidate"),
    ("POST", "/curate"),
    ("POST", "/warm"),
    ("DELETE", "/curate/" + "0" * 32),
]


@pytest.mark.parametrize(("method", "path"), ALL)
def test_only_an_admin_may(two_workers: RunningProxy, keys: Keys, method: str, path: str) -> None:
    arguments = {"json": {"all": True}} if method == "POST" else {}
    for key, status in ((None, 401), ("sk-wrong", 401), (keys.support, 403)):
        response = two_workers.http(method, ROOT + path, key, **arguments)
        assert response.status_code == status, response.text
        assert set(response.json()["error"]) >= {"message", "type", "param", "code"}


def test_a_curated_answer_is_served_by_both_workers_however_the_question_is_asked(
    two_workers: RunningProxy, provider: Provider, keys: Keys
) -> None:
    proxy, logged_before = two_workers, len(two_workers.log())
    answer = "Write to kundendienst@example.org; we answer within 14 days."
    question = "How do I return a parcel that is damaged?"
    kept = call(
        proxy, "POST", "/curate", {"questions": [question], "answer": answer, "team": "support", "tags": ["returns"]}
    )
    (cache_id,) = kept["cache_ids"]
    assert kept["exact_only"] == []
    time.sleep(2.1)  # the other worker has learned by then that there are any

    for body in ({}, {"temperature": 0.3, "max_tokens": 300}, {"model": "gpt-4.1-mini", "user": "ann"}):
        answers = asked_of_each(proxy, keys.support, question.upper(), body)
        assert layers(answers) == {"exact"}, body
        assert {a.headers["x-litellm-plugins-cache-reason"] for a in answers} == {"curated"}
        assert {a.json()["choices"][0]["message"]["content"] for a in answers} == {answer}
        assert {a.json()["model"] for a in answers} == {body.get("model", "gpt-4.1")}
    calm = [{"role": "system", "content": "Be calm."}, {"role": "user", "content": question}]
    for route in ("v1", "host"):
        assert proxy.ask(keys.support, messages=calm, route=route).reason == "curated"
        streamed = proxy.ask_streamed(keys.support, question, route=route)
        assert streamed.text == answer
    similar = proxy.ask(keys.support, "How do I return a parcel that's damaged?")
    assert (similar.cache, similar.reason, similar.headers["x-litellm-plugins-cache-id"]) == (
        "semantic",
        "curated",
        cache_id,
    )
    assert proxy.ask(keys.sales, question).cache == "miss"
    assert provider.times_asked(question) == 1
    assert "Traceback" not in proxy.log()[logged_before:]

    proxy.teach(keys.support, new_question())
    assert call(proxy, "POST", "/invalidate", {"team": "support", "dry_run": True})["would_remove"] >= 1
    call(proxy, "POST", "/invalidate", {"team": "support"})
    assert proxy.ask(keys.support, question).reason == "curated", "a general removal leaves it"
    assert call(proxy, "DELETE", f"/curate/{cache_id}") == {"removed": 1}
    assert layers(asked_of_each(proxy, keys.support, question, NO_STORE)) == {"miss"}


def post_event(proxy: RunningProxy, event: Any, *, secret: str = SECRET, at: float | None = None) -> httpx.Response:
    body = json.dumps(event).encode()
    signature = sign(secret, body, at=int(time.time() if at is None else at))
    return proxy.http("POST", f"{ROOT}/events", content=body, headers={SIGNATURE_HEADER: signature})


def test_a_signed_event_removes_what_it_makes_stale(two_workers: RunningProxy, keys: Keys) -> None:
    proxy, mine, priced = two_workers, new_question(), new_question()
    proxy.teach(keys.support, mine, **tagged("order:77"))
    proxy.teach(keys.support, priced, **tagged("price:p-9"))
    told = post_event(proxy, {"type": "order_updated", "tags": ["order:77", "order:78"]})
    assert (told.status_code, told.json()) == (200, {"removed": 1, "tags": ["order:77", "order:78"]})
    assert post_event(proxy, {"type": "price_changed", "product_id": "p-9"}).json()["removed"] == 1
    assert layers(asked_of_each(proxy, keys.support, mine, NO_STORE)) == {"miss"}


def test_an_event_that_cannot_be_believed_changes_nothing(two_workers: RunningProxy, keys: Keys) -> None:
    proxy, question = two_workers, new_question()
    proxy.teach(keys.support, question, **tagged("order:88"))
    event = {"type": "order_updated", "tags": ["order:88"]}
    now = time.time()
    for refused, code in (
        (post_event(proxy, event, secret="guessed"), "signature_wrong"),
        (post_event(proxy, event, at=now - 400), "signature_too_old"),
        (post_event(proxy, event, at=now + 400), "signature_too_old"),
        (proxy.http("POST", f"{ROOT}/events", json=event), "signature_missing"),
        (proxy.http("POST", f"{ROOT}/events", proxy.master_key, json=event), "signature_missing"),
        (
            proxy.http("POST", f"{ROOT}/events", json=event, headers={SIGNATURE_HEADER: "v1=00"}),
            "signature_malformed",
        ),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) in ((401, code), (401, "401")), refused.text
        assert code in refused.text
    for nonsense in ({"type": "who_knows", "tags": ["order:88"]}, {"type": "order_updated"}, {"tags": ["order:88"]}):
        assert post_event(proxy, nonsense).status_code == 400
    assert post_event(proxy, {"type": "price_changed"}).json()["error"]["param"] == "product_id"
    assert proxy.ask(keys.support, question).cache == "exact"


def test_a_new_version_of_the_documents_empties_the_old_one_s_world_once(
    two_workers: RunningProxy, keys: Keys, question: str
) -> None:
    proxy = two_workers
    proxy.teach(keys.support, question, extra_body={"cache": {"namespace": "docs"}})
    release = {"type": "docs_released", "version": "v3", "namespace": "docs"}
    assert post_event(proxy, release).json() == {"removed": 1, "tags": [], "version": "v3"}
    proxy.teach(keys.support, question, extra_body={"cache": {"namespace": "docs"}})
    assert post_event(proxy, release).json()["removed"] == 0, "delivered twice"
    assert post_event(proxy, release | {"version": "v4"}).json()["removed"] == 1


def test_whatever_was_done_stands_in_the_audit_with_who_did_it(two_workers: RunningProxy, keys: Keys) -> None:
    proxy = two_workers
    call(proxy, "POST", "/invalidate", {"tag": "audit:1"})
    post_event(proxy, {"type": "order_updated", "tags": ["audit:2"]})
    event, removal = call(proxy, "GET", "/audit", limit=2)["records"]
    assert (removal["actor"], removal["action"], removal["count"]) == ("master", "invalidate", 0)
    assert removal["what"] == {"tag": "audit:1"}
    assert (event["actor"], event["what"]) == ("event:order_updated", {"tags": ["audit:2"]})
    assert abs(event["at"] - time.time()) < 60
    (older,) = call(proxy, "GET", "/audit", limit=1, before=event["id"])["records"]
    assert older == removal


def test_a_past_answer_out_of_a_log_is_served_to_the_same_and_to_a_similar_request(
    two_workers: RunningProxy, provider: Provider, keys: Keys
) -> None:
    """And a run that broke off is repeated for what is missing."""
    proxy, question = two_workers, "Where can I see which invoices are overdue?"
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}], "temperature": 0.2}
    answer = {"id": "chatcmpl-past", "object": "chat.completion", "created": 1, "model": "gpt-4.1-2025"}
    message = {"role": "assistant", "content": "Under Billing.", "tool_calls": None}
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    answer["usage"] = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    rows = [
        {"request": body, "response": answer},
        {"request": body, "response": answer | {"choices": []}},
        {"request": {"model": "gpt-4.1"}, "response": answer},
        {
            "call_type": "acompletion",
            "model_group": "gpt-4.1",
            "model": "gpt-4.1-2025",
            "custom_llm_provider": "openai",
            "messages": [{"role": "user", "content": "Who signs the contract for a lease?"}],
            "model_parameters": {"temperature": 0.2},
            "metadata": {"user_api_key_team_id": "support"},
            "response": answer,
            "response_cost": 0.001,
        },
        "no object",
    ]
    warmed = call(proxy, "POST", "/warm", {"rows": rows, "source": "log", "team": "support"})
    assert [r["status"] for r in warmed["results"]] == ["stored", "present", "bad", "stored", "bad"]
    again = call(proxy, "POST", "/warm", {"rows": rows[1:2] + rows[3:4], "source": "log", "team": "support"})
    assert again["stored"] == 0
    served = proxy.ask(keys.support, question, temperature=0.2)
    assert (served.cache, served.body.id) == ("exact", "chatcmpl-past")
    assert proxy.ask(keys.support, "Where can I see what invoices are overdue?", temperature=0.2).cache == "semantic"
    leased = proxy.ask(keys.support, "Who signs the contract for a lease?", temperature=0.2)
    assert (leased.cache, leased.headers["x-litellm-plugins-saved-usd"]) == ("exact", "0.001")
    assert provider.times_asked(question) == 0


def test_the_statistics_count_what_is_there(two_workers: RunningProxy, keys: Keys, question: str) -> None:
    before = call(two_workers, "GET", "/stats")
    two_workers.teach(keys.support, question)
    after = eventually(lambda: call(two_workers, "GET", "/stats"), what="statistics")
    assert after["entries"] == before["entries"] + 1
    assert after["by"]["tenant"]["team:support"] == before["by"]["tenant"].get("team:support", 0) + 1
    assert call(two_workers, "POST", "/invalidate", {"all": True})["removed"] == after["entries"] - after["pinned"]
    assert call(two_workers, "GET", "/stats")["entries"] == after["pinned"]
