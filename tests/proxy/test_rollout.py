"""From the shadow to a share of the keys: a real proxy, and the gate that says when to go on."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.support import Keys, Provider, RunningProxy, command_line, mark_of, proxy_config
from tests.support.waiting import eventually

ONE_WAY, ANOTHER = "How do I renew my reader's pass?", "How can I renew my reader's pass?"


@pytest.fixture(scope="module")
def shadowed(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Support is in the shadow; of sales no key has the cache yet; legal is served, and its hits are rechecked."""
    folder = tmp_path_factory.mktemp("rollout")
    pack = {
        "storage": {"url": f"sqlite:///{folder / 'data' / 'litellm_plugins.db'}"},
        "cache": {"recheck_share": "100%"},
        "per_team": {
            "support": {"cache": {"shadow": True}},
            "sales": {"cache": {"rollout": "0%"}},
        },
    }
    with RunningProxy(proxy_config(provider.url, pack=pack), folder, provider_url=provider.url) as proxy:
        yield proxy


def outcomes(proxy: RunningProxy, team: str) -> list[tuple[str, str, str]]:
    """Layer, reason and outcome of each check, the oldest first."""
    with closing(sqlite3.connect(f"{proxy.database.as_uri()}?mode=ro", uri=True, timeout=5)) as db:
        query = "SELECT layer, reason, outcome FROM cache_checks WHERE team = ? ORDER BY id"
        return [tuple(row) for row in db.execute(query, (team,)).fetchall()]


def gate(proxy: RunningProxy, *arguments: str, on_store: bool = False) -> tuple[int, Any]:
    """The command's exit code, and what it printed."""
    ask = command_line.on_store if on_store else command_line.on_proxy
    done = ask(proxy, "cache", "gate", *arguments)
    return done.code, json.loads(done.out) if "--json" in arguments else done.out


def test_in_the_shadow_a_client_is_told_what_it_would_have_got(
    shadowed: RunningProxy, provider: Provider, keys: Keys
) -> None:
    assert shadowed.teach(keys.support, ONE_WAY).reason == "empty"
    same = shadowed.ask(keys.support, ONE_WAY)
    assert (same.cache, same.reason) == ("miss", "shadow")
    assert same.headers["x-litellm-plugins-cache-would"] == "exact"
    assert same.cost_usd > 0
    assert provider.times_asked(ONE_WAY) == 2
    eventually(lambda: len(outcomes(shadowed, "support")) == 1, what="the first check")

    other = shadowed.ask_streamed(keys.support, ANOTHER)
    assert other.headers["x-litellm-plugins-cache-would"] == "semantic"
    assert mark_of(ANOTHER) in other.text
    eventually(lambda: len(outcomes(shadowed, "support")) == 2, what="the second check")
    assert outcomes(shadowed, "support")[0] == ("exact", "shadow", "right")
    assert outcomes(shadowed, "support")[1][:2] == ("semantic", "shadow")
    counted = shadowed.metrics()
    assert counted.value("litellm_plugins_cache_checks_total", layer="exact", outcome="right") >= 1


def test_a_key_without_the_cache_passes_it_by(shadowed: RunningProxy, provider: Provider, keys: Keys) -> None:
    question = "Where is the nearest library?"
    for _ in range(2):
        answer = shadowed.ask(keys.sales, question)
        assert (answer.cache, answer.reason) == ("bypass", "not_rolled_out")
    assert provider.times_asked(question) == 2
    assert not shadowed.has_stored(answer.body.id)


def test_an_answer_that_went_stale_is_found_out_and_replaced(shadowed: RunningProxy, keys: Keys) -> None:
    """What the model says today is not what was stored yesterday."""
    question = "What are the opening hours of the reading room?"
    row = {
        "request": {"model": "gpt-4.1", "messages": [{"role": "user", "content": question}]},
        "response": {
            "id": "yesterday",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "From 9 to 5."}, "finish_reason": "stop"}
            ],
        },
        "team": "legal",
    }
    given = {"source": "log", "rows": [row]}
    warmed = shadowed.http("POST", "/plugins/cache/warm", shadowed.master_key, json=given)
    assert warmed.json()["stored"] == 1, warmed.text

    fresh = shadowed.ask(keys.legal, question)
    assert (fresh.cache, fresh.reason) == ("miss", "recheck")
    assert mark_of(question) in (fresh.text or "")
    eventually(lambda: ("exact", "recheck", "wrong") in outcomes(shadowed, "legal"), what="the check")
    assert not shadowed.has_stored("yesterday")
    assert shadowed.has_stored(fresh.body.id)


def test_the_gate_counts_what_it_has_and_opens_when_it_is_enough(shadowed: RunningProxy, keys: Keys) -> None:
    question = "Which form do I need for a new card?"
    shadowed.teach(keys.support, question)
    before = len(outcomes(shadowed, "support"))
    shadowed.ask(keys.support, question)
    eventually(lambda: len(outcomes(shadowed, "support")) == before + 1, what="the check")

    code, told = gate(shadowed, "--team", "support", "--json", "--at-least", "0.95")
    assert (code, told["verdict"]) in ((2, "not_enough"), (1, "fail"))
    code, told = gate(shadowed, "--team", "nobody", "--json")
    assert (code, told["verdict"], told["checks"], told["more"]) == (2, "not_enough", 0, 73)

    for _ in range(78):
        shadowed.ask(keys.support, question, model="gpt-4.1-mini")
    eventually(lambda: len(outcomes(shadowed, "support")) >= before + 75, what="the checks")
    code, told = gate(shadowed, "--model", "gpt-4.1-mini", "--json")
    assert (code, told["verdict"], told["wrong"]) == (0, "pass", 0)
    assert told["low"] >= 0.95
    assert gate(shadowed, "--model", "gpt-4.1-mini", "--json", on_store=True)[1]["verdict"] == "pass"

    code, text = gate(shadowed, "--by", "model")
    assert "still needed" in text
    assert "gpt-4.1-mini" in text
    refused = shadowed.http("GET", "/plugins/cache/gate?by=colour", shadowed.master_key)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "by")
    assert shadowed.http("GET", "/plugins/cache/gate", keys.support).status_code == 403
