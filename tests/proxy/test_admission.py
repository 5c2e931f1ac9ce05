"""Requests that are not fit to be asked are refused in their endpoint's own shape, and cost nothing at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually
from tests.support.budgets import held_by, open_calls
from tests.support.config import model, proxy_config
from tests.support.fixtures import CLAUDE, LEGACY_MODEL

if TYPE_CHECKING:
    import httpx

REASON = "x-litellm-plugins-admission-reason"
STREAMED = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
HELLO = [{"role": "user", "content": "hello"}]
TIMEOUT_S = 1
STALL = "simulator:stall:20"


def _long(_model: str, question: str) -> str | None:
    """Five seconds' worth of words."""
    return "and then they went on " * 80 if "long story" in question else None


@pytest.fixture(scope="module")
def asked() -> Iterator[Provider]:
    """A provider of this module's own: what it was asked is counted."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def pacing() -> Iterator[Provider]:
    """One whose words come one after the other, for some seconds."""
    with Provider(latency_scale=1, script=_long) as provider:
        yield provider


@pytest.fixture(scope="module")
def guarded(asked: Provider, pacing: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    admission = {
        "enabled": True,
        "max_prompt_tokens": 500,
        "max_body_kb": 64,
        "max_messages": 5,
        "max_images": 1,
        "max_image_kb": 2,
        "max_tools": 1,
        "timeouts": {"hasty": TIMEOUT_S, "hasty-claude": TIMEOUT_S, "chatty": TIMEOUT_S, "chatty-claude": TIMEOUT_S},
        "priorities": {},
    }
    config = proxy_config(
        asked.url,
        pack={
            "admission": admission,
            "budgets": [{"name": "all", "scope": "global", "limit_usd": 10, "window": "1d"}],
            "per_key": {"freelancer": {"admission": {"max_messages": 2, "allow_empty": True}}},
            "per_team": {"sales": {"admission": {"enabled": False}}},
        },
        more_models=[
            model(CLAUDE, asked.url, via="anthropic"),
            model(LEGACY_MODEL, asked.url, via="text-completion-openai"),
            model("hasty", asked.url, "gpt-4.1"),
            model("hasty-claude", asked.url, CLAUDE, via="anthropic"),
            model("chatty", pacing.url, "gpt-4.1"),
            model("chatty-claude", pacing.url, CLAUDE, via="anthropic"),
        ],
    )
    with RunningProxy(config, tmp_path_factory.mktemp("guarded"), provider_url=asked.url) as proxy:
        assert post(proxy, "chat", HELLO).status_code == 200  # now there is a ledger to be read
        yield proxy


PATHS = {
    "chat": "/v1/chat/completions",
    "azure": "/openai/deployments/gpt-4.1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
    "completions": "/v1/completions",
    "embeddings": "/v1/embeddings",
}
MODELS = {"messages": CLAUDE, "completions": LEGACY_MODEL, "embeddings": "text-embedding-3-small"}
FIELDS = {"responses": "input", "completions": "prompt", "embeddings": "input"}


def post(proxy: RunningProxy, endpoint: str, content: Any, key: str = KEYS.support, **more: Any) -> httpx.Response:
    """A request whose field for the conversation holds `content`."""
    headers = more.pop("headers", {})
    body = {"model": MODELS.get(endpoint, "gpt-4.1"), FIELDS.get(endpoint, "messages"): content, "max_tokens": 20}
    return proxy.http("POST", PATHS[endpoint], key, json={**body, **more}, headers=headers)


@pytest.mark.parametrize(
    ("endpoint", "content", "more", "status", "reason"),
    [
        *((endpoint, None, {}, 400, "missing_required_parameter") for endpoint in PATHS),
        *((endpoint, 5, {}, 400, "malformed") for endpoint in PATHS),
        *((endpoint, [], {}, 400, "empty_conversation") for endpoint in PATHS),
        *((endpoint, HELLO, {"tools": ["x"]}, 400, "malformed") for endpoint in ("chat", "messages", "responses")),
        *((endpoint, "word " * 600, {}, 400, "prompt_too_long") for endpoint in FIELDS),
        *((endpoint, "word " * 20_000, {}, 413, "body_too_large") for endpoint in FIELDS),
        *((endpoint, "hello", {"model": "nobodys"}, 404, "model_not_found") for endpoint in FIELDS),
        *((endpoint, HELLO, {"model": "nobodys"}, 404, "model_not_found") for endpoint in ("chat", "messages")),
        *((endpoint, HELLO * 6, {}, 400, "too_many_messages") for endpoint in ("chat", "azure", "messages")),
        *((endpoint, HELLO, {"tools": [{}, {}]}, 400, "too_many_tools") for endpoint in ("chat", "azure", "messages")),
    ],
)
def test_a_refusal_comes_early_and_costs_nothing(
    guarded: RunningProxy, asked: Provider, endpoint: str, content: Any, more: dict[str, Any], status: int, reason: str
) -> None:
    """Nothing is asked of the provider, nothing is reserved, and the answer is in the endpoint's own shape."""
    eventually(lambda: not open_calls(guarded), what="earlier calls to be settled")
    before, booked = asked.requests(), held_by(guarded, "all")
    response = post(guarded, endpoint, content, **more)

    assert (response.status_code, response.headers.get(REASON)) == (status, reason), response.text
    assert response.headers["x-litellm-plugins-admission"] == "refused"
    assert "x-litellm-plugins-cache" not in response.headers
    assert "x-litellm-plugins-budget-state" not in response.headers
    error = response.json()["error"]
    assert error["type"] in ("invalid_request_error", "not_found_error")
    assert "word word" not in response.text
    assert ("param" in error) is (endpoint != "messages")
    assert response.json().get("type") == ("error" if endpoint == "messages" else None)
    assert asked.requests() == before
    assert held_by(guarded, "all") == booked


