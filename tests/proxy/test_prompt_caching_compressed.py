"""Compression and prompt caching together: a conversation costs less than with either, or compression stands down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import KEYS, Provider, RunningProxy, eventually, model, proxy_config
from tests.support.fixtures import CLAUDE

# Dollars a million tokens of claude-sonnet-4-5.
INPUT, WRITE_5M, READ = 3.0, 3.75, 0.3
SYSTEM = "\n".join(
    ["You help the clerks of {}.", *(f"Rule {i}: case {i} is answered with {i * 7}." for i in range(120))]
)
PLAIN = {"metadata": {"feature": "plain"}}
HEADER = "x-litellm-plugins-compression"
# The small one has no room for an answer, so a cascade always goes on.
TIERS: list[dict[str, Any]] = [
    {"name": "small", "models": ["gpt-4.1-mini"], "max_tokens": 3},
    {"name": "strong", "models": [CLAUDE]},
]


@pytest.fixture(scope="module")
def charging() -> Iterator[Provider]:
    """A provider of this module's own: its bill is asked for."""
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def both(charging: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Both are on; what is of feature `plain` is not compressed, and nothing of team legal's is marked."""
    config = proxy_config(
        charging.url,
        pack={
            "cache": {"enabled": False},
            "compression": {"enabled": True, "deadline_ms": 20_000, "features": {"plain": {"enabled": False}}},
            "prompt_caching": {"enabled": True},
            "per_team": {
                "legal": {"prompt_caching": {"enabled": False}},
                "sales": {"prompt_caching": {"move_volatile": True}},
            },
            "routing": {"routers": {"climbing": {"tiers": TIERS, "thresholds": [1.0], "cascade": {}}}},
        },
        more_models=[model(CLAUDE, charging.url, via="anthropic"), model("climbing", charging.url, "gpt-4.1")],
    )
    with RunningProxy(config, tmp_path_factory.mktemp("both"), provider_url=charging.url) as proxy:
        yield proxy


def pasted(turn: int) -> str:
    """Pretty JSON, as programs write it."""
    rows = [
        {"id": 1_000 * turn + i, "name": f"Customer {i}", "amount": i * 37 % 991 + i / 100, "status": "open"}
        for i in range(30)
    ]
    return "Here are the orders:\n\n" + json.dumps(rows, indent=2) + f"\n\nWhich of these is the dearest ({turn})?"


def mostly_prose(turn: int) -> str:
    """Of which less can be saved: to send it anew costs more than four turns of reading it as it is."""
    told = " ".join(f"Customer {turn * 100 + i} wrote that parcel {i * 7} had not come in time." for i in range(60))
    return f"{told}\n\n{pasted(turn)}"


def conversation(
    proxy: RunningProxy, key: str, name: str, plain: range, text: Callable[[int], str] = pasted
) -> list[str]:
    """Six turns; those in `plain` go out uncompressed. What was said of the compression of each."""
    said: list[Any] = [{"role": "system", "content": SYSTEM.format(name)}]
    found = []
    for turn in range(6):
        said.append({"role": "user", "content": text(turn)})
        raw = proxy.client(key).chat.completions.with_raw_response.create(
            model=CLAUDE, messages=said, max_tokens=40, extra_body=PLAIN if turn in plain else {}
        )
        said.append({"role": "assistant", "content": str(raw.parse().choices[0].message.content)})
        found.append(str(raw.headers.get(HEADER) or "none"))
    return found


def usd(provider: Provider) -> float:
    """What its prompts cost, in millionths."""
    bill = provider.bill()[CLAUDE]
    read, written = bill.get("cache_read_tokens", 0), bill.get("cache_written_5m_tokens", 0)
    assert not bill.get("cache_written_1h_tokens", 0)
    return (bill["prompt_tokens"] - read - written) * INPUT + read * READ + written * WRITE_5M


def test_a_conversation_costs_less_with_both_than_with_either_alone(both: RunningProxy, charging: Provider) -> None:
    costs = {}
    for way, key, plain in (
        ("nothing", KEYS.legal, range(6)),
        ("caching", KEYS.support, range(6)),
        ("compression", KEYS.legal, range(0)),
        ("both", KEYS.support, range(0)),
    ):
        charging.clear()
        told = conversation(both, key, f"shop {way}", plain)
        assert set(told) == ({"none"} if plain else {"applied"})
        costs[way] = usd(charging)
    assert costs["both"] < 0.85 * costs["caching"]
    assert costs["both"] < 0.85 * costs["compression"]
    assert max(costs["caching"], costs["compression"]) < costs["nothing"]


def test_switched_on_in_the_middle_it_leaves_what_the_provider_has_cached(
    both: RunningProxy, charging: Provider
) -> None:
    charging.clear()
    alone = conversation(both, KEYS.support, "shop before", range(6), mostly_prose)
    before = usd(charging)
    charging.clear()
    told = conversation(both, KEYS.support, "shop after", range(4), mostly_prose)
    assert set(alone) == {"none"}
    assert told == ["none"] * 4 + ["applied"] * 2, "what is new goes out shorter"
    assert usd(charging) < before
    sent = [json.dumps(each["body"]["messages"]) for each in charging.requests() if each["endpoint"] == "messages"]
    assert len(sent) == 6
    assert all(json.dumps(pasted(0))[1:-1] in each for each in sent), "what was sent as it was stays so"
    assert json.dumps(pasted(5))[1:-1] not in sent[-1]


def test_the_dearer_call_of_a_cascade_leaves_what_its_provider_has_cached(
    both: RunningProxy, charging: Provider
) -> None:
    """The cheap one knows nothing of the conversation, and gets it as short as it can be."""
    said: list[Any] = [{"role": "system", "content": SYSTEM.format("shop climbing")}]
    for turn in range(5):
        said.append({"role": "user", "content": mostly_prose(turn)})
        last = turn == 4
        raw = both.client(KEYS.support).chat.completions.with_raw_response.create(
            model="climbing" if last else CLAUDE, messages=said, max_tokens=40, extra_body={} if last else PLAIN
        )
        said.append({"role": "assistant", "content": str(raw.parse().choices[0].message.content)})
    assert raw.headers["x-litellm-plugins-route-path"] == "small>strong"
    cheap, dear = (json.dumps(each["body"]["messages"]) for each in charging.requests()[-2:])
    old, new = (json.dumps(pasted(turn))[1:-1] for turn in (0, 4))
    assert (old in cheap, new in cheap) == (False, False)
    assert (old in dear, new in dear) == (True, False), "what was cached as it was stays so, what is new is short"
    assert charging.requests()[-1]["cache_read_tokens"] > 5_000


def test_of_a_cascade_each_model_gets_a_timestamp_where_its_own_cache_wants_it(
    both: RunningProxy, charging: Provider
) -> None:
    """OpenAI's as the last line; behind Claude's mark, where it first went to the end for another model."""
    charging.clear()
    rest = SYSTEM.format("shop hourly")
    for turn in range(5):
        line = f"It is 2027-03-05T10:3{turn}:0{turn}Z."
        said: list[Any] = [
            {"role": "system", "content": rest.replace("\n", f"\n{line}\n", 1)},
            {"role": "user", "content": f"Which rule is about case {turn}?"},
        ]
        raw = both.client(KEYS.sales).chat.completions.with_raw_response.create(model="climbing", messages=said)
        assert raw.headers["x-litellm-plugins-route-path"] == "small>strong"
    cheap, dear = charging.requests()[-2:]
    assert cheap["body"]["messages"][0]["content"] == f"{rest}\n{line}"
    assert [each["text"].strip() for each in dear["body"]["system"]] == [rest, line]
    assert ["cache_control" in each for each in dear["body"]["system"]] == [True, False]
    assert dear["cache_read_tokens"] > 1_024


def test_a_turn_without_anything_new_to_shorten_says_that_its_prefix_is_cached(both: RunningProxy) -> None:
    said: list[Any] = [{"role": "system", "content": SYSTEM.format("shop three")}]
    reasons = []
    for turn in range(5):
        said.append({"role": "user", "content": mostly_prose(turn) if turn < 3 else "And why?"})
        raw = both.client(KEYS.support).chat.completions.with_raw_response.create(
            model=CLAUDE, messages=said, max_tokens=40, extra_body=PLAIN if turn < 4 else {}
        )
        said.append({"role": "assistant", "content": str(raw.parse().choices[0].message.content)})
        reasons.append(raw.headers.get(HEADER))
    assert reasons[-1] == "cached_prefix"
    assert raw.headers[f"{HEADER}-tokens-before"] == raw.headers[f"{HEADER}-tokens-after"]


def test_what_each_saved_is_told_at_the_end_of_a_call_and_in_costs(both: RunningProxy) -> None:
    conversation(both, KEYS.support, "shop costs", range(0))

    def costs() -> dict[str, Any]:
        given = {"by": "team", "since": "2h"}
        return dict(both.http("GET", "/plugins/costs", both.master_key, params=given).raise_for_status().json())

    def lines() -> list[dict[str, Any]]:
        return [json.loads(line) for line in both.log().splitlines() if '"call_finished"' in line]

    eventually(lambda: costs()["total"]["requests"] == len(lines()), what="the costs to be counted")
    told, ends = costs(), lines()
    compressed = sum(float(each.get("saved_usd", 0)) for each in ends)
    cached = sum(float(each.get("prompt_cache_usd", 0)) for each in ends)
    assert compressed > 0 < cached
    assert told["saved_by_cause"]["compression"]["usd"] == pytest.approx(compressed, abs=1e-9)
    assert told["saved_by_cause"]["prompt_cache"]["usd"] == pytest.approx(cached, abs=1e-9)
    assert told["total"]["saved_usd"] == pytest.approx(compressed + cached, abs=1e-9)
    metrics = both.metrics()
    saved, extra = (metrics.value(f"litellm_plugins_prompt_cache_{each}_usd_total") for each in ("saved", "extra"))
    assert saved - extra == pytest.approx(cached, abs=1e-9)
    assert metrics.value("litellm_plugins_saved_usd_total", cause="compression") == pytest.approx(compressed, abs=1e-9)
