"""One trace in Langfuse for each request, whatever became of it, with our decisions as spans."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx  # noqa: TC002 - a dataclass's field
import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.fixtures import CLAUDE, new_question
from tests.support.langfuse import Generation, LangfuseRecorder, Span

SENDERS = ("langfuse_otel", "langfuse")
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
STOCK = "/openai/deployments/gpt-4.1/chat/completions"  # the host's own look-up delivers its hits
_FLUSHED_S = 2.0  # longer than either callback holds a span back
LOOKUP = {"plugins.lookup"}
PAID = LOOKUP | {"plugins.reserve", "plugins.settle"}


@dataclass(frozen=True, slots=True)
class Case:
    """One request, and what its trace has to say."""

    path: str
    tags: frozenset[str]
    spans: frozenset[str]
    model: str = "gpt-4.1"
    stream: bool = False
    of: str = ""  # the case whose question it asks again
    feature: str = ""
    status: int = 200
    attempts: int = 1  # generations: failed ones too

    @property
    def is_hit(self) -> bool:
        return "cache:exact" in self.tags


def case(path: str, *tags: str, spans: set[str], **other: Any) -> Case:
    return Case(path, frozenset(tags), frozenset(spans), **other)


# Each key is a name; hits ask what an earlier case asked.
CASES: Mapping[str, Case] = {
    "miss": case(CHAT, "cache:miss", "budget:ok", "feature:faq", spans=PAID, feature="faq"),
    "hit": case(CHAT, "cache:exact", "feature:faq", spans=LOOKUP, feature="faq", of="miss"),
    "streamed hit": case(CHAT, "cache:exact", spans=LOOKUP, stream=True, of="miss"),
    "hit by the host's look-up": case(STOCK, "cache:exact", spans=LOOKUP, of="miss"),
    "stream": case(CHAT, "cache:miss", "budget:ok", spans=PAID, stream=True),
    "fallback": case(CHAT, "cache:miss", "budget:ok", spans=PAID, model="fragile", attempts=2),
    "error": case(CHAT, "cache:miss", "budget:ok", spans=PAID, model="broken", status=500),
    "degraded": case(CHAT, "cache:miss", "budget:degraded", spans=PAID, feature="spare"),
    "denied": case(CHAT, "cache:miss", "budget:denied", spans=PAID, feature="broke", status=429),
    "messages": case(MESSAGES, "cache:miss", "budget:ok", spans=PAID, model=CLAUDE),
    "messages hit": case(MESSAGES, "cache:exact", spans=LOOKUP, model=CLAUDE, of="messages"),
    "responses": case(RESPONSES, "cache:miss", "budget:ok", spans=PAID),
    "responses hit": case(RESPONSES, "cache:exact", spans=LOOKUP, of="responses"),
}
all_cases = pytest.mark.parametrize("name", CASES)
all_senders = pytest.mark.parametrize("sender", SENDERS)


@dataclass(frozen=True, slots=True)
class Told:
    """One request: what its client got, and what Langfuse got of its user."""

    user: str
    response: httpx.Response
    recorder: LangfuseRecorder

    @property
    def trace_id(self) -> str:
        return self.response.headers["x-litellm-call-id"].replace("-", "")

    def spans(self, sender: str) -> list[Span]:
        return self.recorder.trace(self.trace_id, sent_by=sender)

    def root(self, sender: str) -> Span:
        [root] = [span for span in self.spans(sender) if not span.parent_id]
        return root

    def generations(self, sender: str) -> list[Generation]:
        return [found for span in self.spans(sender) if (found := Generation.of(span))]


Story = Mapping[str, Told]


@pytest.fixture(scope="module")
def recorder() -> Iterator[LangfuseRecorder]:
    with LangfuseRecorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def traced(
    provider: Provider, recorder: LangfuseRecorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """One with both of the host's Langfuse callbacks, and with budgets of some features."""
    mini = {"model": "gpt-4.1-mini"}
    budgets = [
        {"name": "all", "scope": "global", "limit_usd": 1_000},
        {
            "name": "spare",
            "scope": {"feature": "spare"},
            "limit_usd": 1,
            "soft": [1e-5],
            "on_soft": "degrade",
            "degrade": mini,
        },
        {"name": "broke", "scope": {"feature": "broke"}, "limit_usd": 0},
    ]
    config = proxy_config(
        provider.url,
        pack={"budgets": budgets},
        more_models=[
            model("broken", provider.url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"}),
            model(CLAUDE, provider.url, via="anthropic"),
        ],
        litellm_settings={"callbacks": [*SENDERS, "litellm_plugins.proxy.handler"]},
    )
    folder = tmp_path_factory.mktemp("traces")
    with RunningProxy(config, folder, provider_url=provider.url, env=recorder.env()) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def story(traced: RunningProxy, recorder: LangfuseRecorder, keys: Keys) -> Story:
    """Every case, asked."""
    questions = {name: new_question() for name in CASES}
    told: dict[str, Told] = {}
    _ask(traced, keys.support, CASES["degraded"], "nobody", new_question())  # past its mark
    for name, each in CASES.items():
        user = f"user-{uuid.uuid4()}"
        question = questions[each.of or name]
        response = _ask(traced, keys.support, each, user, question)
        assert response.status_code == each.status, response.text
        told[name] = Told(user, response, recorder)
        if any(other.of == name for other in CASES.values()):
            _until_stored(traced, keys.support, each, question)
    eventually(
        lambda: all(one.spans(sender) for one in told.values() for sender in SENDERS), what="a trace of every request"
    )
    time.sleep(_FLUSHED_S)  # a second trace of one request would come with the next flush
    return told


def _until_stored(proxy: RunningProxy, key: str, each: Case, question: str) -> None:
    seen: list[str] = []

    def is_hit() -> bool:
        headers = _ask(proxy, key, each, "nobody", question).headers
        seen.append(f"{headers.get('x-litellm-plugins-cache')}: {headers.get('x-litellm-plugins-cache-reason')}")
        return seen[-1].startswith("exact")

    try:
        eventually(is_hit, what="the answer to be stored", timeout_s=60)
    except AssertionError:
        raise AssertionError(f"{each}: {seen}\n{proxy.log_tail(30)}") from None


def _ask(proxy: RunningProxy, key: str, each: Case, user: str, question: str) -> httpx.Response:
    body: dict[str, Any] = {"model": each.model}
    said = {"trace_user_id": user, "session_id": f"session of {user}", "tags": ["mine"], "trace_metadata": {"shop": 7}}
    if each.path == RESPONSES:
        body |= {"input": question, "user": user, "metadata": {"session_id": said["session_id"]}}
    else:
        body["messages"] = [{"role": "user", "content": question}]
        body["metadata"] = {"user_id": user} if each.path == MESSAGES else said
    if each.path == MESSAGES:
        body["max_tokens"] = 500
    if each.feature:
        body["metadata"]["feature"] = each.feature
    if each.stream:
        body["stream"] = True
    headers = {"langfuse_session_id": f"session of {user}"} if each.path == MESSAGES else {}
    return proxy.http("POST", each.path, key, json=body, headers=headers)


@all_cases
@all_senders
def test_a_request_has_one_trace_under_one_span_of_its_own(story: Story, name: str, sender: str) -> None:
    told = story[name]
    of_user = {span.trace_id for span in told.recorder.spans_about(told.user) if span.sent_by == sender}
    assert of_user == {told.trace_id}
    assert told.root(sender).name == "plugins.request"


@all_cases
@all_senders
def test_every_span_hangs_under_another_of_its_trace(story: Story, name: str, sender: str) -> None:
    spans = story[name].spans(sender)
    ids = {span.span_id for span in spans}
    assert len(ids) == len(spans)
    assert all(not span.parent_id or span.parent_id in ids for span in spans)
    root = story[name].root(sender)
    assert {generation.span.parent_id for generation in story[name].generations(sender)} == {root.span_id}


@all_cases
@all_senders
def test_the_tags_are_as_promised_beside_the_client_s(story: Story, name: str, sender: str) -> None:
    told, wanted = story[name], CASES[name].tags
    ours = ("cache:", "budget:", "feature:")
    for span in (told.root(sender), *(each.span for each in told.generations(sender))):
        found = {tag for tag in span.tags if tag.startswith(ours)}
        assert found - {f"feature:{CASES[name].feature}"} == wanted - {f"feature:{CASES[name].feature}"}
        assert f"feature:{CASES[name].feature}" in found or not CASES[name].feature
        assert "mine" in span.tags or CASES[name].path in (MESSAGES, RESPONSES)
        assert len(set(span.tags)) == len(span.tags)


@all_cases
@all_senders
def test_session_and_user_are_the_client_s(story: Story, name: str, sender: str) -> None:
    told = story[name]
    for span in told.spans(sender):
        if span.name != "raw_gen_ai_request":  # the host's own, of which it says nothing
            assert span.attributes.get("user.id") == told.user
            assert span.attributes.get("session.id") == f"session of {told.user}"


@all_cases
@all_senders
def test_the_cost_is_what_was_billed(story: Story, name: str, sender: str) -> None:
    told, each = story[name], CASES[name]
    costs = [generation.cost_usd or 0.0 for generation in told.generations(sender)]
    if each.is_hit or each.status != 200:
        assert sum(costs) == 0
    else:
        others = [g.cost_usd or 0.0 for g in told.generations(SENDERS[1 - SENDERS.index(sender)])]
        assert sum(costs) == pytest.approx(sum(others), abs=1e-12)
        assert sum(costs) > 0
    if not each.stream and each.status == 200:
        assert sum(costs) == pytest.approx(float(told.response.headers["x-litellm-response-cost"]), abs=1e-9)


@all_cases
@all_senders
def test_a_call_of_a_deployment_is_one_generation(story: Story, name: str, sender: str) -> None:
    generations = story[name].generations(sender)
    # The host's `langfuse` callback tells of a request that was refused before any call twice.
    assert len(generations) == CASES[name].attempts or (name == "denied" and len(generations) == 2)
    failed = [generation for generation in generations if generation.is_error]
    assert len(generations) - len(failed) == (1 if CASES[name].status == 200 else 0)


@all_cases
@all_senders
def test_decisions_are_spans_with_their_times(story: Story, name: str, sender: str) -> None:
    spans = story[name].spans(sender)
    root, ours = story[name].root(sender), {span.name: span for span in spans if span.name.startswith("plugins.")}
    assert ours.keys() - {"plugins.request", "plugins.settle"} == CASES[name].spans - {"plugins.settle"}
    assert "plugins.settle" in ours or "plugins.settle" not in CASES[name].spans
    for span in ours.values():
        assert 0 < span.began_ns <= span.ended_ns
        assert root.began_ns <= span.began_ns
    lookup = ours["plugins.lookup"].metadata
    assert lookup["cache"] == ("exact" if CASES[name].is_hit else "miss")
    steps = {"exact_ms"} if CASES[name].is_hit else {"exact_ms", "embed_ms", "search_ms", "verify_ms"}
    assert {each for each in lookup if each.endswith("_ms")} == steps
    if "plugins.reserve" in ours:
        assert f"budget:{ours['plugins.reserve'].metadata['budget_state']}" in CASES[name].tags


@all_senders
@pytest.mark.parametrize("name", [name for name, each in CASES.items() if each.is_hit])
def test_a_hit_says_what_it_saved_in_dollars_and_tokens(story: Story, name: str, sender: str) -> None:
    told = story[name]
    [hit] = told.generations(sender)
    paid = sum(g.cost_usd or 0.0 for g in story[CASES[name].of].generations(sender))
    served = int(hit.metadata["served_prompt_tokens"]) + int(hit.metadata["served_completion_tokens"])

    assert float(hit.metadata["saved_usd"]) == pytest.approx(paid, abs=1e-9)
    assert float(hit.metadata["saved_tokens"]) == served > 0
    assert hit.metadata["cache_id"] == told.response.headers["x-litellm-plugins-cache-id"]


@all_senders
def test_the_client_s_own_metadata_stays(story: Story, sender: str) -> None:
    for name in ("miss", "hit", "fallback", "denied"):
        for generation in story[name].generations(sender):
            assert str(generation.metadata["shop"]) == "7"


@all_senders
def test_the_root_has_what_was_asked_and_answered(story: Story, sender: str) -> None:
    """Langfuse shows a trace with its root's."""
    for name in ("miss", "hit", "stream", "messages"):
        root = story[name].root(sender).attributes
        [asked] = [span for span in [story[name].root(sender)] if span.attributes.get("langfuse.observation.input")]
        assert "handbook" in asked.attributes["langfuse.observation.input"]
        assert root["langfuse.observation.output"]
    assert story["error"].root(sender).attributes["langfuse.observation.level"] == "ERROR"


@all_senders
def test_a_trace_of_the_client_s_is_continued(
    traced: RunningProxy, recorder: LangfuseRecorder, keys: Keys, sender: str
) -> None:
    trace_id, span_id = uuid.uuid4().hex, uuid.uuid4().hex[:16]
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": new_question()}]}
    traced.http("POST", CHAT, keys.support, json=body, headers={"traceparent": f"00-{trace_id}-{span_id}-01"})

    def root() -> list[Span]:
        return [span for span in recorder.trace(trace_id, sent_by=sender) if span.name == "plugins.request"]

    [found] = eventually(root, what="the span of the request")
    assert found.parent_id == span_id