@pytest.mark.parametrize("body", ["[1]", "null", '"hello"', '{"model": "gpt-4.1", "messages": [], "tools": 5}'])
@pytest.mark.parametrize("endpoint", ["chat", "messages", "responses"])
def test_a_body_of_another_shape_is_the_clients_fault(guarded: RunningProxy, endpoint: str, body: str) -> None:
    """The host's auth stumbles over it, before any plugin is asked, and its own route answers with a 500."""
    headers = {"content-type": "application/json"}
    response = guarded.http("POST", PATHS[endpoint], KEYS.support, content=body, headers=headers)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_openais_sdk_raises_what_it_knows(guarded: RunningProxy) -> None:
    client = guarded.client(KEYS.support)
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": "  "}])
    assert bad.value.param == "messages"
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nobodys", input="hello")
    with pytest.raises(openai.APIStatusError) as large:
        client.embeddings.create(model="text-embedding-3-small", input="word " * 20_000)
    assert large.value.status_code == 413
    with pytest.raises(openai.BadRequestError) as streamed:
        client.chat.completions.create(model="gpt-4.1", messages=[{"role": "user", "content": ""}], stream=True)
    assert streamed.value.response.headers[REASON] == "empty_conversation"


def test_anthropics_sdk_raises_what_it_knows(guarded: RunningProxy) -> None:
    client = guarded.anthropic(KEYS.support)
    with pytest.raises(anthropic.BadRequestError) as bad:
        client.messages.create(model=CLAUDE, max_tokens=5, messages=[{"role": "user", "content": " "}])
    assert isinstance(bad.value.body, dict)
    assert bad.value.body["error"]["message"].startswith("messages: ")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="nobodys", max_tokens=5, messages=[{"role": "user", "content": "hello"}])


def test_an_image_that_is_too_large_is_refused_and_one_that_fits_is_not(guarded: RunningProxy) -> None:
    def ask(size: int) -> httpx.Response:
        url = {"url": "data:image/png;base64," + "A" * size}
        return post(guarded, "chat", [{"role": "user", "content": [{"type": "image_url", "image_url": url}]}])

    assert ask(2_000).status_code == 200
    refused = ask(4_000)
    assert (refused.status_code, refused.headers[REASON]) == (413, "image_too_large")
    assert "AAAA" not in refused.text


def test_keys_and_teams_may_differ(guarded: RunningProxy) -> None:
    assert post(guarded, "chat", HELLO * 3, KEYS.freelancer).headers[REASON] == "too_many_messages"
    assert post(guarded, "chat", [{"role": "user", "content": ""}], KEYS.freelancer).status_code == 200
    assert REASON not in post(guarded, "chat", HELLO * 6, KEYS.sales).headers


def test_a_refusal_is_counted_and_logged(guarded: RunningProxy) -> None:
    labels = {"reason": "model_not_found", "endpoint": "chat", "model_group": "other"}
    before = guarded.metrics().value("litellm_plugins_refused_total", **labels)
    post(guarded, "chat", [{"role": "user", "content": "never-to-be-logged"}], model="nobodys")

    assert guarded.metrics().value("litellm_plugins_refused_total", **labels) == before + 1
    line = next(line for line in guarded.log().splitlines() if '"request_refused"' in line)
    assert '"team": "support"' in line
    assert "never-to-be-logged" not in guarded.log()


# Timeouts


