"""What Langfuse shows of a hit: the same decision as headers and metrics, on the one trace that the host sends."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import openai
import pytest

from tests.support import Answer, Keys, Provider, Route, RunningProxy, StreamedAnswer, eventually, model, proxy_config
from tests.support.fixtures import new_question
from tests.support.langfuse import Generation, LangfuseRecorder

SENDERS = ("langfuse_otel", "langfuse")
ASKED = "How do I reset my card PIN?"
OTHER_WORDS = "How can I reset my card PIN?"
# Each way with a key of its own: the same questions are new to every tenant.
WAYS: Mapping[str, tuple[str, Route, bool]] = {
    "front route": ("support", "v1", False),
    "front route, streamed": ("sales", "v1", True),
    "host's look-up": ("freelancer", "host", False),
    "host's look-up, streamed": ("other_freelancer", "host", True),
}
STEPS = {"miss": ASKED, "semantic": OTHER_WORDS, "exact": ASKED}
TAGS_ROUTE = {"model_info": {"enable_tag_filtering": True}}
_FLUSHED_S = 2.0  # longer than either callback holds a span back

all_ways = pytest.mark.parametrize("way", WAYS)
all_steps = pytest.mark.parametrize("step", STEPS)
all_senders = pytest.mark.parametrize("sender", SENDERS)


@dataclass(frozen=True, slots=True)
class Told:
    """One request: what its client got, and what Langfuse got."""

    answer: Answer | StreamedAnswer
    generations: Mapping[str, list[Generation]]  # by sender

    def by(self, sender: str) -> Generation:
        """The one generation that `sender` sent."""
        found = self.generations[sender]
        assert len(found) == 1, f"{sender} sent {len(found)} generations for one request"
        return found[0]


Story = Mapping[tuple[str, str], Told]


@pytest.fixture(scope="module")
def recorder() -> Iterator[LangfuseRecorder]:
    with LangfuseRecorder() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def traced_proxy(
    provider: Provider, recorder: LangfuseRecorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """One with both of the host's Langfuse callbacks, and with a model that may fail before it answers."""
    config = proxy_config(
        provider.url,
        more_models=[
            model("flaky", provider.url, "gpt-4.1", extra_headers={"x-simulator-fault": "error:500"}),
            model("flaky", provider.url, "gpt-4.1"),
            # Tags choose the deployment of this group only.
            model("regional", provider.url, "gpt-4.1", tags=["eu"]) | TAGS_ROUTE,
            model("regional", provider.url, "gpt-4.1-mini", tags=["us"]) | TAGS_ROUTE,
        ],
        litellm_settings={"callbacks": ["prometheus", *SENDERS, "litellm_plugins.proxy.handler"]},
        router_settings={"num_retries": 1},
    )
    folder = tmp_path_factory.mktemp("traced")
    with RunningProxy(config, folder, provider_url=provider.url, env=recorder.env()) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def story(traced_proxy: RunningProxy, recorder: LangfuseRecorder, keys: Keys) -> Story:
    """A miss, a paraphrase of it and the same again, in all ways; told apart by the user that the client names."""
    asked: dict[tuple[str, str], tuple[str, Answer | StreamedAnswer]] = {}
    for way, (holder, route, streamed) in WAYS.items():
        ask = traced_proxy.ask_streamed if streamed else traced_proxy.ask
        teach = traced_proxy.teach_streamed if streamed else traced_proxy.teach
        for step, question in STEPS.items():
            user = f"user-{uuid.uuid4()}"
            put = teach if step == "miss" else ask
            answer = put(getattr(keys, holder), question, route=route, extra_body={"metadata": _theirs(user)})
            asked[way, step] = user, answer
    eventually(
        lambda: all(recorder.generations(user_id=u, sent_by=s) for u, _ in asked.values() for s in SENDERS),
        what="a trace of every request from either callback",
    )
    time.sleep(_FLUSHED_S)  # a second trace of one request would come with the next flush
    return {
        place: Told(answer, {s: recorder.generations(user_id=user, sent_by=s) for s in SENDERS})
        for place, (user, answer) in asked.items()
    }


def _theirs(user: str) -> dict[str, Any]:
    """What a client says about its own trace."""
    return {
        "tags": ["mine", "also-mine"],
        "trace_metadata": {"department": 7, "cache_reason": "theirs"},
        "trace_name": f"name of {user}",
        "trace_user_id": user,
        "session_id": f"session of {user}",
        "generation_name": "theirs",
    }


@all_ways
@all_steps
def test_the_answers_came_from_where_the_story_says(story: Story, way: str, step: str) -> None:
    assert story[way, step].answer.cache == step


