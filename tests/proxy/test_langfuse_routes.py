"""What a Langfuse trace says of a routed request: tier, arm, score, path; and both calls of a cascade, as billed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx  # noqa: TC002 - a dataclass's field
import pytest

from tests.support import Keys, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import billed
from tests.support.fixtures import new_question
from tests.support.langfuse import Generation, LangfuseRecorder, Span

SENDERS = ("langfuse_otel", "langfuse")
CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
NANO, MINI, STRONG = "gpt-4.1-nano", "gpt-4.1-mini", "gpt-4.1"
HARD = (
    " Prove that the algorithm for distributed consensus in it never deadlocks, derive its complexity, and design a"
    " counterexample where the invariant does not hold without the transaction. Justify each step."
)
LONG, SHORT = "I'm not sure, it may be Lyon. " * 200, "I'm not sure."
OURS = ("tier:", "arm:", "escalated:")


@dataclass(frozen=True, slots=True)
class Case:
    """One request for a router, and what its trace has to say."""

    router: str
    tags: frozenset[str]
    metadata: Mapping[str, str]
    absent: tuple[str, ...] = ()  # from the metadata
    attempts: int = 1  # generations: failed ones too
    path: str = CHAT
    words: str = ""  # more of the question
    stream: bool = False
    limit: int = 900  # tokens of an answer


@dataclass(frozen=True, slots=True)
class Escalated(Case):
    """From the cheapest tier to the dearer one, for an answer that hedges."""

    router: str = "careful"
    tags: frozenset[str] = frozenset({"tier:complex", "escalated:hedging"})
    metadata: Mapping[str, str] = field(
        default_factory=lambda: {
            "route_tier": "complex",
            "route_model": STRONG,
            "route_reason": "escalated",
            "route_path": "simple>complex",
            "route_escalated": "hedging",
        }
    )
    absent: tuple[str, ...] = ("route_kept",)
    attempts: int = 2
    words: str = " unsure"


def kept(router: str, why: str, **other: Any) -> Case:
    told = {"route_tier": "simple", "route_model": NANO, "route_path": "simple", "route_kept": why}
    return Case(router, frozenset({"tier:simple"}), told, ("route_escalated",), **other)


CASES: Mapping[str, Case] = {
    "easy": Case(
        "auto",
        frozenset({"tier:small"}),
        {"route_tier": "small", "route_model": NANO, "route_reason": "score", "route_mode": "active"},
        ("route_arm", "route_path", "route_kept"),
    ),
    "hard": Case(
        "auto", frozenset({"tier:strong"}), {"route_tier": "strong", "route_model": STRONG}, words=HARD, path=RESPONSES
    ),
    "in an arm": Case(
        "trial",
        frozenset({"tier:strong", "arm:b"}),
        {"route_model": MINI, "route_experiment": "autumn", "route_arm": "b"},
        words=HARD,
    ),
    "passed": kept("careful", "passed"),
    "passed, streamed": kept("careful", "passed", stream=True),
    "escalated": Escalated(),
    "escalated, streamed": Escalated(stream=True),
    "escalated messages": Escalated(path=MESSAGES),
    "escalated messages, streamed": Escalated(path=MESSAGES, stream=True),
    "escalated responses": Escalated(path=RESPONSES),
    "after a long answer": Escalated(words=" unsure at length", limit=9_000),  # which costs more than the better one
    "in vain": kept("stuck", "dearer_failed", words=" unsure", attempts=2),
    "in vain, streamed": kept("stuck", "dearer_failed", words=" unsure", attempts=2, stream=True),
}
all_cases = pytest.mark.parametrize("name", CASES)
all_senders = pytest.mark.parametrize("sender", SENDERS)


@dataclass(frozen=True, slots=True)
class Told:
    """One request: what its client got, what its provider charged, and where Langfuse's spans are."""

    response: httpx.Response
    billed_nano_usd: int
    billed_tokens: tuple[int, int]
    recorder: LangfuseRecorder

    @property
    def call_id(self) -> str:
        return str(self.response.headers["x-litellm-call-id"])

    def spans(self, sender: str) -> list[Span]:
        return self.recorder.trace(self.call_id.replace("-", ""), sent_by=sender)

    def root(self, sender: str) -> Span:
        [root] = [span for span in self.spans(sender) if not span.parent_id]
        return root

    def generations(self, sender: str) -> list[Generation]:
        return [found for span in self.spans(sender) if (found := Generation.of(span))]


