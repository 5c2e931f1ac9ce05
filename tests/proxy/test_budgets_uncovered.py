"""Whatever can spend a provider's money is covered by whose budget it is, or refused: on every path of the host's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from websockets.sync.client import connect

from tests.support import KEYS, Provider, RunningProxy, eventually
from tests.support.budget_proxy import budget, budget_config
from tests.support.budgets import billed, held_by, open_calls
from tests.support.config import MASTER_KEY, model
from tests.support.pieces_server import PiecesServer

COVERED, FREE_KEY = KEYS.sales, KEYS.freelancer  # a budget covers the first, none the second where it names no feature
# Path and body of what spends, and what nobody would say the cost of.
UNCOVERED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/threads/t1/runs", {"assistant_id": "a"}),
    ("/v1/threads", {}),
    ("/v1/threads/t1/messages", {"role": "user", "content": "hi"}),
    ("/v1/assistants", {"model": "gpt-4.1"}),
    ("/v1/batches", {"input_file_id": "f", "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
    ("/v1/videos", {"model": "picture", "prompt": "a cat"}),
    ("/v1/ocr", {"model": "picture", "document": {"type": "document_url", "document_url": "http://127.0.0.1/x"}}),
    ("/v1/search", {"query": "q", "search_tool_name": "finder"}),
    ("/v1/containers", {"name": "c"}),
    ("/v1/vector_stores", {"name": "v"}),
    ("/v1/vector_stores/v1/search", {"query": "q"}),
    ("/v1/vector_stores/v1/files", {"file_id": "f"}),
    ("/v1/rag/query", {"model": "gpt-4.1", "messages": [], "retrieval_config": {}}),
    ("/v1/rag/ingest", {"ingest_options": {}}),
    ("/v1/decisions", {"model": "gpt-4.1", "input": "x", "questions": []}),
    ("/v1/systemone", {"model": "gpt-4.1"}),
    ("/v1beta/models/gpt-4.1:generateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ("/v1beta/models/gpt-4.1:streamGenerateContent", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    ("/v1beta/interactions", {"model": "gpt-4.1", "input": "hi"}),
    ("/v1/realtime/client_secrets", {"session": {"model": "gpt-4.1"}}),
    ("/v1/realtime/transcription_sessions", {"model": "gpt-4.1"}),
    ("/v1/responses/compact", {"model": "gpt-4.1", "input": "hi"}),
    ("/a2a/agent/message/send", {"jsonrpc": "2.0", "id": "1", "method": "message/send", "params": {}}),
    ("/openai/v1/chat/completions", {"model": "gpt-4.1", "messages": []}),
    ("/anthropic/v1/messages", {"model": "claude", "messages": []}),
    ("/azure/openai/deployments/gpt-4.1/chat/completions", {"model": "gpt-4.1", "messages": []}),
    ("/vllm/v1/chat/completions", {"model": "gpt-4.1", "messages": []}),
    ("/bedrock/model/gpt-4.1/invoke", {}),
    ("/gemini/v1beta/models/x:generateContent", {}),
    ("/cohere/v2/chat", {}),
    ("/nvidia_nim/gpt-4.1/v1/infer", {}),
]
OF_ADMINS: list[tuple[str, dict[str, Any]]] = [  # the host lets no other key get there
    ("/queue/chat/completions", {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hi"}]}),
    ("/guardrails/apply_guardrail", {"guardrail_name": "g", "text": "x"}),
    ("/v1/evals/e1/runs", {"name": "r", "data_source": {"type": "jsonl"}}),
]
SEARCH_NANO = 8_000_000  # of Tavily, by the host's price list
SESSIONS = ("/v1/realtime?model=gpt-4.1", "/v1/responses?model=gpt-4.1", "/openai/v1/realtime?model=gpt-4.1")


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is compared with the ledger."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def pieces() -> Iterator[PiecesServer]:
    """Who draws, speaks and searches."""
    with PiecesServer() as server:
        yield server


@pytest.fixture(scope="module")
def budgeted(
    charging: Provider, pieces: PiecesServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """Team sales has a budget on everything; whoever names a feature of those below has one on that."""
    budgets = [budget(name, limit_usd=100) for name in ("pieces", "unpriced", "messages", "background")]
    budgets.append(budget("search", limit_tokens=1_000_000))  # in dollars it would be refused
    budgets.append({"name": "of-the-master", "scope": {"key": "master"}, "limit_usd": 1})
    budgets += [budget("tight", limit_usd="0.03"), {"name": "all-of-sales", "scope": {"team": "sales"}, "limit_usd": 9}]
    of_one: Any = [{"key": "other_freelancer"}, {"provider": "openai"}]
    budgets.append({"name": "of-one-provider", "scope": of_one, "limit_usd": 1})
    config = budget_config(charging.url, charging.url, budgets)
    for name, of in (
        ("picture", "gpt-image-1"),
        ("unpriced-picture", "of-nobody"),
        ("voice", "tts-1"),
        ("ear", "whisper-1"),
        ("guard", "omni-moderation-latest"),
    ):
        config["model_list"].append(model(name, pieces.url, of))
    where = {"api_base": f"{pieces.url}/v2/rerank", "api_key": "os.environ/OPENAI_API_KEY"}
    config["model_list"].append({"model_name": "sorter", "litellm_params": {"model": "cohere/rerank-v3.5", **where}})
    tool = {"search_provider": "tavily", "api_key": "tvly-x", "api_base": pieces.url}
    config["search_tools"] = [{"search_tool_name": "finder", "litellm_params": tool}]
    config["litellm_settings"]["callbacks"].append("websearch_interception")
    config["litellm_settings"]["websearch_interception_params"] = {
        "enabled_providers": ["openai"],
        "search_tool_name": "finder",
    }
    around = {"OPENAI_API_BASE": f"{charging.url}/", "ANTHROPIC_API_BASE": charging.url, "ANTHROPIC_API_KEY": "sk-x"}
    with RunningProxy(config, tmp_path_factory.mktemp("uncovered"), provider_url=charging.url, env=around) as proxy:
        yield proxy


def nothing_is_held(proxy: RunningProxy) -> None:
    eventually(lambda: not open_calls(proxy), what="everything to be settled", timeout_s=20, every_s=0.1)


@pytest.mark.parametrize(("path", "body"), UNCOVERED, ids=[path for path, _ in UNCOVERED])
def test_what_nobody_says_the_cost_of_is_refused_in_the_shape_of_openai(
    budgeted: RunningProxy, charging: Provider, pieces: PiecesServer, path: str, body: dict[str, Any]
) -> None:
    charging.clear()
    pieces.asked.clear()
    refused = budgeted.http("POST", path, COVERED, json=body)

    assert refused.status_code == 429, refused.text
    error = refused.json()["error"]
    assert "all-of-sales" in error["message"]
    assert (charging.count(), pieces.asked) == (0, [])
    assert budgeted.http("POST", path, FREE_KEY, json=body).status_code != 429, "whom no budget covers is let through"


@pytest.mark.parametrize(("path", "body"), OF_ADMINS, ids=[path for path, _ in OF_ADMINS])
def test_a_budget_on_the_master_key_is_one_too(
    budgeted: RunningProxy, charging: Provider, path: str, body: dict[str, Any]
) -> None:
    charging.clear()
    refused = budgeted.http("POST", path, MASTER_KEY, json=body)
    assert (refused.status_code, charging.count()) == (429, 0), refused.text
    assert "of-the-master" in refused.json()["error"]["message"]


def test_the_sdk_takes_it_for_a_refusal_that_it_need_not_try_again(budgeted: RunningProxy) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        budgeted.client(COVERED).batches.create(
            input_file_id="f", endpoint="/v1/chat/completions", completion_window="24h"
        )
    assert "all-of-sales" in str(refused.value)
    with pytest.raises(openai.RateLimitError) as refused:
        budgeted.client(COVERED).post("/threads", body={}, cast_to=object)
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert refused.value.response.headers["x-litellm-plugins-budget-reason"] == "uncovered_path"
    assert refused.value.code == "budget_exceeded"


@pytest.mark.parametrize("path", SESSIONS)
def test_a_session_is_refused_with_an_event_of_openai_s_shape(
    budgeted: RunningProxy, charging: Provider, path: str
) -> None:
    charging.clear()
    url = budgeted.url.replace("http://", "ws://") + path
    with connect(url, additional_headers={"Authorization": f"Bearer {COVERED}"}, proxy=None) as socket:
        said = json.loads(socket.recv(timeout=20))
    assert (said["type"], said["error"]["code"]) == ("error", "budget_exceeded")
    assert "all-of-sales" in said["error"]["message"]
    assert charging.count() == 0


def test_who_is_not_known_is_told_so_by_the_host(budgeted: RunningProxy) -> None:
    assert budgeted.http("POST", "/v1/threads", "sk-nobody", json={}).status_code == 401


def test_a_budget_on_one_provider_covers_what_may_go_to_any(budgeted: RunningProxy) -> None:
    refused = budgeted.http("POST", "/anthropic/v1/messages", KEYS.other_freelancer, json={})
    assert refused.status_code == 429
    assert "of-one-provider" in refused.json()["error"]["message"]


A_PICTURE = {"model": "picture", "prompt": "a cat", "n": 1}
MOST_OF_A_PICTURE = 292_250_001  # nano-dollars, of the largest, by its pixels
PIECES: list[tuple[str, dict[str, Any], int]] = [  # and nano-dollars, by the host's price list
    ("/v1/images/generations", A_PICTURE, 10 * 5_000 + 1_000 * 40_000),
    ("/v1/images/generations", {**A_PICTURE, "prompt": "without usage"}, MOST_OF_A_PICTURE),  # as reserved
    ("/v1/audio/speech", {"model": "voice", "input": "hello", "voice": "alloy"}, 5 * 15_000),
    ("/v1/rerank", {"model": "sorter", "query": "q", "documents": ["a", "b"]}, 2_000_000),
]


@pytest.mark.parametrize(
    ("path", "body", "due"), PIECES, ids=["a picture", "a picture of unknown cost", "speech", "rerank"]
)
def test_what_is_priced_by_pieces_is_booked(budgeted: RunningProxy, path: str, body: dict[str, Any], due: int) -> None:
    before = held_by(budgeted, "pieces")
    answer = budgeted.http("POST", path, KEYS.support, json={**body, "metadata": {"feature": "pieces"}})
    assert answer.status_code == 200, answer.text
    eventually(lambda: held_by(budgeted, "pieces").requests > before.requests, what="it to be booked", every_s=0.1)
    nothing_is_held(budgeted)
    now = held_by(budgeted, "pieces").spent - before.spent
    assert now == due


def test_a_picture_that_may_cost_more_than_there_is_room_for_is_refused(
    budgeted: RunningProxy, pieces: PiecesServer
) -> None:
    pieces.asked.clear()
    body = {"model": "picture", "prompt": "a cat", "n": 3, "metadata": {"feature": "tight"}}
    refused = budgeted.http("POST", "/v1/images/generations", KEYS.support, json=body)
    assert (refused.status_code, pieces.asked) == (429, [])
    assert f"this request up to ${3 * MOST_OF_A_PICTURE / 1e9}" in refused.json()["error"]["message"]


def test_a_model_of_pictures_without_a_price_is_refused(budgeted: RunningProxy, pieces: PiecesServer) -> None:
    pieces.asked.clear()
    body = {"model": "unpriced-picture", "prompt": "a cat", "metadata": {"feature": "unpriced"}}
    refused = budgeted.http("POST", "/v1/images/generations", KEYS.support, json=body)
    assert (refused.status_code, pieces.asked) == (429, [])
    assert "has no price" in refused.json()["error"]["message"]


def test_a_transcript_is_booked_though_the_host_may_not_reckon_it(budgeted: RunningProxy) -> None:
    before = held_by(budgeted, "all-of-sales")
    with httpx.Client(base_url=budgeted.url, trust_env=False, timeout=60) as http:
        answer = http.post(
            "/v1/audio/transcriptions",
            headers={"Authorization": f"Bearer {COVERED}"},
            data={"model": "ear"},
            files={"file": ("x.wav", b"RIFF" + bytes(400), "audio/wav")},
        )
    assert answer.status_code == 200, answer.text
    eventually(lambda: held_by(budgeted, "all-of-sales").spent > before.spent, what="it to be booked", every_s=0.1)
    nothing_is_held(budgeted)


def test_moderation_is_free_and_passes(budgeted: RunningProxy) -> None:
    before = held_by(budgeted, "all-of-sales").spent
    assert budgeted.http("POST", "/v1/moderations", COVERED, json={"model": "guard", "input": "x"}).status_code == 200
    nothing_is_held(budgeted)
    assert held_by(budgeted, "all-of-sales").spent == before


def test_reading_and_uploading_cost_nothing_and_reserve_nothing(budgeted: RunningProxy) -> None:
    before = held_by(budgeted, "all-of-sales")
    for path in ("/v1/models", "/v1/batches", "/v1/files"):
        assert budgeted.http("GET", path, COVERED).status_code != 429
    nothing_is_held(budgeted)
    assert held_by(budgeted, "all-of-sales") == before


def test_an_answer_that_is_written_in_the_background_is_refused(budgeted: RunningProxy, charging: Provider) -> None:
    charging.clear()
    body = {"model": "gpt-4.1", "input": "hi", "background": True, "metadata": {"feature": "background"}}
    refused = budgeted.http("POST", "/v1/responses", KEYS.support, json=body)
    assert (refused.status_code, charging.count()) == (429, 0)
    assert refused.headers["x-litellm-plugins-budget-reason"] == "uncovered_tool"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_message_to_a_model_of_openai_s_is_held_to_its_own_limit(
    budgeted: RunningProxy, charging: Provider, stream: bool
) -> None:
    """The host carries it out as a response, in whose words the limit has another name."""
    charging.clear()
    before = held_by(budgeted, "messages").spent
    client = budgeted.anthropic(KEYS.support)
    asked: dict[str, Any] = {
        "model": "gpt-4.1",
        "max_tokens": 900,
        "messages": [{"role": "user", "content": f"Say something, {'streamed' if stream else 'whole'}"}],
        "extra_body": {"litellm_metadata": {"feature": "messages"}},
    }
    if stream:
        with client.messages.stream(**asked) as events:
            events.get_final_message()
    else:
        client.messages.create(**asked)
    nothing_is_held(budgeted)
    eventually(lambda: held_by(budgeted, "messages").spent - before == billed(charging), what="the bill", every_s=0.1)
    # Of the longest answer that the model gives 0.26 dollars would have been reserved.
    refused = budgeted.http(
        "POST",
        "/v1/messages",
        KEYS.support,
        json={**asked, "extra_body": None, "litellm_metadata": {"feature": "tight"}},
    )
    assert refused.status_code == 200, refused.text


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_search_that_the_host_answers_itself_leaves_nothing_reserved(
    budgeted: RunningProxy, charging: Provider, pieces: PiecesServer, stream: bool
) -> None:
    charging.clear()
    pieces.asked.clear()
    before = held_by(budgeted, "search")
    body = {
        "model": "gpt-4.1",
        "max_tokens": 100,
        "stream": stream,
        "messages": [{"role": "user", "content": "what is new"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 1}],
        "litellm_metadata": {"feature": "search"},
    }
    answer = budgeted.http("POST", "/v1/messages", FREE_KEY, json=body)  # for one of a team the host wants a database
    assert answer.status_code == 200, answer.text
    assert "what was found" in answer.text
    assert (charging.count(), len(pieces.asked)) == (0, 1)
    nothing_is_held(budgeted)
    due = before.spent + SEARCH_NANO
    eventually(lambda: held_by(budgeted, "search").spent >= due, what="the search to be booked", every_s=0.1)
    assert (held_by(budgeted, "search").spent, held_by(budgeted, "search").reserved) == (due, 0)