@all_ways
@all_steps
@all_senders
def test_a_request_is_one_trace(story: Story, way: str, step: str, sender: str) -> None:
    assert len(story[way, step].generations[sender]) == 1


@all_ways
@all_steps
@all_senders
def test_the_trace_is_tagged_with_the_layer_that_answered_once(story: Story, way: str, step: str, sender: str) -> None:
    tags = story[way, step].by(sender).tags
    assert [tag for tag in tags if tag.startswith("cache:")] == [f"cache:{step}"]


@all_ways
@all_senders
@pytest.mark.parametrize("step", ["semantic", "exact"])
def test_the_trace_of_a_hit_says_what_the_headers_say(story: Story, way: str, sender: str, step: str) -> None:
    told = story[way, step]
    metadata, headers = told.by(sender).metadata, told.answer.headers

    assert metadata["cache"] == step
    assert float(metadata["cache_similarity"]) == pytest.approx(
        float(headers["x-litellm-plugins-cache-similarity"]), abs=1e-4
    )
    assert metadata["cache_id"] == headers["x-litellm-plugins-cache-id"]
    assert float(metadata["saved_usd"]) == pytest.approx(float(headers["x-litellm-plugins-saved-usd"]), abs=1e-9)
    assert float(metadata["saved_usd"]) > 0
    assert float(metadata["saved_tokens"]) > 0


@all_ways
@all_senders
def test_the_trace_of_a_paraphrase_names_the_question_that_was_answered(story: Story, way: str, sender: str) -> None:
    generation = story[way, "semantic"].by(sender)

    assert generation.metadata["cache_matched_question"] == ASKED
    assert OTHER_WORDS in str(generation.span.attributes)
    assert 0.92 <= float(generation.metadata["cache_similarity"]) < 1


@all_ways
@all_senders
def test_a_hit_costs_nothing_and_saves_what_the_miss_cost(story: Story, way: str, sender: str) -> None:
    paid = story[way, "miss"].by(sender).cost_usd

    assert paid is not None
    assert paid > 0
    for step in ("semantic", "exact"):
        hit = story[way, step].by(sender)
        assert hit.cost_usd == 0
        assert float(hit.metadata["saved_usd"]) == pytest.approx(paid, abs=1e-9)


@all_ways
@all_senders
def test_a_miss_saves_nothing_and_says_why_it_was_one(
    traced_proxy: RunningProxy, recorder: LangfuseRecorder, keys: Keys, way: str, sender: str
) -> None:
    holder, route, streamed = WAYS[way]
    user = f"user-{uuid.uuid4()}"
    ask = traced_proxy.ask_streamed if streamed else traced_proxy.ask
    answer = ask(getattr(keys, holder), new_question(), route=route, extra_body={"metadata": {"trace_user_id": user}})
    found = eventually(lambda: recorder.generations(user_id=user, sent_by=sender), what="the trace of the miss")

    assert answer.cache == "miss"
    assert found[0].metadata["cache"] == "miss"
    assert found[0].metadata["cache_reason"] == answer.reason
    assert "saved_usd" not in found[0].metadata


@all_ways
@all_steps
@all_senders
def test_what_the_client_says_of_its_trace_is_left_as_it_was(story: Story, way: str, step: str, sender: str) -> None:
    generation = story[way, step].by(sender)
    assert generation.user_id is not None
    theirs = _theirs(generation.user_id)

    assert generation.tags[:2] == tuple(theirs["tags"])
    assert generation.metadata.items() >= theirs["trace_metadata"].items()
    assert generation.trace_name == theirs["trace_name"]
    assert generation.session_id == theirs["session_id"]
    assert generation.span.name == theirs["generation_name"]


@pytest.mark.parametrize("route", ["v1", "host"])
def test_a_client_that_says_nothing_still_gets_one_trace_per_request(
    traced_proxy: RunningProxy, recorder: LangfuseRecorder, keys: Keys, question: str, route: Route
) -> None:
    def traces(sender: str) -> list[Generation]:
        return [each for each in recorder.generations(sent_by=sender) if each.span.says(question)]

    traced_proxy.teach(keys.legal, question, route=route)
    traced_proxy.ask(keys.legal, question, route=route)
    traced_proxy.ask_streamed(keys.legal, question, route=route)
    eventually(lambda: all(len(traces(sender)) >= 3 for sender in SENDERS), what="three traces from either")
    time.sleep(_FLUSHED_S)

    for sender in SENDERS:
        told = [tag for each in traces(sender) for tag in each.tags if tag.startswith("cache:")]
        assert sorted(told) == ["cache:exact", "cache:exact", "cache:miss"]
        assert len({each.trace_id for each in traces(sender)}) == 3