Story = Mapping[str, Told]


def script(of: str, question: str) -> str | None:
    """The cheap model does not know."""
    if "unsure" not in question:
        return None
    return (LONG if "length" in question else SHORT) if of == NANO else "Paris has been the capital since 987."


def config_of(url: str, budgets: list[dict[str, Any]]) -> dict[str, Any]:
    def ladder(threshold: float, more: Mapping[str, Any] | None = None, **models: str) -> dict[str, Any]:
        tiers = [{"name": name, "models": [of]} for name, of in models.items()]
        return {"tiers": tiers, "thresholds": [threshold], **(more or {})}

    arms = [{"name": "b", "model": MINI, "share": "100%"}]
    trial = {"name": "autumn", "tier": "strong", "arms": arms, "sticky": "key"}
    routers = {
        "auto": ladder(0.5, small=NANO, strong=STRONG),
        "trial": ladder(0.5, {"experiments": [trial]}, small=NANO, strong=STRONG),
        "careful": ladder(0.99, {"cascade": {}}, simple=NANO, complex=STRONG),
        "stuck": ladder(0.99, {"cascade": {}}, simple=NANO, complex="failing"),
    }
    more: dict[str, Any] = {"budgets": budgets} if budgets else {}
    return proxy_config(
        url,
        pack={"cache": {"semantic": {"enabled": False}}, "routing": {"routers": routers}, **more},
        more_models=[
            model(NANO, url),
            model("failing", url, STRONG, extra_headers={"x-simulator-fault": "error:500"}),
            *(model(name, url, MINI) for name in routers),
        ],
        litellm_settings={"callbacks": [*SENDERS, "litellm_plugins.proxy.handler"]},
    )


@pytest.fixture(scope="module", params=["with budgets", "without"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningProxy, Provider, LangfuseRecorder]]:
    """Both of the host's Langfuse callbacks; what a cascade costs is booked by the ledger, or summed up without one."""
    budgets = [{"name": "all", "limit_usd": 1_000}] if request.param == "with budgets" else []
    with (
        Provider(script=script) as charging,
        LangfuseRecorder() as recorder,
        RunningProxy(
            config_of(charging.url, budgets),
            tmp_path_factory.mktemp("routes"),
            provider_url=charging.url,
            env=recorder.env(),
        ) as proxy,
    ):
        yield proxy, charging, recorder


@pytest.fixture(scope="module")
def story(world: tuple[RunningProxy, Provider, LangfuseRecorder], keys: Keys) -> Story:
    """Every case, asked."""
    proxy, charging, recorder = world
    told: dict[str, Told] = {}
    for name, each in CASES.items():
        charging.clear()
        response = _ask(proxy, keys.support, each)
        assert response.status_code == 200, (name, response.text)
        bill = charging.bill().values()
        tokens = (sum(b["prompt_tokens"] for b in bill), sum(b["completion_tokens"] for b in bill))
        told[name] = Told(response, billed(charging), tokens, recorder)
    eventually(
        lambda: all(_has_come(told[name], each, sender) for name, each in CASES.items() for sender in SENDERS),
        what="a whole trace of every request",
        timeout_s=40,
    )
    return told


def _has_come(told: Told, each: Case, sender: str) -> bool:
    spans = told.spans(sender)
    return any(not span.parent_id for span in spans) and len(told.generations(sender)) >= each.attempts


def _ask(proxy: RunningProxy, key: str, each: Case) -> httpx.Response:
    question = f"{new_question()}{each.words}"
    body: dict[str, Any] = {"model": each.router, "stream": each.stream}
    if each.path == RESPONSES:
        body |= {"input": question, "max_output_tokens": each.limit}
    else:
        body |= {"messages": [{"role": "user", "content": question}], "max_tokens": each.limit}
    return proxy.http("POST", each.path, key, json=body)


