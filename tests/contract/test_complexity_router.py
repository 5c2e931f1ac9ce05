"""What the host's `auto_router/complexity_router` does with a classifier of one's own, and what moving a request does.

docs/adr/0007-routing-seat.md decides by these facts where our routing sits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import openai
import pytest

from tests.contract.conftest import _PROBE, Contract
from tests.support import Provider, RunningProxy, model, proxy_config
from tests.support.fixtures import CLAUDE, new_question

TIERS = {"SIMPLE": "gpt-4.1-nano", "MEDIUM": "gpt-4.1-mini", "COMPLEX": "gpt-4.1", "REASONING": "fragile"}
SIX = ("first", "second", "third", "fourth", "fifth", "sixth")
OFF = {"max_tokens_from_tier_model": False, "escalation_keywords": [], "context_compaction": False}
BY_HEURISTIC = {
    "none": "declined",
    "raise": "classifier_error",
    "slow": "timeout",
    "bogus": "invalid_response",
}
ENDPOINTS = pytest.mark.parametrize("endpoint", ["chat", "messages", "responses", "completions"])
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "streamed"])
FAILS: Any = {"extra_headers": {"x-simulator-fault": "error:500"}}


def router(name: str, classifier: str, **config: Any) -> dict[str, Any]:
    """An entry of the model list that is classified by `contract_classifiers.CLASSIFIER`."""
    of = {
        "classifier_type": "custom",
        "classifier_plugin": f"contract_classifiers.{classifier}",
        "classifier_plugin_timeout_ms": 300,
        **config,
    }
    return {
        "model_name": name,
        "litellm_params": {"model": "auto_router/complexity_router", "complexity_router_config": of},
    }


def defined(*names: str, models: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Tiers by names of one's own."""
    return {
        "tier_definitions": [{"name": name, "description": f"tier {name}"} for name in names],
        "tiers": {name: (models or {}).get(name, "gpt-4.1-mini") for name in names},
        "fallback_tier": names[0],
    }