@pytest.mark.parametrize("route", ["v1", "host"])
def test_a_retry_does_not_double_the_tags(
    traced_proxy: RunningProxy, recorder: LangfuseRecorder, provider: Provider, keys: Keys, route: Route
) -> None:
    user = _ask_until_retried(traced_proxy, provider, keys.support, route)

    for sender in SENDERS:
        answered = _paid(recorder, user, sender)
        assert len(answered) == 1
        for each in recorder.generations(user_id=user, sent_by=sender):  # a failed attempt has one of its own
            assert sum(tag == "mine" for tag in each.tags) == 1
            assert [tag for tag in each.tags if tag.startswith("cache:")] == ["cache:miss"]


@pytest.mark.parametrize("route", ["v1", "host"])
def test_a_fallback_after_retries_does_not_double_the_tags(
    traced_proxy: RunningProxy,
    recorder: LangfuseRecorder,
    provider: Provider,
    keys: Keys,
    question: str,
    route: Route,
) -> None:
    user = f"user-{uuid.uuid4()}"
    metadata = {"trace_user_id": user, "tags": ["mine"]}
    traced_proxy.ask(keys.support, question, model="fragile", route=route, extra_body={"metadata": metadata})

    assert provider.times_asked(question) > 2
    for sender in SENDERS:
        [answered] = _paid(recorder, user, sender)
        assert sum(tag == "mine" for tag in answered.tags) == 1
        assert [tag for tag in answered.tags if tag.startswith("cache:")] == ["cache:miss"]


def _ask_until_retried(proxy: RunningProxy, provider: Provider, key: str, route: Route) -> str:
    """One of two deployments always fails: the user whose request met that one first and the other one later."""
    for _ in range(60):  # one in four
        question, user = new_question(), f"user-{uuid.uuid4()}"
        metadata = {"trace_user_id": user, "tags": ["mine"]}
        try:
            proxy.ask(key, question, model="flaky", route=route, extra_body={"metadata": metadata})
        except openai.InternalServerError:  # every attempt met the failing one
            continue
        if provider.times_asked(question) > 1:
            return user
    pytest.fail("no request was ever retried")


def _paid(recorder: LangfuseRecorder, user: str, sender: str) -> list[Generation]:
    """The generations that cost something: those of answers."""

    def found() -> list[Generation]:
        generations = recorder.generations(user_id=user, sent_by=sender)
        return [each for each in generations if not each.is_error and each.cost_usd]

    return eventually(found, what=f"what {sender} sends of the answer")


@pytest.mark.parametrize("route", ["v1", "host"])
def test_tags_that_choose_the_deployment_of_one_group_keep_its_answers_apart(
    traced_proxy: RunningProxy, provider: Provider, keys: Keys, question: str, route: Route
) -> None:
    """A tag there may say where data may go; the tags that we add for the trace choose nothing."""
    for region, step in (("eu", "miss"), ("us", "miss"), ("eu", "exact"), ("us", "exact")):
        ask = traced_proxy.teach if step == "miss" else traced_proxy.ask
        tags = {"metadata": {"tags": [region]}}
        answer = ask(keys.support, question, model="regional", route=route, extra_body=tags)
        assert (region, answer.cache) == (region, step)

    assert [request["body"]["model"] for request in provider.requests_about(question)] == ["gpt-4.1", "gpt-4.1-mini"]


def test_no_secret_and_nothing_of_the_pack_s_inside_is_ever_sent(
    story: Story, recorder: LangfuseRecorder, keys: Keys, traced_proxy: RunningProxy
) -> None:
    assert story
    sent = repr(recorder.spans())

    for secret in (*keys.all(), traced_proxy.master_key, recorder.secret_key):
        assert secret not in sent
    for inside in ("litellm_plugins_ticket", "Ticket", "Decision(", "Verdict("):
        assert inside not in sent


def test_the_recorder_was_spoken_to_as_langfuse_is(story: Story, recorder: LangfuseRecorder) -> None:
    """Right path, right keys, protobuf: what was sent would have reached a Langfuse server."""
    assert story
    assert recorder.refused() == []


def test_a_hit_has_the_same_model_name_as_the_answer_it_repeats(story: Story) -> None:
    """Else a chart of models shows two."""
    for way in WAYS:
        for sender in SENDERS:
            names = {story[way, step].by(sender).model for step in STEPS}
            assert len(names) == 1, f"{way}, {sender}: {json.dumps(sorted(map(str, names)))}"