@all_cases
@all_senders
def test_the_root_is_tagged_with_where_the_answer_came_from(story: Story, name: str, sender: str) -> None:
    found = {tag for tag in story[name].root(sender).tags if tag.startswith(OURS)}
    assert found == CASES[name].tags


@all_cases
@all_senders
def test_the_metadata_are_flat_words_and_the_score(story: Story, name: str, sender: str) -> None:
    prefix = "langfuse.trace.metadata."
    told = {k.removeprefix(prefix): v for k, v in story[name].root(sender).attributes.items() if k.startswith(prefix)}
    assert CASES[name].metadata.items() <= told.items()
    assert not set(CASES[name].absent) & set(told)
    assert 0 <= float(told["route_score"]) <= 1
    assert f"{float(told['route_score']):.4f}" == story[name].response.headers["x-litellm-plugins-route-score"]
    assert "plugins.route" in {span.name for span in story[name].spans(sender)}


@all_cases
@all_senders
def test_all_calls_are_generations_of_one_trace_under_one_span(story: Story, name: str, sender: str) -> None:
    told, root = story[name], story[name].root(sender)
    generations = [each for each in told.generations(sender) if each.span.name != "plugins.charge"]
    assert root.name == "plugins.request"
    assert len(generations) == CASES[name].attempts
    assert {each.span.parent_id for each in generations} == {root.span_id}


@all_cases
@all_senders
def test_the_costs_of_a_trace_are_what_the_provider_charged(story: Story, name: str, sender: str) -> None:
    costs = sum(round((each.cost_usd or 0.0) * 1e9) for each in story[name].generations(sender))
    assert costs == story[name].billed_nano_usd > 0


@all_cases
def test_the_log_has_the_dollars_and_the_tokens_of_all_calls(
    story: Story, world: tuple[RunningProxy, Provider, LangfuseRecorder], name: str
) -> None:
    lines = [json.loads(text[text.index("{") :]) for text in world[0].log().splitlines() if '"call_finished"' in text]
    [line] = [each for each in lines if each["call_id"] == story[name].call_id]
    assert round(float(line["cost_usd"]) * 1e9) == story[name].billed_nano_usd
    assert (line["prompt_tokens"], line["completion_tokens"]) == story[name].billed_tokens
    assert line["route"].startswith(f"{CASES[name].router}/{CASES[name].metadata.get('route_tier', 'strong')}")


@all_senders
def test_a_hit_of_an_escalated_answer_names_no_tier_and_costs_nothing(
    world: tuple[RunningProxy, Provider, LangfuseRecorder], keys: Keys, sender: str
) -> None:
    proxy, _, recorder = world
    body = {"model": "careful", "messages": [{"role": "user", "content": f"{new_question()} unsure"}]}

    def hit() -> httpx.Response | None:
        answer = proxy.http("POST", CHAT, keys.support, json=body)
        return answer if answer.headers["x-litellm-plugins-cache"] == "exact" else None

    answer = eventually(hit, what="a hit")
    assert answer is not None
    told = Told(answer, 0, (0, 0), recorder)
    eventually(lambda: any(not span.parent_id for span in told.spans(sender)), what="its trace")
    assert not {tag for tag in told.root(sender).tags if tag.startswith(OURS)}
    assert sum(each.cost_usd or 0.0 for each in told.generations(sender)) == 0


@pytest.mark.parametrize(("name", "tier"), [("escalated", "complex"), ("passed", "simple"), ("in vain", "simple")])
def test_a_thumb_counts_for_the_tier_whose_answer_it_is_about(
    story: Story, world: tuple[RunningProxy, Provider, LangfuseRecorder], keys: Keys, name: str, tier: str
) -> None:
    proxy = world[0]

    def thumbs() -> int:
        report = proxy.http("GET", "/plugins/routing/report?since=24h", proxy.master_key).json()["rows"]
        router = CASES[name].router
        return sum(row["thumbs_up"] for row in report if (row["router"], row["tier"]) == (router, tier))

    before = thumbs()
    said = {"call_id": story[name].call_id, "verdict": "up"}
    told = proxy.http("POST", "/plugins/feedback", keys.support, json=said)
    assert told.status_code == 200, told.text
    assert thumbs() == before + 1
