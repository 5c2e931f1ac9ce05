"""The review loop with Langfuse, on two workers that sync by themselves: out, back as verdicts, replayed, a dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from litellm_plugins.cli import main
from tests.support import Keys, Provider, RunningProxy, eventually, proxy_config
from tests.support.langfuse_api import DATASET_ITEMS, DATASETS, QUEUES, SCORES, LangfuseApi, Trouble

if TYPE_CHECKING:
    import httpx

pytestmark = pytest.mark.timeout(240)
QUEUE = "answers to review"
STORED, ASKED = "How do I renew my passport?", "How can I renew my passport?"


@pytest.fixture(scope="module")
def api() -> Iterator[LangfuseApi]:
    with LangfuseApi() as api:
        yield api


@pytest.fixture(scope="module")
def syncing(provider: Provider, api: LangfuseApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Every request is of the control sample; a fixed threshold lets paraphrases hit at once."""
    langfuse = {"enabled": True, "every_minutes": 0.05, "queue": QUEUE, "score": "answer ok"}
    pack: dict[str, Any] = {
        "review": {"enabled": True, "control_share": "100%", "langfuse": langfuse},
        "cache": {"semantic": {"threshold": 0.8}},
    }
    folder, config = tmp_path_factory.mktemp("syncing"), proxy_config(provider.url, pack=pack)
    with RunningProxy(config, folder, provider_url=provider.url, num_workers=2, env=api.env()) as proxy:
        yield proxy


def test_what_waits_goes_out_once_and_a_score_comes_back_as_a_verdict_that_acts(
    syncing: RunningProxy, api: LangfuseApi, keys: Keys
) -> None:
    eventually(lambda: _ask(syncing, keys.support, STORED, "exact"), what="the answer to be stored")
    hit = eventually(lambda: _ask(syncing, keys.support, ASKED, "semantic"), what="a hit by meaning")
    assert hit is not None
    trace = hit.headers["x-litellm-call-id"].replace("-", "")
    eventually(lambda: trace in _traces(api), what="the item in Langfuse", timeout_s=60)

    api.say(trace, "wrong", name="answer ok")
    eventually(lambda: _ask(syncing, keys.support, ASKED, "miss"), what="the verdict", timeout_s=60, every_s=0.5)

    log, metrics = syncing.log(), syncing.metrics()
    assert metrics.value("litellm_plugins_review_verdicts_total", kind="hit", verdict="wrong", source="langfuse") == 1
    assert sorted(_traces(api)) == sorted(set(_traces(api)))
    assert len(api.lists[QUEUES]) == 1
    assert api.secret_key not in log


def test_the_command_says_what_it_did_and_what_failed_with_its_exit_code(
    syncing: RunningProxy, api: LangfuseApi
) -> None:
    done = eventually(lambda: _unless_busy(syncing, 0), what="a sync by hand", timeout_s=60)
    assert done is not None
    assert json.loads(done.output)["failed"] == []

    api.fail(Trouble("GET", SCORES, "status", 500, times=1_000))
    done = eventually(lambda: _unless_busy(syncing, 1), what="a sync that fails", timeout_s=100)
    assert done is not None
    assert [each["reason"] for each in json.loads(done.output)["failed"]] == ["server_error"]
    failures = {"stage": "review_sync", "reason": "server_error"}
    assert syncing.metrics().value("litellm_plugins_stage_failures_total", **failures) >= 1
    api.troubles.clear()


def test_replay_tells_what_the_settings_would_do_and_what_only_the_verdict_keeps_back(
    syncing: RunningProxy, keys: Keys
) -> None:
    told = json.loads(_run(syncing, "replay", "--json").output)
    assert told["counts"] == {"verdicts": 1, "kept": 0, "lost": 0, "mended": 0, "barred": 1, "wrong_again": 0}
    [case] = told["cases"]
    assert (case["question"], case["matched_question"], case["flip"]) == (ASKED, STORED, "barred")
    assert case["now"]["reason"] == "judged_wrong"
    assert case["now"]["similarity"] == pytest.approx(case["was"]["similarity"], abs=1e-3)

    asked = _run(syncing, "replay", "--ask", "--ask-key", keys.support, "--json")
    [case] = json.loads(asked.output)["cases"]
    assert (asked.exit_code, case["flip"]) == (0, "changed")
    assert case["now"]["answer"]


def test_verdicts_become_a_dataset_once(syncing: RunningProxy, api: LangfuseApi) -> None:
    for _ in range(2):
        done = _run(syncing, "replay", "--dataset", "wrong answers", "--json")
        assert json.loads(done.output) == {"dataset": "wrong answers", "items": 1, "of": 1}
    assert [each["name"] for each in api.lists[DATASETS]] == ["wrong answers"]
    [item] = api.lists[DATASET_ITEMS]
    assert item["input"] == {"question": ASKED}
    assert "expectedOutput" not in item  # a wrong answer is none to expect
    assert (item["metadata"]["verdict"], bool(item["metadata"]["wrong_answer"])) == ("wrong", True)


def test_only_admins_may(syncing: RunningProxy, keys: Keys) -> None:
    for method, path in (("POST", "sync"), ("GET", "replay"), ("POST", "dataset")):
        body: dict[str, Any] = {"json": {}} if method == "POST" else {}
        assert syncing.http(method, f"/plugins/review/{path}", keys.support, **body).status_code == 403
    for path, given in (("sync", {"now": 1}), ("dataset", {}), ("dataset", {"name": "x" * 101})):
        refused = syncing.http("POST", f"/plugins/review/{path}", syncing.master_key, json=given)
        assert refused.status_code == 400, refused.text
    for query in ({"days": "never"}, {"stars": "5"}, {"limit": "0"}):
        refused = syncing.http("GET", "/plugins/review/replay", syncing.master_key, params=query)
        assert refused.status_code == 400, refused.text


def _traces(api: LangfuseApi) -> list[str]:
    queues = [each["name"] for each in list(api.lists[QUEUES])]
    return [each["objectId"] for each in api.items(QUEUE)] if QUEUE in queues else []


def _ask(proxy: RunningProxy, key: str, text: str, layer: str) -> httpx.Response | None:
    """The answer, if it comes from there."""
    body: dict[str, Any] = {"model": "gpt-4.1", "messages": [{"role": "user", "content": text}]}
    if text != STORED:
        body["cache"] = {"no-store": True}
    answer = proxy.http("POST", "/v1/chat/completions", key, json=body)
    assert answer.status_code == 200, answer.text
    return answer if answer.headers["x-litellm-plugins-cache"] == layer else None


def _run(proxy: RunningProxy, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["review", *arguments, "--url", proxy.url, "--key", proxy.master_key])


def _unless_busy(proxy: RunningProxy, exit_code: int) -> Result | None:
    done = _run(proxy, "sync", "--json")
    if "409" in done.output:
        return None
    assert done.exit_code == exit_code, done.output
    return done
