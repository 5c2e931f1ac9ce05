"""Every stage on at once: what one makes of a request, the next one takes up; the provider and the books agree."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.budgets import held_by, open_calls
from tests.support.fixtures import CLAUDE

NANO = "gpt-4.1-nano"
# Nano-dollars a token: input, written for five minutes, written for an hour, read, output.
PRICES = {CLAUDE: (3_000, 3_750, 6_000, 300, 15_000), NANO: (100, 0, 0, 0, 400)}
TIERS = {"small": NANO, "strong": CLAUDE}
HARD = (
    "Prove which of these people could not have paid twice, derive the largest sum that they may owe together, and"
    " design a counterexample where the order of payments matters. Justify each step"
)
_numbers = itertools.count(1)


def config_of(url: str) -> dict[str, Any]:
    names = ("SIMPLE", "COMPLEX")
    known = {
        "classifier_type": "custom",
        "classifier_plugin": "litellm_plugins.proxy.router",
        "tiers": dict(zip(names, TIERS.values(), strict=True)),
        "tier_labels": dict(zip(names, TIERS, strict=True)),
        "max_tokens_from_tier_model": False,
        "escalation_keywords": [],
        "context_compaction": False,
    }
    of = {"model": "auto_router/complexity_router", "complexity_router_config": known}
    return proxy_config(
        url,
        pack={
            "cache": {"enabled": True, "semantic": {"enabled": False}},
            "coalesce": {"enabled": True},
            "routing": {
                "routers": {"auto": {"tiers": [{"name": name, "models": [of]} for name, of in TIERS.items()]}},
            },
            "compression": {"enabled": True, "deadline_ms": 20_000},
            "output": {"enabled": True, "max_tokens": 900, "features": {"desk": {"max_tokens": 40, "brief": True}}},
            "prompt_caching": {"enabled": True},
            "early_stop": {"enabled": True},
            "budgets": [{"name": "all", "limit_usd": 100}],
        },
        more_models=[
            model(CLAUDE, url, via="anthropic"),
            model(NANO, url),
            {"model_name": "auto", "litellm_params": of},
        ],
    )


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def together(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    folder = tmp_path_factory.mktemp("together")
    with RunningProxy(config_of(charging.url), folder, provider_url=charging.url) as proxy:
        yield proxy


def due(bill: Mapping[str, Mapping[str, int]]) -> int:
    """Nano-dollars that the provider charges."""
    total = 0
    for name, used in bill.items():
        plain, written, kept, read, out = PRICES[name]
        apart = [used.get(f"cache_{what}_tokens", 0) for what in ("written_5m", "written_1h", "read")]
        total += (used["prompt_tokens"] - sum(apart)) * plain + used["completion_tokens"] * out
        total += apart[0] * written + apart[1] * kept + apart[2] * read
    return total


def booked(proxy: RunningProxy, calls: int) -> tuple[int, int]:
    """Spent and reserved, once so many requests are over."""

    def over() -> bool:
        return held_by(proxy, "all").requests >= calls and not open_calls(proxy)

    eventually(over, what="all to be booked", timeout_s=20)
    held = held_by(proxy, "all")
    return held.spent, held.reserved


def instructions() -> str:
    """Of a new application, long enough for the provider to keep."""
    number = next(_numbers)
    rules = (f"Rule {number}-{i}: whoever asks about case {i} gets answer {i}." for i in range(150))
    return "\n".join([f"You help the customers of shop {number}.", *rules])


def records() -> str:
    rows = [{"id": at, "name": f"Ann {at % 7}", "amount": at * 37 % 991, "state": "paid"} for at in range(1, 101)]
    return json.dumps(rows, indent=2)


def told(headers: Mapping[str, str], what: str) -> str:
    return headers[f"x-litellm-plugins-{what}"]


def test_a_conversation_is_routed_compressed_limited_marked_and_booked(
    together: RunningProxy, charging: Provider
) -> None:
    """Each turn is sent to the strong tier; the turns before it go out as they did; the provider reads them again."""
    charging.clear()
    spent, _ = booked(together, held_by(together, "all").requests)
    calls = held_by(together, "all").requests
    client, turns = together.client(KEYS.support), 5
    first = f"These are the payments.\n\n{records()}\n\n{HARD} (case {next(_numbers)})."
    messages: list[Any] = [{"role": "system", "content": instructions()}, {"role": "user", "content": first}]
    seen = []
    for turn in range(turns):
        raw = client.chat.completions.with_raw_response.create(
            model="auto", messages=messages, extra_body={"metadata": {"feature": "desk"}}
        )
        answer = raw.parse()
        assert answer.usage is not None
        assert (told(raw.headers, "route-model"), told(raw.headers, "cache")) == (CLAUDE, "miss")
        assert told(raw.headers, "compression") == "applied"
        assert int(told(raw.headers, "compression-tokens-after")) < 0.6 * int(
            told(raw.headers, "compression-tokens-before")
        )
        assert "max_tokens=40(feature)" in told(raw.headers, "output")
        assert answer.usage.completion_tokens <= 40
        seen.append((raw.headers, answer))
        said = answer.choices[0].message.content
        messages += [{"role": "assistant", "content": said}, {"role": "user", "content": f"{HARD}, turn {turn}."}]

    sent = [request["body"] for request in charging.requests_about(HARD)]
    assert len(sent) == turns
    assert [body["max_tokens"] for body in sent] == [40] * turns
    texts = [json.dumps(_without_marks(body["messages"])) for body in sent]
    assert all(later.startswith(earlier[:-1]) for earlier, later in itertools.pairwise(texts)), "turns are as they were"
    assert len({json.dumps(_without_marks(body["system"])) for body in sent}) == 1
    assert "Answer briefly." in json.dumps(sent[0]["system"])
    details = [answer.usage.prompt_tokens_details for _, answer in seen if answer.usage is not None]
    read = [0 if each is None else each.cached_tokens or 0 for each in details]
    assert read[0] == 0
    assert all(count > 1_024 for count in read[2:]), "the provider's cache outlives compression and brevity"
    assert booked(together, calls + turns) == (spent + due(charging.bill()), 0)


def _without_marks(content: Any) -> Any:
    if isinstance(content, list):
        return [_without_marks(each) for each in content]
    if isinstance(content, dict):
        return {name: _without_marks(each) for name, each in content.items() if name != "cache_control"}
    return content


def test_what_the_host_adds_for_a_router_leaves_hits_on_other_endpoints(together: RunningProxy) -> None:
    """Its check of deployments takes part in every request; with the stock route alone, messages would have no hits."""
    text = f"What is the capital of Spain? ({next(_numbers)})"

    def ask() -> Mapping[str, str]:
        said: Any = [{"role": "user", "content": text}]
        create = together.anthropic(KEYS.support).messages.with_raw_response.create
        return create(model="auto", max_tokens=900, messages=said).headers

    assert told(ask(), "cache-reason") == "exact_only", "and not no_delivery"
    eventually(lambda: told(ask(), "cache") == "exact", what="a hit")


def test_the_same_again_costs_nothing_and_an_easy_one_little(together: RunningProxy, charging: Provider) -> None:
    charging.clear()
    spent, _ = booked(together, held_by(together, "all").requests)
    calls = held_by(together, "all").requests
    easy, number = f"What is the capital of France? ({next(_numbers)})", next(_numbers)
    hard = f"{records()}\n\n{HARD} (once more, {number})."
    for text, of in ((easy, NANO), (hard, CLAUDE)):
        fresh = together.ask(KEYS.support, text, model="auto")
        assert (told(fresh.headers, "route-model"), told(fresh.headers, "cache")) == (of, "miss")

        def hit(text: str = text) -> bool:
            again = together.ask(KEYS.support, text, model="auto")
            return told(again.headers, "cache") == "exact" and again.headers.get("x-litellm-response-cost") == "0.0"

        eventually(hit, what="a hit")
    bill = charging.bill()
    assert set(bill) == {NANO, CLAUDE}
    assert booked(together, calls + 2)[0] - spent == due(bill)


def stopped(proxy: RunningProxy) -> list[dict[str, Any]]:
    return [json.loads(line) for line in proxy.log().splitlines() if '"stream_stopped"' in line]


def test_a_message_that_loops_is_ended_and_booked_as_far_as_it_came(together: RunningProxy, charging: Provider) -> None:
    """By Anthropic's SDK, streamed, through all the stages before."""
    charging.clear()
    # Half of it comes at once, and is as much as the rule lets through.
    text = f"{records()}\n\n{HARD} simulator:loop:144 simulator:pause:30 ({next(_numbers)})."
    with together.anthropic(KEYS.support).messages.stream(
        model="auto", max_tokens=4_000, system=instructions(), messages=[{"role": "user", "content": text}]
    ) as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said
    assert final.usage.output_tokens == 72
    lines = eventually(lambda: stopped(together), what="the early stop to be told")
    assert [line["early_stop"] for line in lines] == ["repetition"]
    eventually(lambda: not open_calls(together), what="nothing to be under way", timeout_s=20)
    assert held_by(together, "all").reserved == 0