@STREAMED
@pytest.mark.parametrize("endpoint", ["chat", "messages", "responses"])
def test_a_call_that_takes_too_long_is_ended_and_settled(guarded: RunningProxy, endpoint: str, stream: bool) -> None:
    content = STALL if endpoint == "responses" else [{"role": "user", "content": STALL}]
    name = "hasty-claude" if endpoint == "messages" else "hasty"
    started = time.monotonic()
    response = post(guarded, endpoint, content, model=name, stream=stream)

    assert response.status_code == 408, response.text
    assert TIMEOUT_S <= time.monotonic() - started < 10
    eventually(lambda: not held_by(guarded, "all").reserved and not open_calls(guarded), what="it to be settled")


@pytest.mark.parametrize("endpoint", ["chat", "messages", "responses"])
def test_a_stream_that_keeps_talking_is_ended_and_what_it_said_is_booked(guarded: RunningProxy, endpoint: str) -> None:
    """The host's own timeout would let it talk for ever."""
    question = f"Tell me a long story for {endpoint}."
    content = question if endpoint == "responses" else [{"role": "user", "content": question}]
    name = "chatty-claude" if endpoint == "messages" else "chatty"
    before = held_by(guarded, "all")
    started = time.monotonic()
    response = post(guarded, endpoint, content, model=name, stream=True, max_tokens=2_000)

    assert response.status_code == 200
    assert time.monotonic() - started < 10
    assert response.text.count("data:") > 3
    assert "took longer than the 1 s" in response.text[-400:]
    eventually(lambda: held_by(guarded, "all").requests > before.requests, what="it to be booked")
    eventually(lambda: not held_by(guarded, "all").reserved and not open_calls(guarded), what="it to be settled")
    assert held_by(guarded, "all").spent > before.spent


def test_the_sdks_tell_of_a_stream_that_was_ended(guarded: RunningProxy) -> None:
    story = "Tell me a long story for the SDKs."
    with pytest.raises(openai.APIError, match="took longer than the 1 s"):
        guarded.ask_streamed(KEYS.support, story, model="chatty")
    with (
        pytest.raises(anthropic.APIStatusError, match="took longer than the 1 s"),
        guarded.anthropic(KEYS.support).messages.stream(
            model="chatty-claude", max_tokens=2_000, messages=[{"role": "user", "content": story}]
        ) as stream,
    ):
        list(stream)


def test_a_client_may_ask_for_less_but_not_for_more(guarded: RunningProxy) -> None:
    stalled = [{"role": "user", "content": STALL}]
    more = post(guarded, "chat", stalled, model="hasty", timeout=15)
    assert "timeout value=1.0" in more.text
    less = post(guarded, "chat", stalled, model="hasty", headers={"x-litellm-timeout": "0.5"})
    assert "timeout value=0.5" in less.text


# Priorities


@pytest.mark.parametrize(("endpoint", "scheduled"), [("chat", "True"), ("azure", "True"), ("completions", "True")])
def test_a_priority_reaches_the_hosts_scheduler(guarded: RunningProxy, endpoint: str, scheduled: str) -> None:
    content = f"hello {endpoint}" if endpoint == "completions" else [{"role": "user", "content": f"hello {endpoint}"}]
    headers = {"x-litellm-plugins-priority": "low"}
    response = post(guarded, endpoint, content, headers=headers, cache={"no-cache": True})
    assert response.headers.get("x-litellm-request-prioritization-used") == scheduled


@pytest.mark.parametrize("endpoint", list(PATHS))
def test_a_priority_is_never_sent_to_a_provider(guarded: RunningProxy, asked: Provider, endpoint: str) -> None:
    question = f"Who comes first on {endpoint}?"
    content = question if endpoint in FIELDS else [{"role": "user", "content": question}]
    headers = {"x-litellm-plugins-priority": "high"}
    more: dict[str, Any] = {} if endpoint in ("messages", "responses", "embeddings") else {"priority": 0}
    assert post(guarded, endpoint, content, headers=headers, **more).status_code == 200
    sent = [each["body"] for each in asked.requests() if question in str(each["body"])]
    assert sent
    assert all("priority" not in each and "stream_timeout" not in each for each in sent)


@pytest.mark.parametrize("endpoint", list(PATHS))
def test_another_word_than_a_priority_is_refused(guarded: RunningProxy, endpoint: str) -> None:
    content = "hello" if endpoint in FIELDS else HELLO
    response = post(guarded, endpoint, content, headers={"x-litellm-plugins-priority": "urgent"})
    assert (response.status_code, response.headers[REASON]) == (400, "bad_priority")


def test_a_priority_in_metadata_counts_as_well(guarded: RunningProxy) -> None:
    response = post(guarded, "chat", HELLO, metadata={"litellm_plugins": {"priority": "urgent"}})
    assert response.headers[REASON] == "bad_priority"