@pytest.fixture(scope="module")
def routers(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    """A proxy with several complexity routers, each with a classifier of its own."""
    config = proxy_config(
        provider.url,
        pack={"cache": {"enabled": False}},
        more_models=[
            model("gpt-4.1-nano", provider.url),
            model(CLAUDE, provider.url, via="anthropic"),
            model("lonely", provider.url, "gpt-4.1", **FAILS),
            router("auto", "first", tiers=TIERS, tier_labels={"SIMPLE": "Cheap", "COMPLEX": "Strong"}),
            router("plain", "second", tiers={**TIERS, "REASONING": "lonely"}, **OFF),
            router("own", "third", **defined(*SIX, models={"sixth": CLAUDE})),
            router("faithful", "fourth", tiers=TIERS, session_affinity=True, **OFF),
            router("chained", "fifth", tiers={"SIMPLE": "lonely", "MEDIUM": "gpt-4.1-mini"}, **OFF),
        ],
        litellm_settings={
            "callbacks": [
                "litellm_plugins.proxy.handler",
                "contract_callbacks.quiet",
                "contract_callbacks.loud",
                "contract_callbacks.mover",
            ]
        },
        general_settings={"custom_auth": "contract_auth.identify"},
        router_settings={
            "num_retries": 1,
            "fallbacks": [{"fragile": ["gpt-4.1-mini"]}, {"chained": ["gpt-4.1-nano"]}],
            "model_group_alias": {"gpt-4o": "plain"},
        },
    )
    folder = tmp_path_factory.mktemp("routers")
    env = {"PYTHONPATH": str(_PROBE), "CONTRACT_SECRET": "-"}
    with RunningProxy(config, folder, provider_url=provider.url, env=env) as proxy:
        yield Contract(proxy, provider)


def landed(contract: Contract, question: str) -> list[str]:
    """The provider's models that were asked."""
    return [each["body"]["model"] for each in contract.provider.requests_about(question)]


def classified(contract: Contract, question: str) -> list[dict[str, Any]]:
    """What the classifiers saw of it."""
    found: list[dict[str, Any]] = contract.proxy.http("GET", "/contract/classified", params={"about": question}).json()
    return found


def decided(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The host's own words for it."""
    return headers.get("x-litellm-complexity-router-tier"), headers.get("x-litellm-complexity-router-cause")


def moved_to(target: str) -> dict[str, Any]:
    return {"extra_headers": {"x-contract-model": target}}


def one(events: list[dict[str, Any]], what: str) -> dict[str, Any]:
    [event] = [event for event in events if event["what"] == what]
    return event


def ask(
    contract: Contract, endpoint: str, key: str, question: str, streamed: bool, **more: Any
) -> tuple[set[str], Any]:
    """The model names that the client is told, and the headers."""
    if endpoint == "messages":
        body: dict[str, Any] = {"max_tokens": 50, "messages": [{"role": "user", "content": question}], **more}
        client = contract.proxy.anthropic(key)
        if streamed:
            with client.messages.stream(model="auto", **body) as stream:
                return {stream.get_final_message().model}, stream.response.headers
        raw = client.messages.with_raw_response.create(model="auto", **body)
        return {raw.parse().model}, raw.headers
    if endpoint == "chat":
        if streamed:
            chunks, headers = contract.proxy.ask_streamed(key, question, model="auto", **more)
            return {chunk.model for chunk in chunks}, headers
        answer = contract.proxy.ask(key, question, model="auto", **more)
        return {answer.body.model}, answer.headers
    openai_client = contract.proxy.client(key)
    if endpoint == "responses":
        reply = openai_client.responses.with_raw_response.create(model="auto", input=question, stream=streamed, **more)
        parsed: Any = reply.parse()
        if streamed:
            told = [getattr(event, "response", None) for event in parsed]
            return {response.model for response in told if response is not None}, reply.headers
        return {parsed.model}, reply.headers
    done = openai_client.completions.with_raw_response.create(model="auto", prompt=question, stream=streamed, **more)
    completion: Any = done.parse()
    return {chunk.model for chunk in completion} if streamed else {completion.model}, done.headers


# As a classifier of the host's router


def test_a_key_that_may_use_only_auto_is_served_by_the_tiers_models(routers: Contract, question: str) -> None:
    """We stand on this because `auto` must not open the models behind it."""
    key, asked = routers.key("models=auto"), f"{question} tier:COMPLEX"
    answer = routers.proxy.ask(key, asked, model="auto")

    assert landed(routers, question) == ["gpt-4.1"]
    assert answer.body.model == "auto"
    assert decided(answer.headers) == ("COMPLEX", "classifier_plugin")
    with pytest.raises(openai.PermissionDeniedError):
        routers.proxy.ask(key, question, model="gpt-4.1")


@pytest.mark.parametrize(("said", "model_asked"), [("Cheap", "gpt-4.1-nano"), ("SIMPLE", "gpt-4.1-nano")])
def test_a_tier_goes_by_its_label_and_by_its_name(
    routers: Contract, question: str, said: str, model_asked: str
) -> None:
    """We stand on this because our tiers have names of their own, and headers tell only the host's."""
    answer = routers.proxy.ask(routers.key(), f"{question} tier:{said}", model="auto")

    assert landed(routers, question) == [model_asked]
    assert decided(answer.headers) == ("SIMPLE", "classifier_plugin")


@pytest.mark.parametrize(("said", "reason"), BY_HEURISTIC.items())
def test_no_usable_tier_is_the_host_s_heuristic(routers: Contract, question: str, said: str, reason: str) -> None:
    """We stand on this because a broken classifier must not break requests, and "none" is no opinion but the host's."""
    call = routers.call_id()
    answer = routers.proxy.ask(routers.key(), f"{question} tier:{said}", model="auto", **call)
    logged = json.loads(one(routers.events(call, until="log_success"), "log_success")["payload_text"])

    assert decided(answer.headers) == ("SIMPLE", "heuristic_scorer")
    assert logged["metadata"]["routing_decision"]["classifier_failure_reason"] == reason


def test_six_tiers_of_own_names_fall_back_to_the_one_that_is_named(routers: Contract) -> None:
    """We stand on this because it is what own names cost: see the limits below."""
    sixth, none = new_question(), new_question()
    routers.proxy.ask(routers.key(), f"{sixth} tier:sixth", model="own")
    answer = routers.proxy.ask(routers.key(), f"{none} tier:none", model="own")

    assert landed(routers, sixth) == [CLAUDE]
    assert decided(answer.headers) == ("first", "classifier_fallback")


def test_without_a_licence_only_one_router_may_have_tiers_of_own_names(host: Any) -> None:
    """We stand on this because a proxy may need more than one router."""
    two = [router(name, "third", **defined("small", "large")) for name in ("one", "other")]

    assert host._license_check.auto_router_capability_limit() == 1
    host.validate_auto_router_capability_limits(two[:1], limit=1)
    with pytest.raises(ValueError, match="At most 1 auto-router"):
        host.validate_auto_router_capability_limits(two, limit=1)


def test_own_names_exclude_affinity_and_the_built_in_ladder_ends_at_five(host: Any) -> None:
    """We stand on this because six tiers and a session's pin cannot both be had from the host."""
    from litellm.router_strategy.complexity_router.config import ComplexityRouterConfig, ComplexityTier

    class Silent:
        async def classify(self, context: Any) -> str | None:
            return None

    own = {"classifier_type": "custom", "classifier_plugin": Silent(), **defined("small", "large")}
    ComplexityRouterConfig.model_validate(own)
    for wish in ({"session_affinity": True}, {"escalation_keywords": ["MORE"]}, {"tier_labels": {"SIMPLE": "small"}}):
        with pytest.raises(ValueError, match="cannot be combined with tier_definitions"):
            ComplexityRouterConfig.model_validate({**own, **wish})
    assert len(ComplexityTier) == 5


def test_each_router_asks_its_own_classifier(routers: Contract) -> None:
    """We stand on this because several routers may run at once, and the context does not name theirs."""
    for name, by in (("auto", "first"), ("plain", "second"), ("own", "third")):
        question = new_question()
        routers.proxy.ask(routers.key(), f"{question} tier:SIMPLE", model=name)
        assert [each["by"] for each in classified(routers, question)] == [by]


@ENDPOINTS
@STREAMED
def test_the_classifier_is_asked_on_every_endpoint_and_finds_our_ticket(
    routers: Contract, question: str, endpoint: str, streamed: bool
) -> None:
    """We stand on this because messages alone say neither tools nor endpoint nor who asks: the ticket does."""
    ask(routers, endpoint, routers.key("models=auto"), f"{question} tier:MEDIUM", streamed)
    [seen] = classified(routers, question)

    assert landed(routers, question) == ["gpt-4.1-mini"]
    assert seen["fields"] == ["candidate_models", "metadata", "raw_messages", "signals", "structured_messages"]
    assert (seen["ticket"], seen["decides_for"], seen["endpoint"], seen["streams"]) == (
        "Ticket",
        "auto",
        endpoint,
        streamed,
    )
    assert question in seen["messages"][-1]["content"]


def test_a_tier_that_fails_falls_over_by_its_own_chain_then_by_the_router_s(routers: Contract) -> None:
    """We stand on this because a key of `auto` alone must be served all the same; and the tier is forgotten."""
    own_chain, router_s = new_question(), new_question()
    answer = routers.proxy.ask(routers.key("models=auto"), f"{own_chain} tier:REASONING", model="auto")
    routers.proxy.ask(routers.key(), f"{router_s} tier:SIMPLE", model="chained")

    assert landed(routers, own_chain)[-1] == "gpt-4.1-mini"
    assert landed(routers, router_s)[-1] == "gpt-4.1-nano"
    assert answer.body.model == "gpt-4.1-mini"
    assert decided(answer.headers) == (None, None)


def test_a_tier_s_model_is_not_retried(routers: Contract) -> None:
    """We stand on this because `num_retries` is 1: a request that is moved to the same model is tried twice."""
    routed, moved = new_question(), new_question()
    for question, more in ((f"{routed} tier:REASONING", {}), (moved, moved_to("lonely"))):
        with pytest.raises(openai.InternalServerError):
            routers.proxy.ask(routers.key(), question, model="plain", **more)

    assert len(landed(routers, routed)) == 1
    assert len(landed(routers, moved)) == 2


def test_a_session_s_pin_goes_past_the_classifier(routers: Contract) -> None:
    """We stand on this because nobody would look at its budget, its length or its images any more."""
    key = routers.key()
    same: dict[str, Any] = {"extra_body": {"metadata": {"session_id": "contract"}}}
    before, after = new_question(), new_question()
    routers.proxy.ask(key, f"{before} tier:SIMPLE", model="faithful", **same)
    answer = routers.proxy.ask(key, f"{after} tier:COMPLEX", model="faithful", **same)

    assert landed(routers, after) == ["gpt-4.1-nano"]
    assert decided(answer.headers) == ("SIMPLE", "session_affinity_pin")
    assert not classified(routers, after)


def test_a_prompt_may_raise_its_own_tier_unless_that_is_switched_off(routers: Contract) -> None:
    """We stand on this because words in a prompt must not steer the router."""
    by_default, off = new_question(), new_question()
    for question, name in ((by_default, "auto"), (off, "plain")):
        routers.proxy.ask(routers.key(), f"{question} tier:SIMPLE LITELLM ESCALATE", model=name)

    assert landed(routers, by_default) == ["gpt-4.1-mini"]
    assert landed(routers, off) == ["gpt-4.1-nano"]


def test_the_client_s_max_tokens_are_replaced_unless_that_is_switched_off(routers: Contract) -> None:
    """We stand on this because a budget reserves by what the client allowed."""
    by_default, off = new_question(), new_question()
    for question, name in ((by_default, "auto"), (off, "plain")):
        routers.proxy.ask(routers.key(), f"{question} tier:SIMPLE", model=name, max_tokens=7)

    sent = [routers.provider.requests_about(each)[0]["body"]["max_tokens"] for each in (by_default, off)]
    assert sent == [32_768, 7]


def test_which_hook_is_told_which_model(routers: Contract, question: str) -> None:
    """We stand on this because budgets by model and prices by model group would look for the wrong name."""
    call = routers.call_id()
    answer = routers.proxy.ask(routers.key(), f"{question} tier:SIMPLE", model="auto", **call)
    events = routers.events(call, until="log_success")
    logged = json.loads(one(events, "log_success")["payload_text"])

    assert {event["model"] for event in events if event["what"] == "filter_deployments"} == {"gpt-4.1-nano"}
    assert one(events, "pre_call_deployment")["model_group"] == "auto"
    assert (logged["model_group"], logged["model"]) == ("auto", "openai/gpt-4.1-nano")
    assert logged["metadata"]["routing_decision"]["tier_label"] == "Cheap"
    assert answer.headers["x-litellm-model-group"] == "auto"


@pytest.mark.parametrize("how", ["routed", "moved"])
def test_a_stream_of_a_router_s_is_logged_as_free_unless_its_client_asks_for_usage(
    routers: Contract, question: str, how: str
) -> None:
    """We stand on this because the bill would be short of it: we must ask for its usage ourselves."""
    costs = []
    mores: list[dict[str, Any]] = [{}, {"stream_options": {"include_usage": True}}]
    for more in mores:
        call = routers.call_id()
        if how == "moved":
            call["extra_headers"] |= moved_to("gpt-4.1-mini")["extra_headers"]
        routers.proxy.ask_streamed(routers.key(), f"{question} tier:MEDIUM", model="auto", **call, **more)
        costs.append(one(routers.events(call, until="log_success"), "log_success")["response_cost"])

    assert costs[0] == 0
    assert costs[1] > 0


def test_an_alias_makes_an_old_model_routable_for_everybody(routers: Contract, question: str) -> None:
    """We stand on this because it is to be so for some keys and teams only."""
    answer = routers.proxy.ask(routers.key("models=gpt-4o"), f"{question} tier:COMPLEX", model="gpt-4o")

    assert landed(routers, question) == ["gpt-4.1"]
    assert answer.body.model == "gpt-4o"


# As a stage of our own, which moves the request in its pre-call hook


@ENDPOINTS
@STREAMED
def test_a_moved_request_is_served_for_a_key_of_auto_alone(
    routers: Contract, question: str, endpoint: str, streamed: bool
) -> None:
    """We stand on this because it is our seat: let in as `auto`, sent on as another model, answered as `auto`."""
    told, headers = ask(routers, endpoint, routers.key("models=auto"), question, streamed, **moved_to("gpt-4.1-mini"))

    assert landed(routers, question) == ["gpt-4.1-mini"]
    assert told == ({"gpt-4.1-mini"} if endpoint == "responses" and streamed else {"auto"})
    assert headers["x-litellm-model-group"] == "gpt-4.1-mini"
    assert not classified(routers, question)


@STREAMED
def test_a_moved_request_falls_over_by_the_chain_of_its_model(routers: Contract, question: str, streamed: bool) -> None:
    """We stand on this because a failing tier must not fail the request."""
    told, _ = ask(routers, "chat", routers.key("models=auto"), question, streamed, **moved_to("fragile"))

    assert landed(routers, question)[-1] == "gpt-4.1-mini"
    assert told == {"gpt-4.1-mini"}


def test_a_moved_request_is_logged_as_of_its_model(routers: Contract, question: str) -> None:
    """We stand on this because spend by model, prices by model group and budgets by model are then right."""
    call = routers.call_id()
    call["extra_headers"] |= moved_to("gpt-4.1-mini")["extra_headers"]
    routers.proxy.ask(routers.key("models=auto"), question, model="auto", max_tokens=7, **call)
    events = routers.events(call, until="log_success")
    logged = json.loads(one(events, "log_success")["payload_text"])

    assert one(events, "pre_call_deployment")["model_group"] == "gpt-4.1-mini"
    assert (logged["model_group"], logged["model"]) == ("gpt-4.1-mini", "openai/gpt-4.1-mini")
    assert routers.provider.requests_about(question)[0]["body"]["max_tokens"] == 7


@pytest.mark.parametrize("how", ["routed", "moved"])
def test_a_key_s_budget_for_a_tier_s_model_is_not_asked(routers: Contract, question: str, how: str) -> None:
    """We stand on this because the host asks for it in auth, by the name the client used: only ours cover tiers."""
    key = routers.key("spent=gpt-4.1")
    with pytest.raises(openai.APIStatusError, match="xceeded budget"):
        routers.proxy.ask(key, question, model="gpt-4.1")
    more = moved_to("gpt-4.1") if how == "moved" else {}
    routers.proxy.ask(key, f"{question} tier:COMPLEX", model="auto", **more)

    assert landed(routers, question) == ["gpt-4.1"]
